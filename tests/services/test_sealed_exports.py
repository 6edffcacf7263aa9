"""A file of entries proves itself without a database, and whatever was done to it is named."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from app.actor import Actor, Command
from app.config import Settings
from app.database import reading as asking
from app.permissions import Permission
from app.seals import exporting, reading
from app.seals.keys import of_texts
from tests.people import Company
from tests.services.sealed import Log, log_of


@pytest.fixture
async def log(bound: Settings, admin: asyncpg.Connection) -> Log:
    """Seals over 5, 1 and 4 entries, and one entry that waits."""
    made = log_of(bound, admin)
    await made.sealed(5, 1, 4)
    assert await made.write(1) == [11]
    return made


async def exported(log: Log, actor: Actor, path: Path, ids: list[int], *, signed: bool = True) -> list[bytes]:
    async with asking(actor, Permission.AUDIT_READ) as work:
        made = [line async for line in exporting.lines(work, ids, log.sealer.keys.signer if signed else None)]
    await asyncio.to_thread(path.write_bytes, b"".join(made))
    return made


def sentences(report: reading.Report) -> list[str]:
    return [problem.sentence for problem in report.problems]


async def test_a_file_of_some_entries_verifies_by_the_public_key_alone(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "AT_A_TIME", 3)
    made = await exported(log, Command("root"), tmp_path / "log.jsonl", [11, 10, 8, 6, 3, 1])
    assert len(made) == 1 + 6 + 3 + 1
    signer = log.sealer.keys.signer
    assert signer is not None
    report = reading.verify(tmp_path / "log.jsonl", of_texts([signer.public.hex()]))
    assert (report.entries, report.waiting, report.seals, report.is_whole, report.problems) == (6, 1, 3, True, [])
    other = reading.verify(tmp_path / "log.jsonl", of_texts(["00" * 32]))
    assert sentences(other)[:3] == [
        f"Seal {seq} is signed by a key that is not ours ({signer.key_id})." for seq in range(3)
    ]
    assert not other.is_whole


async def test_a_file_holds_only_what_its_maker_may_see(log: Log, company: Company, tmp_path: Path) -> None:
    told = "INSERT INTO audit_entries (team_id, actor_name, actor_kind, action, target_type, target_id, target_label)"
    told += " VALUES ($1, 'Ann', 'staff', 'team.renamed', 'team', 'x', 'Acme') RETURNING id"
    mine, theirs = [await log.admin.fetchval(told, team) for team in (company.acme, company.nordlicht)]
    await log.sealer.seal()
    made = await exported(log, company.tess, tmp_path / "log.jsonl", [1, mine, theirs], signed=False)
    report = reading.verify(tmp_path / "log.jsonl", log.sealer.keys.public)
    assert (report.entries, report.seals, report.is_whole, report.problems) == (1, 1, False, [])
    assert str(company.acme).encode() in made[1]


Tamper = Callable[[list[bytes]], list[bytes]]


def _edit(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b"Acme", b"Beta"), *lines[2:]]


def _remove(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], *lines[3:]]


def _move(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b'"index":0', b'"index":1'), *lines[2:]]


def _no_seal(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-2], lines[-1]]


def _seal(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-2], lines[-2].replace(b'"total":', b'"total":1'), lines[-1]]


def _cut(lines: list[bytes]) -> list[bytes]:
    return lines[:-1]


def _noise(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-1], b"\xff\n", lines[-1]]


COUNTS = "of the file counts other lines than there are: some were added or taken out."


@pytest.mark.parametrize(
    ("tamper", "wanted"),
    [
        (_edit, "Entry 1 was changed after it was sealed (seal 0)."),
        (_remove, COUNTS),
        (_move, "Entry 1 was changed after it was sealed (seal 0)."),
        (_no_seal, "Line 4 of the file names seal 2, which is not in the file."),
        (_seal, "Seal 2 was changed: it does not say what was signed."),
        (_cut, "Line 6 of the file is the last, and does not say that it is."),
        (_noise, "Line 7 of the file cannot be read."),
    ],
    ids=["edited", "removed", "moved", "seal removed", "seal edited", "cut", "noise"],
)
async def test_what_was_done_to_a_file_is_named(log: Log, tmp_path: Path, tamper: Tamper, wanted: str) -> None:
    made = await exported(log, Command("root"), tmp_path / "log.jsonl", [1, 2, 9])
    (tmp_path / "log.jsonl").write_bytes(b"".join(tamper(made)))
    found = sentences(reading.verify(tmp_path / "log.jsonl", log.sealer.keys.public))
    assert any(wanted in sentence for sentence in found), found
    if tamper is not _cut:
        assert any(COUNTS in sentence for sentence in found), found


async def test_a_last_line_that_was_made_anew_lacks_the_key(log: Log, tmp_path: Path) -> None:
    await exported(log, Command("root"), tmp_path / "whole.jsonl", [1, 2, 9])
    shorter = await exported(log, Command("root"), tmp_path / "log.jsonl", [1, 9], signed=False)
    report = reading.verify(tmp_path / "log.jsonl", log.sealer.keys.public)
    assert (report.is_whole, report.problems) == (False, []), "nobody said that it is all"
    forged = shorter[-1].replace(b"}}", b',"key_id":"0000000000000000","signature":"' + b"00" * 64 + b'"}}')
    (tmp_path / "log.jsonl").write_bytes(b"".join([*shorter[:-1], forged]))
    assert sentences(reading.verify(tmp_path / "log.jsonl", log.sealer.keys.public)) == [
        "Line 6 of the file is not signed by a key of ours."
    ]


async def test_nobody_proves_an_entry_without_a_seal_in_a_file_that_nobody_signed(log: Log, tmp_path: Path) -> None:
    await exported(log, Command("root"), tmp_path / "log.jsonl", [11, 1], signed=False)
    assert sentences(reading.verify(tmp_path / "log.jsonl", log.sealer.keys.public)) == [
        "Line 2 of the file tells of an entry without a seal, in a file that nobody signed: nothing proves it."
    ]


@pytest.mark.parametrize(
    ("was", "made"),
    [
        (b'"n":4', b'"n":"4"'),
        (b'"seq":2', b'"seq":[2]'),
        (b'"ids":"{[7,11)}"', b'"ids":7'),
        (b'"total":10', b'"total":100000000000000000000'),
    ],
)
async def test_what_is_no_seal_is_named_whatever_it_is(log: Log, tmp_path: Path, was: bytes, made: bytes) -> None:
    path = tmp_path / "log.jsonl"
    lines = await exported(log, Command("root"), path, [1, 10])
    assert was in lines[4]
    await asyncio.to_thread(path.write_bytes, b"".join([*lines[:4], lines[4].replace(was, made), lines[5]]))
    assert "Line 5 of the file is no seal." in sentences(reading.verify(path, log.sealer.keys.public))


async def test_a_signature_that_is_none_is_named(log: Log, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    *lines, end = await exported(log, Command("root"), path, [1])
    await asyncio.to_thread(path.write_bytes, b"".join([*lines, end.replace(b'"signature":"', b'"signature":"x')]))
    report = reading.verify(path, log.sealer.keys.public)
    assert "is not signed by a key of ours" in sentences(report)[-1]
    assert not report.is_whole


async def test_one_entry_can_be_proved(log: Log) -> None:
    async with asking(Command("root"), Permission.AUDIT_READ) as work:
        assert len(await exporting.proof(work, 7)) == 4
        assert await exporting.proof(work, 999) == []
