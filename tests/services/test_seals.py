"""The audit log is sealed as it grows, stays verified while nobody touches it, and tells its readers so."""

import asyncio
import hashlib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import orjson
import pytest
from pydantic import SecretStr, ValidationError

from app import clock
from app.config import Settings
from app.crypto import merkle
from app.database import engine
from app.doctor import audit as doctor
from app.errors import Forbidden
from app.seals import chain, checkpoints, leaves, partitions, sealing
from app.seals.damage import Damage
from app.services import seals
from tests.conftest import Database
from tests.people import Company
from tests.services.sealed import KEY, Log, log_of


@pytest.fixture
async def log(bound: Settings, admin: asyncpg.Connection) -> Log:
    return log_of(bound, admin)


async def seals_of(log: Log) -> list[chain.Seal]:
    rows = await log.admin.fetch(f"SELECT {chain.COLUMNS} FROM audit_seals ORDER BY seq")
    return [chain.of_row(row) for row in rows]


async def test_entries_are_sealed_once_in_a_signed_chain(log: Log) -> None:
    first, second = await log.sealed(3, 2)
    assert await log.sealer.seal() == 0, "nothing is sealed twice, and no seal is empty"
    one, two = await seals_of(log)
    assert [chain.numbers(seal.ranges) for seal in (one, two)] == [first, second]
    assert (one.seq, one.n, one.total, one.previous) == (0, 3, 3, chain.BEGINNING)
    assert (two.seq, two.n, two.total, two.previous) == (1, 2, 5, one.hash)
    assert (one.next_xid, one.next_id) == (two.from_xid, two.from_id), "without a gap"
    for seal in (one, two):
        assert seal.hash == hashlib.sha256(seal.message).digest()
    rows = await log.admin.fetch(f"{leaves.READ} WHERE e.id = ANY ($1::bigint[]) ORDER BY e.id", first)
    assert one.root == merkle.root([merkle.leaf_hash(row["leaf"]) for row in rows])
    assert await log.verified() == []


async def test_a_long_seal_is_made_of_several(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 4)
    await log.admin.execute(
        "INSERT INTO audit_entries (actor_name, actor_kind, action, target_type, target_id, target_label)"
        " SELECT 'Ann', 'staff', 'team.renamed', 'team', n::text, 'Acme' FROM generate_series(1, 10) AS n"
    )
    await log.write(3)
    assert await log.sealer.seal() == 13, "also those of one transaction"
    assert [seal.n for seal in await seals_of(log)] == [4, 4, 4, 1]
    assert await log.verified() == []


async def test_what_is_not_certain_yet_waits(log: Log, database: Database) -> None:
    other = await asyncpg.connect(database.admin_url)
    held = other.transaction()
    await held.start()
    late = await other.fetchval(
        "INSERT INTO audit_entries (actor_name, actor_kind, action, target_type, target_id,"
        " target_label) VALUES ('Bo', 'staff', 'team.renamed', 'team', 'x', 'Acme') RETURNING id"
    )
    soon = (await log.write(1))[0]
    assert await log.sealer.seal() == 0, "an older transaction still runs: something may come before this entry"
    await held.commit()
    await other.close()
    assert await log.sealer.seal() == 2
    assert chain.numbers((await seals_of(log))[0].ranges) == [late, soon]
    assert await log.verified() == []


async def test_readers_learn_how_far_the_log_was_verified(log: Log, company: Company) -> None:
    fresh = await seals.state(company.ann)
    assert (fresh.up_to, fresh.verified_at, fresh.sealed, fresh.problems) == (None, None, 0, ())
    [ids] = await log.sealed(3)
    assert await log.sealer.look()
    for reader in (company.ann, company.tess):
        told = await seals.state(reader)
        assert (told.up_to, told.sealed, told.problems, told.checking) == (ids[-1], 3, (), False)
        assert told.verified_at is not None
        assert told.is_good
        assert told.unsealed_for == timedelta(0)
        assert not told.is_late
    with pytest.raises(Forbidden):
        await seals.state(company.nil)


async def test_whoever_waits_to_be_sealed_is_seen(log: Log, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    await log.sealed(1)
    await log.write(1)
    later = clock.now() + timedelta(minutes=2)
    monkeypatch.setattr(clock, "now", lambda: later)
    told = await seals.state(company.ann)
    assert timedelta(seconds=100) < told.unsealed_for < timedelta(seconds=130)
    assert told.is_late


async def test_anybody_who_reads_the_log_may_have_all_of_it_verified(log: Log, company: Company) -> None:
    [ids] = await log.sealed(4)
    await log.sealer.look()
    async with log.broken_open() as admin:
        await admin.execute("UPDATE audit_entries SET target_label = 'Beta' WHERE id = $1", ids[1])
    await seals.verify_now(company.tess)
    assert (await seals.state(company.tess)).checking
    asked = await log.admin.fetchrow("SELECT * FROM audit_entries ORDER BY id DESC LIMIT 1")
    assert (asked["action"], asked["actor_name"]) == ("audit.verification_asked", company.tess.name)
    await log.sealer.look()
    told = await seals.state(company.tess)
    assert not told.checking
    assert [(problem.kind, problem.entry, problem.seal) for problem in told.problems] == [("changed", ids[1], 0)]
    assert told.problems[0].sentence == f"Entry {ids[1]} was changed after it was sealed (seal 0)."
    assert not told.is_good


async def test_looking_goes_round_and_round(log: Log, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.seals.verifying.WINDOW", 2)
    monkeypatch.setattr("app.worker.sealer.AT_A_TIME", 2)
    batches = await log.sealed(2, 2, 2)
    for _ in range(3):
        await log.sealer.look()
    assert (await seals.state(company.ann)).up_to == batches[2][1]
    async with log.broken_open() as admin:
        await admin.execute("UPDATE audit_entries SET actor_name = 'Eve' WHERE id = $1", batches[1][0])
        for _ in range(3):
            await log.sealer.look()
        problems = (await seals.state(company.ann)).problems
        assert [p.entry for p in problems if p.kind is not Damage.GUARD] == [batches[1][0]]
        assert all("append_only" in p.sentence for p in problems if p.kind is Damage.GUARD), "they are off meanwhile"
        await log.sealer.look()
        problems = (await seals.state(company.ann)).problems
        assert batches[1][0] in {p.entry for p in problems}, "known until it is looked at again"
        await admin.execute("UPDATE audit_entries SET actor_name = 'Ann' WHERE id = $1", batches[1][0])
    for _ in range(3):
        await log.sealer.look()
    assert (await seals.state(company.ann)).is_good


async def test_one_looks_at_a_time(log: Log, database: Database) -> None:
    await log.sealed(1)
    other = await asyncpg.connect(database.admin_url)
    await other.execute("SELECT pg_advisory_lock(hashtext('quarterdeck: audit log, verify'))")
    assert not await log.sealer.look()
    await other.execute("SELECT pg_advisory_lock(hashtext('quarterdeck: seals'))")
    await log.write(1)
    assert await log.sealer.seal() == 0
    await other.close()
    assert await log.sealer.seal() == 1


async def test_keys_change_and_the_older_ones_still_count(bound: Settings, admin: asyncpg.Connection) -> None:
    old, new = "an-old-key-of-the-log-that-was-used-before", "a-new-key-of-the-log-that-is-used-from-now-on"
    await log_of(bound, admin, [old]).sealed(1)
    rotated = log_of(bound, admin, [new, old])
    await rotated.sealed(1)
    assert len({seal.key_id for seal in await seals_of(rotated)}) == 2
    assert await rotated.verified() == []
    [problem] = await log_of(bound, admin, [new]).verified()
    assert "seal 0 is signed by a key that is not ours" in problem.sentence.lower()
    public = log_of(bound, admin, [old]).sealer.keys.signer
    assert public is not None
    lost = bound.model_copy(update={"seal_public_keys": public.public.hex()})
    assert await log_of(lost, admin, [new]).verified() == []


async def test_checkpoints_are_left_outside_when_the_log_has_grown(log: Log) -> None:
    assert await log.sealer.mark() is None, "there is nothing to tell of"
    await log.sealed(2)
    left = await log.sealer.mark()
    assert left is not None
    assert (left.seal, left.entries) == (0, 2)
    assert await log.sealer.mark() is None
    assert [checkpoints.read(path) for path in checkpoints.kept(log.folder)] == [left, left]
    assert {path.name for path in log.folder.iterdir()} == {"latest.json", f"{left.at[:10]}.json"}
    assert (log.folder.stat().st_mode & 0o777) == 0o700


@pytest.mark.parametrize("status", [b"204 No Content", b"500 No"], ids=["taken", "not taken"])
async def test_checkpoints_are_sent_to_others_too(
    bound: Settings, admin: asyncpg.Connection, caplog: pytest.LogCaptureFixture, status: bytes
) -> None:
    taken: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])  # type: ignore[index]  # httpx tells it
        taken.append(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        address = SecretStr(f"http://127.0.0.1:{port}/checkpoints")
        log = log_of(bound.model_copy(update={"checkpoint_webhook": address}), admin)
        await log.sealed(1)
        left = await log.sealer.mark()
    assert left is not None
    assert taken == [left.as_text().encode()]
    assert checkpoints.read(log.folder / "latest.json") == left, "kept here in any case"
    assert ("could not be sent" in caplog.text) == (status == b"500 No")


def test_checkpoints_are_sent_in_the_clear_to_nobody_else(tmp_path: Path) -> None:
    for address in ("http://example.com/x", "ftp://example.com", "http://127.0.0.1.example.com/"):
        with pytest.raises(ValidationError, match="https://"):
            Settings(data_dir=tmp_path, checkpoint_webhook=SecretStr(address))


async def test_months_are_made_ahead_and_nobodys_act_fails_for_a_missing_one(log: Log) -> None:
    months = "SELECT relname FROM pg_class WHERE relnamespace = 'audit_months'::regnamespace AND relkind = 'r'"
    before = {row["relname"] for row in await log.admin.fetch(months)}
    far = datetime(2031, 11, 30, tzinfo=UTC)
    wanted = partitions.needed(far)
    assert [f"{day:%Y-%m-%d}" for day in wanted] == ["2031-11-01", "2031-12-01", "2032-01-01", "2032-02-01"]
    assert await partitions.make(log.admin, wanted) == 4
    assert await partitions.make(log.admin, wanted) == 0, "once"
    made = {row["relname"] for row in await log.admin.fetch(months)} - before
    assert made == {"m2031_11", "m2031_12", "m2032_01", "m2032_02"}
    told = "INSERT INTO audit_entries (at, actor_name, actor_kind, action, target_type, target_id, target_label)"
    told += " VALUES ($1, 'Ann', 'staff', 'team.renamed', 'team', 'x', 'Acme') RETURNING tableoid::regclass::text"
    assert await log.admin.fetchval(told, far) == "audit_months.m2031_11"
    assert await log.admin.fetchval(told, far + timedelta(days=400)) == "audit_months.other"
    assert await partitions.make(log.admin, [datetime(2033, 1, 1, tzinfo=UTC).date()]) == 0, "they stay where they are"
    for table in ("audit_entries", "audit_months.m2031_11", "audit_months.other", "audit_seals"):
        for act in (f"UPDATE {table} SET at = now()", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                await log.admin.execute(f"SET session_replication_role = replica; {act}")
    await log.admin.execute("SET session_replication_role = origin")


async def test_a_backup_goes_on_where_it_was_restored(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """On another server the transactions have other numbers: here, smaller ones than those in the backup."""
    await log.sealed(3)
    here = await log.admin.fetchval("SELECT pg_current_xact_id()::text::bigint")
    restored = await log.write(2)
    monkeypatch.setattr(sealing, "_NOW", "SELECT clock_timestamp(), 4711::bigint")
    assert await log.sealer.seal() == 2
    fresh = await log.write(1)
    assert await log.sealer.seal() == 1
    first, adopted, after = await seals_of(log)
    assert (first.cluster == adopted.cluster, adopted.cluster, after.cluster) == (False, 4711, 4711)
    assert [chain.numbers(seal.ranges) for seal in (adopted, after)] == [restored, fresh]
    assert adopted.floor == restored[-1]
    assert int(after.from_xid) > here
    assert await log.verified() == []


async def test_postgresql_writes_an_entry_as_its_golden_file_says(log: Log) -> None:
    """Also letters that JSON may write in several ways, and numbers that floats would round."""
    file = Path(__file__).parent.parent / "data" / "seals" / "leaves-v1.jsonl"
    for line in file.read_bytes().splitlines():
        told = orjson.loads(line)
        wanted = told["leaf"]
        columns = ", ".join(f'"{name}"' for name in wanted)
        kinds = {"before": "jsonb", "after": "jsonb", "detail": "jsonb", "at": "timestamptz", "xid": "xid8"}
        kinds |= dict.fromkeys(("team_id", "actor_id", "session_id"), "uuid")
        numbers = {"id", "version"}
        values = ", ".join(
            f"${at + 1}::bigint" if name in numbers else f"${at + 1}::text::{kinds.get(name, 'text')}"
            for at, name in enumerate(wanted)
        )
        async with log.broken_open() as admin:
            await admin.execute("ALTER TABLE audit_entries DISABLE TRIGGER USER")
            await admin.execute(
                f"INSERT INTO audit_entries ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values})", *wanted.values()
            )
        row = await log.admin.fetchrow(f"{leaves.READ} WHERE e.id = $1", wanted["id"])
        assert row["leaf"] == leaves.canonical(wanted)
        assert merkle.leaf_hash(row["leaf"]).hex() == told["sha256"]


async def test_the_doctor_tells_of_damage_of_delay_and_of_a_key_that_is_gone(
    log: Log, bound: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = SecretStr(database.url("quarterdeck_owner"))
    full = bound.model_copy(update={"migration_url": owner, "seal_key": SecretStr(KEY)})

    async def told(settings: Settings) -> list[str]:
        await engine.dispose()  # it comes with a connection of its own, and lets go of it
        found = await doctor.examine(settings, full, "tests")
        engine.configure(bound)
        return [finding.sentence for finding in found]

    assert await told(full) == ["Nothing in it is sealed yet."]
    [ids] = await log.sealed(3)
    assert await told(full) == ["No worker has looked at it yet."]
    await log.sealer.look()
    assert await told(full) == [f"3 entries are sealed, and verified up to entry {ids[-1]}."]
    assert "The key that sealed it is not on this machine" in (await told(bound))[0]
    async with log.broken_open() as admin:
        await admin.execute("DELETE FROM audit_entries WHERE id = $1", ids[0])
    await log.sealer.look()
    assert await told(full) == [f"Entry {ids[0]} is missing; seal 0 has it."]
    await log.write(1)
    later = clock.now() + timedelta(minutes=20)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert (await told(full))[1:] == [
        "An entry has waited for 20 minutes to be sealed.",
        "No worker has looked at it for 20 minutes.",
    ]
