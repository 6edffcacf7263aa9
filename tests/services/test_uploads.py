"""Uploaded files: streamed, counted, owned by one person, named by id only."""

import hashlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.actor import Command
from app.config import Settings
from app.errors import Forbidden, NotFound, Unavailable
from app.ids import uuid7
from app.services import uploads
from app.services.uploads import TooLarge
from app.storage import cleanup
from app.storage.uploads import Store, _Bound, bind, bound
from tests.factories import body
from tests.people import Company

LIMIT = 3_000_000


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "uploads", LIMIT)


async def test_a_file_arrives_whole_and_is_measured_by_us(company: Company, store: Store) -> None:
    pieces = [os.urandom(700_000) for _ in range(4)]
    upload = await uploads.receive(company.ann, store, "flights.csv", None, body(*pieces))
    whole = b"".join(pieces)
    assert store.path(upload.id).read_bytes() == whole
    assert (upload.name, upload.bytes, upload.sha256) == ("flights.csv", len(whole), hashlib.sha256(whole).hexdigest())
    assert await uploads.get(company.ann, store, upload.id) == upload
    assert list(store.folder.glob("*.part")) == []


async def test_an_announced_size_over_the_limit_is_refused_before_a_byte_is_read(
    company: Company, store: Store
) -> None:
    read = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"x"

    with pytest.raises(TooLarge, match="larger than 3 MB"):
        await uploads.receive(company.ann, store, "big.csv", LIMIT + 1, counted())
    assert read == 0
    assert not store.folder.exists()


async def test_a_lie_about_the_size_is_found_by_counting(company: Company, store: Store) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 100_000

    with pytest.raises(TooLarge):
        await uploads.receive(company.ann, store, "big.csv", 10, endless())
    assert read == LIMIT // 100_000 + 1
    assert list(store.folder.iterdir()) == []


async def test_exactly_the_limit_is_taken(company: Company, store: Store) -> None:
    upload = await uploads.receive(company.ann, store, "full.csv", LIMIT, body(b"x" * LIMIT))
    assert upload.bytes == LIMIT


async def test_a_broken_connection_leaves_nothing(company: Company, store: Store) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(Unavailable):
        await uploads.receive(company.ann, store, "half.csv", None, broken())
    assert list(store.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("/etc/shadow", "shadow"),
        ("C:\\Users\\ann\\flights.csv", "flights.csv"),
        ("..", "file"),
        ("", "file"),
        ("a\x00b\r\n.csv", "ab.csv"),
        ("x" * 300 + ".csv", "x" * 200),
        ("..\\..\\boot.ini", "boot.ini"),
        ("//server/share/a.csv", "a.csv"),
        ("C:a.csv", "a.csv"),
        ("a.csv:hidden", "a.csv:hidden"),
        ("\u202evsc.exe", "vsc.exe"),
        ("a\u2028\u200b\x1b[31m.csv", "a[31m.csv"),
        (".htaccess", "htaccess"),
        ("Fl\u00fcge \u2708.csv", "Fl\u00fcge \u2708.csv"),
    ],
)
async def test_a_path_in_the_name_reaches_nothing(company: Company, store: Store, sent: str, kept: str) -> None:
    upload = await uploads.receive(company.ann, store, sent, None, body(b"x"))
    assert upload.name == kept
    assert {path.name for path in store.folder.iterdir()} == {f"{upload.id}.data", f"{upload.id}.json"}


async def test_somebody_elses_upload_does_not_exist(company: Company, store: Store) -> None:
    upload = await uploads.receive(company.ann, store, "mine.csv", None, body(b"x"))
    for actor in (company.sue, company.tess):
        with pytest.raises(NotFound, match="upload is gone"):
            await uploads.get(actor, store, upload.id)
    with pytest.raises(NotFound):
        await uploads.get(company.ann, store, uuid7())


async def test_damaged_facts_are_a_file_that_is_gone(company: Company, store: Store) -> None:
    upload = await uploads.receive(company.ann, store, "mine.csv", None, body(b"x"))
    store.facts(upload.id).write_text("{half")
    with pytest.raises(NotFound):
        await uploads.get(company.ann, store, upload.id)


async def test_only_people_who_may_import_upload(company: Company, store: Store) -> None:
    with pytest.raises(Forbidden):
        await uploads.receive(company.vic, store, "x.csv", None, body(b"x"))
    with pytest.raises(Forbidden, match="Only people"):
        await uploads.receive(Command("root"), store, "x.csv", None, body(b"x"))
    assert not store.folder.exists()


async def test_leftovers_are_removed_with_the_next_upload(company: Company, store: Store) -> None:
    old = await uploads.receive(company.ann, store, "old.csv", None, body(b"old"))
    young = await uploads.receive(company.ann, store, "young.csv", None, body(b"young"))
    taken = await uploads.receive(company.ann, store, "taken.csv", None, body(b"taken"))
    store.facts(taken.id).unlink()  # as an import does that takes it
    errors, broken = store.errors(uuid7()), store.folder / "x.part"
    errors.write_text("line\n")
    broken.write_bytes(b"half")
    long_ago = store.path(old.id).stat().st_mtime - cleanup.KEPT.total_seconds() - 60
    for path in store.folder.iterdir():
        if str(young.id) not in path.name:
            os.utime(path, (long_ago, long_ago))
    await uploads.receive(company.ann, store, "next.csv", None, body(b"next"))
    left = {path.name for path in store.folder.iterdir()}
    assert {f"{young.id}.data", f"{young.id}.json", f"{taken.id}.data", errors.name} <= left
    assert not {f"{old.id}.data", f"{old.id}.json", broken.name} & left


async def test_a_full_disk_is_a_sentence(company: Company, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: _Full())
    with pytest.raises(Unavailable, match="not enough room"):
        await uploads.receive(company.ann, store, "x.csv", 1, body(b"x"))


class _Full:
    free = 1_000_000


async def test_the_place_of_uploads_is_told_at_start(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Bound, "store", None)
    with pytest.raises(Unavailable):
        bound()
    bind(settings)
    assert bound() == Store(settings.data_dir / "uploads", settings.upload_max_bytes)


async def test_facts_hold_nothing_that_the_browser_said_but_the_name(company: Company, store: Store) -> None:
    upload = await uploads.receive(company.ann, store, "x.csv", 3, body(b"xyz"))
    facts = json.loads(store.facts(upload.id).read_text())
    assert facts == {
        "id": str(upload.id),
        "name": "x.csv",
        "bytes": 3,
        "staff_id": str(company.ann.staff_id),
        "sha256": hashlib.sha256(b"xyz").hexdigest(),
    }
