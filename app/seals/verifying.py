"""Verifying: reads seals and their entries, and names what does not fit.

:func:`look` looks at some seals in one transaction: whether each says what was signed and hangs on the one before,
whether every entry in it is there and as it was, and whether any other entry stands where they do. :func:`whole` looks
at all of them. Whatever a superuser did to the tables is seen, because they lack the key; what was cut from the end is
seen by the checkpoints, which lie outside the database.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from app.crypto import merkle, signing
from app.database import Work, keeping
from app.seals import chain, leaves
from app.seals.chain import Seal
from app.seals.damage import Damage, Problem, found
from app.seals.keys import PublicKeys

WINDOW = 5_000
"""Entries that are looked at in one transaction, unless a single seal has more."""
MOST_SEALS = 1_000
MOST = 1_000
"""Problems that are told of one window."""
LATE = timedelta(hours=1)
"""How much older than the seal before it an entry may say that it is: a transaction's time is that of its beginning."""
_NEAR = 200
"""Numbers that nobody has between two entries, so that both are read in one go."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What came out. ``last`` is the newest seal that was looked at; None: there is none from there on."""

    first: int
    last: int | None = None
    entries: int = 0
    up_to: int | None = None
    """The highest number of an entry in these seals."""
    problems: Sequence[Problem] = ()


@dataclass(frozen=True, slots=True)
class _Before:
    """What the first seal of a window hangs on."""

    hash: bytes
    total: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class _History:
    """What was there before the first seal may be older than seals: nothing can join those transactions any more."""

    cluster: int
    next_xid: int
    next_id: int

    def has(self, seal: Seal, xid: str) -> bool:
        """Whether an entry in ``seal`` belongs to it."""
        return seal.cluster == self.cluster and (int(xid), 1) <= (self.next_xid, self.next_id)


@dataclass(frozen=True, slots=True)
class _Window:
    before: _Before
    history: _History | None
    seals: Sequence[Seal]
    leaves: Mapping[int, bytes]
    rows: Mapping[int, Any]


async def whole(keys: PublicKeys) -> AsyncIterator[Looked]:
    """Look at the whole chain, window by window, each in a transaction of its own; last, at what is nowhere in it."""
    start: int | None = 0
    while start is not None:
        async with keeping("audit log: verify") as work:
            looked = await look(work, keys, start)
        yield looked
        start = None if looked.last is None else looked.last + 1
    async with keeping("audit log: verify") as work:
        strays = await nowhere(work)
    yield Looked(looked.first, problems=strays)


async def nowhere(work: Work) -> list[Problem]:
    """Entries that no seal has and none ever will."""
    rows = await (await work.raw()).fetch(_NOWHERE, chain.BOTTOM)
    return [found(Damage.UNSEALED, entry=row["id"]) for row in rows]


async def look(work: Work, keys: PublicKeys, start: int) -> Looked:
    """Look at the seals from number ``start`` on, about :data:`WINDOW` entries."""
    connection = await work.raw()
    seals = _fitting([chain.of_row(row) for row in await connection.fetch(_SEALS, start, MOST_SEALS)])
    if not seals:
        return Looked(start)
    hashes = dict(await connection.fetch(_LEAVES, [seal.seq for seal in seals]))
    sound = [seal for seal in seals if _is_sound(seal, hashes[seal.seq])]
    read = [row for low, high in _reads(sound) for row in await connection.fetch(_ENTRIES, low, high)]
    rows = {row["id"]: row for row in read}
    window = _Window(await _before(connection, start), await _history(connection), seals, hashes, rows)
    problems = await asyncio.to_thread(lambda: list(islice(_judged(window, start, keys), MOST)))
    problems += [problem async for problem in _elsewhere(connection, seals)]
    problems += [problem async for problem in _within(connection, read)]
    for row in await connection.fetch(_WORDS, seals[0].seq, seals[-1].seq):
        problems.append(found(Damage.WORDS, entry=row["id"], seal=seals[-1].seq))
    newest = max((seal.newest for seal in sound), default=None)
    return Looked(start, seals[-1].seq, sum(seal.n for seal in sound), newest, problems)


def _fitting(seals: Sequence[Seal]) -> list[Seal]:
    """As many as fit in a window, all of one server."""
    kept: list[Seal] = []
    entries = 0
    for seal in seals:
        if kept and (entries + seal.n > WINDOW or seal.cluster != kept[0].cluster):
            break
        kept.append(seal)
        entries += seal.n
    return kept


def _is_sound(seal: Seal, joined: bytes) -> bool:
    """Whether its numbers are so many as its leaves: else nothing is read for it, whatever it asks for."""
    return len(joined) == seal.n * merkle.SIZE and sum(high - low for low, high in seal.ranges) == seal.n


def _reads(seals: Sequence[Seal]) -> list[tuple[int, int]]:
    """The numbers to read, near ones together."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for seal in seals for pair in seal.ranges):
        if merged and low - merged[-1][1] <= _NEAR:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


async def _before(connection: Any, start: int) -> _Before:  # noqa: ANN401 - asyncpg ships no types
    row = await connection.fetchrow(_HEAD, start)
    return _Before(row["hash"], row["total"], row["at"]) if row else _Before(chain.BEGINNING, 0, None)


async def _history(connection: Any) -> _History | None:  # noqa: ANN401
    row = await connection.fetchrow(_FIRST)
    return _History(row["cluster"], int(row["next_xid"]), row["next_id"]) if row else None


def _judged(window: _Window, start: int, keys: PublicKeys) -> Iterator[Problem]:
    """Each seal, in order. Takes milliseconds: not for the event loop."""
    before, seq = window.before, start
    for seal in window.seals:
        if seal.seq != seq or seal.previous != before.hash or seal.total != before.total + seal.n:
            yield found(Damage.CHAIN, seal=seal.seq)
        yield from signed(seal, keys)
        yield from _entries(window, seal, before)
        before, seq = _Before(seal.hash, seal.total, seal.at), seal.seq + 1


def signed(seal: Seal, keys: PublicKeys) -> Iterator[Problem]:
    """Does it say what was signed, and did one of our keys sign it?"""
    message = seal.message
    if hashlib.sha256(message).digest() != seal.hash:
        yield found(Damage.SEAL, seal=seal.seq, what="it does not say what was signed")
        return
    match signing.is_signed(keys, seal.key_id, seal.signature, message):
        case None:
            yield found(Damage.SIGNATURE, seal=seal.seq, what=f"is signed by a key that is not ours ({seal.key_id})")
        case False:
            yield found(Damage.SIGNATURE, seal=seal.seq, what="was made anew by somebody without the key")
        case True:
            pass


def _entries(window: _Window, seal: Seal, before: _Before) -> Iterator[Problem]:
    joined = window.leaves[seal.seq]
    hashes = [joined[at : at + merkle.SIZE] for at in range(0, len(joined), merkle.SIZE)]
    if not _is_sound(seal, joined) or merkle.root(hashes) != seal.root:
        yield found(Damage.SEAL, seal=seal.seq, what="its list of entries is not the one that it was made of")
        return
    # A clock that was put back makes no entry back-dated: the seal itself says then that it is the older one.
    oldest, past = min(before.at, seal.at) - LATE if before.at else None, window.history
    for id_, hashed in zip(chain.numbers(seal.ranges), hashes, strict=True):
        if (row := window.rows.get(id_)) is None:
            yield found(Damage.MISSING, entry=id_, seal=seal.seq)
        elif row["leaf"] is None or leaves.leaf_hash(row["leaf"]) != hashed:
            yield found(Damage.CHANGED, entry=id_, seal=seal.seq)
        elif oldest is not None and row["at"] < oldest and not (past and past.has(seal, row["xid"])):
            said, sealed = (leaves.stamp(moment)[:16].replace("T", " ") for moment in (row["at"], oldest + LATE))
            yield found(Damage.BACKDATED, entry=id_, seal=seal.seq, at=said, before=seal.seq - 1, sealed_at=sealed)


async def _elsewhere(connection: Any, seals: Sequence[Seal]) -> AsyncIterator[Problem]:  # noqa: ANN401
    """Entries that stand where those of these seals do, and are in none; and those that are in one more."""
    first, last = seals[0], seals[-1]
    mine = chain.multirange(tuple(pair for seal in seals for pair in seal.ranges))
    where = (first.from_xid, first.from_id, last.next_xid, last.next_id, first.floor, last.seq)
    for row in await connection.fetch(_STRAYS, *where, mine):
        yield found(Damage.UNSEALED, entry=row["id"], seal=last.seq)
    for row in await connection.fetch(_TWICE, first.seq, last.seq):
        yield found(Damage.TWICE, entry=row["entry"], seal=row["seq"], other=row["other"])


async def _within(connection: Any, rows: Sequence[Any]) -> AsyncIterator[Problem]:  # noqa: ANN401
    """What is wrong with entries beside what was sealed of them."""
    for number, times in Counter(row["id"] for row in rows).items():
        if times > 1:
            yield found(Damage.DOUBLED, entry=number)
    committed = {row["id"]: row["personal"] for row in rows if row["personal"] is not None}
    if committed:
        for row in await connection.fetch(_PERSONAL, list(committed), list(committed.values())):
            yield found(Damage.PERSONAL, entry=row["id"], what=row["what"])


_SEALS = f"SELECT {chain.COLUMNS} FROM audit_seals WHERE seq >= $1 ORDER BY seq LIMIT $2"  # noqa: S608 - our own names
_LEAVES = "SELECT seq, leaves FROM audit_seals WHERE seq = ANY ($1::bigint[])"
_ENTRIES = f"{leaves.READ} WHERE e.id >= $1 AND e.id < $2"
_HEAD = "SELECT hash, total, at FROM audit_seals WHERE seq < $1 ORDER BY seq DESC LIMIT 1"
_FIRST = "SELECT cluster, next_xid::text, next_id FROM audit_seals WHERE seq = 0"
# Of a later server, if a backup was restored there: entries above its floor. Their transactions count anew.
_STRAYS = """
    SELECT e.id FROM audit_entries e
    WHERE (e.xid, e.id) >= ($1::text::xid8, $2) AND (e.xid, e.id) < ($3::text::xid8, $4) AND e.id > $5
    AND NOT e.id <@ $7::text::int8multirange AND NOT EXISTS (SELECT FROM audit_seals s WHERE s.ids @> e.id)
    AND NOT EXISTS (SELECT FROM audit_seals s WHERE s.seq > $6 AND s.floor > $5 AND s.floor < e.id)
    ORDER BY e.id LIMIT 20
"""
_TWICE = """
    SELECT lower(s.ids * o.ids) AS entry, s.seq, o.seq AS other
    FROM audit_seals s JOIN audit_seals o ON o.ids && s.ids AND o.seq < s.seq
    WHERE s.seq BETWEEN $1 AND $2 LIMIT 20
"""
_PERSONAL = "SELECT id, what FROM audit_personal_damage($1::bigint[], $2::text[])"
_WORDS = "SELECT id FROM audit_words_missing($1, $2) AS id"
# Of transactions that there were not yet, once those of this server count; or among what came with a backup, and was
# not in it.
_NOWHERE = """
    WITH newest AS (SELECT floor, cluster FROM audit_seals ORDER BY seq DESC LIMIT 1)
    (SELECT e.id FROM audit_entries e, newest n
        WHERE n.cluster = (SELECT system_identifier FROM pg_control_system())
        AND e.xid >= pg_snapshot_xmax(pg_current_snapshot()) AND e.id > n.floor ORDER BY e.xid, e.id LIMIT 20)
    UNION ALL
    (SELECT e.id FROM audit_entries e, newest n WHERE n.floor > $1 AND e.id <= n.floor
        AND NOT e.id <@ (SELECT coalesce(range_agg(s.ids), '{}') FROM audit_seals s) LIMIT 20)
"""
