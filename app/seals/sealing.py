"""Sealing: takes the entries that are certain, each once, in the order in which their transactions got their numbers.

Certain is what was written by transactions below the oldest one that still runs: whatever they wrote is visible, and
nothing can appear among it any more. So a seal begins exactly where the one before ended, at ``(next_xid, next_id)``,
however many people write, take long, or change their minds. One transaction makes one seal: a sealer that dies has made
it or has not. An advisory lock keeps sealers apart; the keys of the table would refuse a second seal of the same place.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.crypto import merkle
from app.crypto.signing import Signer
from app.database import Work, keeping
from app.seals import chain, leaves
from app.seals.chain import Seal

BATCH = 5_000
"""Entries in one seal at most: what a process keeps in memory, and hashes at a time."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a seal begins and ends, on which server, above which number."""

    cluster: int
    from_xid: str
    from_id: int
    next_xid: str
    next_id: int
    floor: int


async def seal_all(signer: Signer) -> int:
    """Seal everything that is certain now; returns how many entries."""
    sealed = 0
    while True:
        async with keeping("audit log: seal") as work:
            n = await seal(work, signer)
        sealed += n
        if n < BATCH:
            return sealed


async def seal(work: Work, signer: Signer) -> int:
    """Make the next seal in this transaction; returns how many entries are in it, 0 when nothing waits, or when
    another process seals.
    """
    connection = await work.raw()
    if not await connection.fetchval(_ALONE):
        return 0
    last = await newest(connection)
    moment, cluster = await connection.fetchrow(_NOW)
    if last is not None and last.cluster != cluster:
        return await _adopt(connection, last, moment, cluster, signer)
    from_xid, from_id, floor = (last.next_xid, last.next_id, last.floor) if last else ("0", chain.BOTTOM, chain.BOTTOM)
    rows = await connection.fetch(_CERTAIN, from_xid, from_id, floor, BATCH)
    if not rows:
        return 0
    to_xid, to_id = (rows[-1]["xid"], rows[-1]["id"] + 1) if len(rows) == BATCH else (rows[0]["horizon"], 0)
    await _make(connection, last, moment, _Place(cluster, from_xid, from_id, to_xid, to_id, floor), rows, signer)
    return len(rows)


async def newest(connection: Any) -> Seal | None:  # noqa: ANN401 - asyncpg ships no types
    """The last link of the chain."""
    row = await connection.fetchrow(_NEWEST)
    return chain.of_row(row) if row else None


async def _adopt(connection: Any, last: Seal, moment: datetime, cluster: int, signer: Signer) -> int:  # noqa: ANN401
    """Go on where a backup was restored: on another server, whose transactions have other numbers. What came without a
    seal is sealed by its own number, at a moment when nobody writes; from then on entries above the floor count anew.
    """
    if (quiet := await connection.fetchrow(_QUIET)) is None:
        return 0
    horizon, floor = quiet
    rows = await connection.fetch(_UNSEALED, floor)
    place = _Place(cluster, horizon, 0, horizon, 0, floor)
    for start in range(0, len(rows), BATCH):
        last = await _make(connection, last, moment, place, rows[start : start + BATCH], signer)
    return min(len(rows), BATCH)


async def _make(
    connection: Any,  # noqa: ANN401
    last: Seal | None,
    moment: datetime,
    place: _Place,
    rows: Sequence[Any],
    signer: Signer,
) -> Seal:
    made, hashes = await asyncio.to_thread(_built, last, moment, place, rows, signer)
    await connection.execute(
        _INSERT,
        *(made.seq, made.version, made.at, made.cluster, made.from_xid, made.from_id, made.next_xid, made.next_id),
        *(made.floor, made.ids, made.n, made.total, made.root, made.previous, made.hash, made.signature, made.key_id),
        hashes,
    )
    return made


def _built(
    last: Seal | None, moment: datetime, place: _Place, rows: Sequence[Any], signer: Signer
) -> tuple[Seal, bytes]:
    """The seal over these entries, and the hashes of its leaves. Takes milliseconds: not for the event loop."""
    ordered = sorted(rows, key=lambda row: int(row["id"]))
    hashes = leaves.hashes([row["leaf"] for row in ordered])
    made = Seal(
        seq=last.seq + 1 if last else 0,
        version=chain.VERSION,
        at=moment,
        cluster=place.cluster,
        from_xid=place.from_xid,
        from_id=place.from_id,
        next_xid=place.next_xid,
        next_id=place.next_id,
        floor=place.floor,
        ids=chain.multirange(chain.ranges_of([row["id"] for row in ordered])),
        n=len(ordered),
        total=(last.total if last else 0) + len(ordered),
        root=merkle.root(hashes),
        previous=last.hash if last else chain.BEGINNING,
    )
    return made.signed(signer), b"".join(hashes)


_ALONE = "SELECT pg_try_advisory_xact_lock(hashtext('quarterdeck: seals'))"
_NOW = "SELECT clock_timestamp(), (SELECT system_identifier FROM pg_control_system())"
_NEWEST = f"SELECT {chain.COLUMNS} FROM audit_seals ORDER BY seq DESC LIMIT 1"  # noqa: S608 - our own names
# One statement, so one snapshot: what is visible and what is certain are of the same moment.
_CERTAIN = f"""
    SELECT r.*, pg_snapshot_xmin(pg_current_snapshot())::text AS horizon FROM ({leaves.READ}
        WHERE (e.xid, e.id) >= ($1::text::xid8, $2) AND e.xid < pg_snapshot_xmin(pg_current_snapshot()) AND e.id > $3
        ORDER BY e.xid, e.id LIMIT $4) AS r
"""  # noqa: S608 - our own names
_QUIET = """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text, (SELECT coalesce(max(id), 0) FROM audit_entries)
    WHERE pg_snapshot_xmin(pg_current_snapshot()) = pg_snapshot_xmax(pg_current_snapshot())
"""
_UNSEALED = f"""{leaves.READ}
    WHERE e.id <= $1 AND NOT e.id <@ (SELECT coalesce(range_agg(s.ids), '{{}}') FROM audit_seals s) ORDER BY e.id
"""  # noqa: S608 - our own names
_INSERT = """
    INSERT INTO audit_seals (seq, version, at, cluster, from_xid, from_id, next_xid, next_id, floor, ids, n, total,
        root, previous, hash, signature, key_id, leaves)
    VALUES ($1, $2, $3, $4, $5::text::xid8, $6, $7::text::xid8, $8, $9, $10::text::int8multirange, $11, $12, $13,
        $14, $15, $16, $17, $18)
"""
