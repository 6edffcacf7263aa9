"""What a superuser does to the audit log behind everybody's back: each is found, and named."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest

from app.config import Settings
from app.seals import chain, checkpoints, leaves, sealing, verifying
from app.seals.damage import Damage
from app.seals.sealing import _built, _Place
from app.worker import audit_words
from tests.services.sealed import Log, log_of


@pytest.fixture
async def log(bound: Settings, admin: asyncpg.Connection) -> Log:
    """Three seals over 3, 4 and 3 entries; entry ``n`` has the number ``n``."""
    made = log_of(bound, admin)
    assert await made.sealed(3, 4, 3) == [[1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    assert await made.verified() == []
    return made


COLUMNS = {
    "at": "at + interval '1 microsecond'",
    "team_id": "gen_random_uuid()",
    "actor_id": "gen_random_uuid()",
    "actor_name": "'Eve'",
    "actor_kind": "'command'",
    "session_id": "gen_random_uuid()",
    "ip": "'127.0.0.1'",
    "request": "'AAAA-AA'",
    "action": "'team.suspended'",
    "target_type": "'user'",
    "target_id": "'x'",
    "target_label": "'Beta'",
    "reason": "'because'",
    "before": 'before || \'{"name": "B"}\'',
    "after": "NULL",
    "detail": "'{}'",
    "origin": "'demo'",
    "personal": "repeat('0', 64)",
    "version": "2",
}


async def test_an_edited_entry_is_named_whatever_was_edited(log: Log) -> None:
    async with log.broken_open() as admin:
        for column, value in COLUMNS.items():
            old = await admin.fetchval(f"SELECT {column} FROM audit_entries WHERE id = 6")
            await admin.execute(f"UPDATE audit_entries SET {column} = {value} WHERE id = 6")
            found = {(problem.kind, problem.entry, problem.seal) for problem in await log.verified()}
            assert (Damage.CHANGED, 6, 1) in found, column
            assert {entry for _, entry, _ in found} == {6}
            await admin.execute(f"UPDATE audit_entries SET {column} = $1 WHERE id = 6", old)
            assert await log.verified() == []


def test_every_sealed_column_is_edited_above() -> None:
    assert COLUMNS.keys() == leaves.FORMATS[1].keys() - {"id", "xid"}


async def test_the_number_and_the_transaction_of_an_entry_are_sealed_too(log: Log) -> None:
    async with log.broken_open() as admin:
        await admin.execute(
            "UPDATE audit_entries SET xid = (SELECT max(xid::text::bigint) + 5 FROM audit_entries)"
            "::text::xid8 WHERE id = 2"
        )
    assert await log.sentences() == ["Entry 2 was changed after it was sealed (seal 0)."]


async def test_a_deleted_entry_is_named(log: Log) -> None:
    async with log.broken_open() as admin:
        await admin.execute("DELETE FROM audit_entries WHERE id IN (5, 10)")
    assert await log.sentences() == ["Entry 5 is missing; seal 1 has it.", "Entry 10 is missing; seal 2 has it."]


INSERT = (
    "INSERT INTO audit_entries (id, at, xid, actor_name, actor_kind, action, target_type, target_id, target_label)"
    " OVERRIDING SYSTEM VALUE VALUES ({id}, {at}, {xid}, 'Eve', 'staff', 'team.renamed', 'team', 'x', 'Acme')"
    " RETURNING id"
)
DEFAULT_ID = "nextval('audit_entries_id_seq')"
NOW_XID = "pg_current_xact_id()"


@pytest.mark.parametrize(
    ("id_", "xid"),
    [("-3", "(SELECT xid FROM audit_entries WHERE id = 5)"), (DEFAULT_ID, "'7'::xid8"), ("0", NOW_XID)],
    ids=["among others", "before all", "with a number below the first"],
)
async def test_an_entry_that_is_slipped_in_is_named(log: Log, id_: str, xid: str) -> None:
    slipped = await log.admin.fetchval(INSERT.format(id=id_, at="now() - interval '3 days'", xid=xid))
    sealed = await log.sealer.seal()
    [problem] = await log.verified()
    assert problem.entry == slipped
    assert problem.kind == (Damage.BACKDATED if sealed else Damage.UNSEALED)


async def test_an_entry_of_a_transaction_that_there_never_was_is_named(log: Log) -> None:
    xid = "(pg_current_xact_id()::text::bigint + 1000000)::text::xid8"
    slipped = await log.admin.fetchval(INSERT.format(id=DEFAULT_ID, at="now()", xid=xid))
    await log.sealer.seal()
    assert [(problem.kind, problem.entry) for problem in await log.verified()] == [(Damage.UNSEALED, slipped)]


async def test_a_back_dated_entry_is_named_although_it_is_sealed(log: Log) -> None:
    back = await log.admin.fetchval(INSERT.format(id=DEFAULT_ID, at="now() - interval '3 days'", xid=NOW_XID))
    assert await log.sealer.seal() == 1
    [problem] = await log.verified()
    assert (problem.kind, problem.entry) == (Damage.BACKDATED, back)
    assert f"Entry {back} says that it is from " in problem.sentence
    assert "but was written after seal 2" in problem.sentence


async def test_what_was_there_before_the_first_seal_may_be_old(
    bound: Settings, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.seals.sealing.BATCH", 2)
    await admin.execute(
        "INSERT INTO audit_entries (at, actor_name, actor_kind, action, target_type, target_id, target_label, origin)"
        " SELECT now() - n * interval '9 days', 'Ana', 'staff', 'team.renamed', 'team', 'x', 'Acme', 'demo'"
        " FROM generate_series(1, 5) AS n"
    )
    log = log_of(bound, admin)
    assert await log.sealer.seal() == 5
    assert await admin.fetchval("SELECT count(*) FROM audit_seals") == 3
    assert await log.verified() == []


async def test_an_entry_with_a_number_that_another_one_has_is_named(log: Log) -> None:
    await log.admin.execute(
        INSERT.format(id=6, at="now() - interval '1 s'", xid="(SELECT xid FROM audit_entries WHERE id = 6)")
    )
    assert (Damage.DOUBLED, 6) in {(problem.kind, problem.entry) for problem in await log.verified()}


async def _remake(log: Log, admin: asyncpg.Connection, seq: int) -> None:
    """Make the seal anew over what is there now, and hang the later ones on it, as whoever has all but the key."""
    thief = log_of(log.sealer.settings, admin, ["a-key-that-somebody-else-made-for-themselves"]).sealer.keys.signer
    assert thief is not None
    rows = await admin.fetch(f"SELECT {chain.COLUMNS} FROM audit_seals WHERE seq >= $1 ORDER BY seq", seq)
    before = await admin.fetchrow(f"SELECT {chain.COLUMNS} FROM audit_seals WHERE seq = $1", seq - 1)
    last = chain.of_row(before) if before else None
    for row in rows:
        old = chain.of_row(row)
        entries = await admin.fetch(
            f"{leaves.READ} WHERE e.id <@ $1::text::int8multirange AND (e.xid, e.id) >= ($2::text::xid8, $3)",
            old.ids,
            old.from_xid,
            old.from_id,
        )
        place = _Place(old.cluster, old.from_xid, old.from_id, old.next_xid, old.next_id, old.floor)
        made, hashes = _built(last, old.at, place, entries, thief)
        await admin.execute(
            "UPDATE audit_seals SET ids = $2::text::int8multirange, n = $3, total = $4, root = $5, previous = $6,"
            " hash = $7, leaves = $8 WHERE seq = $1",
            old.seq,
            made.ids,
            made.n,
            made.total,
            made.root,
            made.previous,
            made.hash,
            hashes,
        )
        last = made


async def test_a_root_that_was_made_anew_without_the_key_is_named(log: Log) -> None:
    async with log.broken_open() as admin:
        await admin.execute("UPDATE audit_entries SET actor_name = 'Nobody' WHERE id = 5")
        await admin.execute("DELETE FROM audit_entries WHERE id = 8")
        await _remake(log, admin, 1)
    assert await log.sentences() == [
        "Seal 1 was made anew by somebody without the key.",
        "Seal 2 was made anew by somebody without the key.",
    ]


async def test_a_seal_by_a_key_of_somebodys_own_is_named(log: Log, bound: Settings) -> None:
    await log.write(1)
    assert await log_of(bound, log.admin, ["a-key-that-somebody-else-made-for-themselves"]).sealer.seal() == 1
    [problem] = await log.verified()
    assert (problem.kind, problem.seal) == (Damage.SIGNATURE, 3)
    assert "is signed by a key that is not ours" in problem.sentence


async def _swap(admin: asyncpg.Connection) -> None:
    await admin.execute("UPDATE audit_seals SET seq = 99 WHERE seq = 1")
    await admin.execute("UPDATE audit_seals SET seq = 1 WHERE seq = 2")
    await admin.execute("UPDATE audit_seals SET seq = 2 WHERE seq = 99")


async def _remove(admin: asyncpg.Connection) -> None:
    await admin.execute("DELETE FROM audit_seals WHERE seq = 1")


async def _rename(admin: asyncpg.Connection) -> None:
    await admin.execute("UPDATE audit_seals SET at = at - interval '1 day' WHERE seq = 1")


async def _grow(admin: asyncpg.Connection) -> None:
    """So many entries that nobody could read them all."""
    await admin.execute("UPDATE audit_seals SET ids = '{[4,8),[1000,9000000000000)}', n = 2000000000 WHERE seq = 1")


async def _shrink(admin: asyncpg.Connection) -> None:
    await admin.execute("UPDATE audit_seals SET leaves = substr(leaves, 1, 64) WHERE seq = 1")


@pytest.mark.parametrize(
    ("act", "kinds"),
    [
        (_swap, {(Damage.CHAIN, 1), (Damage.SEAL, 1), (Damage.CHAIN, 2), (Damage.SEAL, 2)}),
        (_remove, {(Damage.CHAIN, 2)}),
        (_rename, {(Damage.SEAL, 1)}),
        (_grow, {(Damage.SEAL, 1), (Damage.CHAIN, 1)}),
        (_shrink, {(Damage.SEAL, 1)}),
    ],
    ids=["swapped", "removed", "another time", "too many entries", "leaves cut"],
)
async def test_seals_that_were_tampered_with_are_named(
    log: Log, act: Callable[[asyncpg.Connection], Awaitable[None]], kinds: set[tuple[Damage, int]]
) -> None:
    async with log.broken_open() as admin:
        await act(admin)
    found = {(problem.kind, problem.seal) for problem in await log.verified() if problem.seal is not None}
    assert kinds <= found


async def test_an_entry_in_two_seals_is_refused_by_the_database_and_named(log: Log) -> None:
    twice = "UPDATE audit_seals SET ids = ids + '{[5,6)}', n = n + 1 WHERE seq = 2"
    async with log.broken_open() as admin:
        with pytest.raises(asyncpg.ExclusionViolationError):
            await admin.execute(twice)
        await admin.execute("ALTER TABLE audit_seals DROP CONSTRAINT ex_audit_seals_ids")
        await admin.execute(twice)
    assert "Entry 5 is in two seals (2 and 1)." in await log.sentences()


async def test_a_log_that_was_cut_is_denied_by_the_checkpoints_outside(log: Log) -> None:
    left = await log.sealer.mark()
    assert left is not None
    async with log.broken_open() as admin:
        await admin.execute("DELETE FROM audit_entries WHERE id >= 8")
        await admin.execute("DELETE FROM audit_seals WHERE seq = 2")
    assert await log.verified() == [], "what is left fits together"
    await log.sealer.look()
    problem = (await _known(log))[0]
    assert (problem["kind"], problem["seal"]) == ("cut", 2)
    assert problem["sentence"] == (
        f"The log is shorter than it was: at {left.at} it had 10 sealed entries (seal 2), now 7."
    )
    assert await log.sealer.mark() is None
    assert checkpoints.read(log.folder / "latest.json") == left, "what it denies is never written over"
    await log.write(1)
    assert await log.sealer.seal() == 0, "what was cut is not sealed over"
    forgetful = log_of(log.sealer.settings, log.admin)
    assert await forgetful.sealer.seal() == 0, "nor by a worker that knows nothing but the checkpoint"


async def test_a_log_that_was_sealed_anew_is_denied_by_the_checkpoints_outside(log: Log) -> None:
    """Whoever removes the newest seals has our own sealer sign what they made of the entries: if it does not notice."""
    left = await log.sealer.mark()
    assert left is not None
    async with log.broken_open() as admin:
        await admin.execute("UPDATE audit_entries SET actor_name = 'Nobody' WHERE id = 9")
        await admin.execute("DELETE FROM audit_seals WHERE seq = 2")
    assert await log.sealer.seal() == 0
    elsewhere = log_of(log.sealer.settings.model_copy(update={"data_dir": log.folder / "other"}), log.admin)
    assert await elsewhere.sealer.seal() == 3, "a worker on a new machine knows no better"
    assert await log.verified() == [], "and what it signed fits together"
    await log.sealer.look()
    problems = await _known(log)
    assert {problem["kind"] for problem in problems} == {"checkpoint"}
    assert f"seal 2 is not the one that the checkpoint of {left.at} knows" in str(problems[0]["sentence"])


async def _known(log: Log) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(await log.admin.fetchval("SELECT problems FROM audit_checks"))
    return found


async def test_a_checkpoint_that_somebody_wrote_themselves_is_named(log: Log) -> None:
    left = await log.sealer.mark()
    assert left is not None
    path = log.folder / "latest.json"
    path.write_text(path.read_text().replace('"entries":10', '"entries":7'))
    await log.sealer.look()
    assert [problem["kind"] for problem in await _known(log)] == ["checkpoint"]


async def test_personal_values_are_bound_to_their_entries(log: Log) -> None:
    await log.admin.execute(
        "INSERT INTO audit_entries (actor_name, actor_kind, action, target_type, target_id, target_label, reason)"
        " SELECT 'Ann', 'staff', 'team.renamed', 'team', 'x', 'Acme', 'ticket ' || n FROM generate_series(1, 3) AS n"
    )
    ids = [row["entry_id"] for row in await log.admin.fetch("SELECT entry_id FROM audit_personal ORDER BY 1")]
    assert len(ids) == 3
    await log.sealer.seal()
    assert await log.verified() == []
    await log.admin.execute("SET session_replication_role = replica")
    await log.admin.execute("ALTER TABLE audit_personal DISABLE TRIGGER ALL")
    await log.admin.execute("UPDATE audit_personal SET value = value || ' ' WHERE entry_id = $1", ids[0])
    await log.admin.execute("DELETE FROM audit_personal WHERE entry_id = $1", ids[1])
    await log.admin.execute(
        "UPDATE audit_personal SET salt = NULL, value = NULL, erased_at = now() WHERE entry_id = $1", ids[2]
    )
    assert await log.sentences() == [
        f"The personal values of entry {ids[0]} were changed.",
        f"The personal values of entry {ids[1]} are missing.",
    ]


async def test_a_clock_that_is_a_little_late_is_no_crime(log: Log) -> None:
    await log.admin.execute(INSERT.format(id=DEFAULT_ID, at="now() - interval '50 minutes'", xid=NOW_XID))
    await log.sealer.seal()
    assert await log.verified() == []
    assert timedelta(minutes=50) < verifying.LATE


async def test_a_clock_that_was_put_back_is_no_crime_either(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as ahead:
        ahead.setattr("app.seals.sealing._NOW", sealing._NOW.replace("()", "() + interval '1 day'", 1))
        await log.sealed(1)
    await log.sealed(1, 1)
    assert await log.verified() == []


async def test_a_backup_that_was_just_restored_is_not_called_tampered_with(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its entries have numbers of transactions that there never were on this server, until it is sealed here."""
    xid = "(pg_current_xact_id()::text::bigint + 1000000)::text::xid8"
    monkeypatch.setattr(verifying, "_NOWHERE", verifying._NOWHERE.replace("SELECT system_identifier", "SELECT 4711"))
    await log.admin.execute(INSERT.format(id=DEFAULT_ID, at="now()", xid=xid))
    await log.sealer.seal()
    assert await log.verified() == []


async def test_a_checkpoint_that_cannot_be_read_stops_nothing(log: Log) -> None:
    left = await log.sealer.mark()
    assert left is not None
    (log.folder / "latest.json").write_text("{")
    fresh = log_of(log.sealer.settings, log.admin)
    assert await fresh.sealed(1), "the one of the day is known still"
    again = await fresh.sealer.mark()
    assert again is not None
    assert checkpoints.read(log.folder / "latest.json") == again


async def test_an_entry_that_no_search_finds_any_more_is_named(log: Log) -> None:
    await log.admin.execute("DELETE FROM audit_words")
    assert await log.verified() == [], "nobody has read them so far: searching looks at the entries themselves"
    assert await audit_words.read_on() == 10
    assert await log.verified() == []
    await log.admin.execute("DELETE FROM audit_words WHERE entry_id IN (2, 9)")
    assert await log.sentences() == [
        "No search by words finds entry 2: its words were removed.",
        "No search by words finds entry 9: its words were removed.",
    ]
