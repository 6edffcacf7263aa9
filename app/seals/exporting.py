"""Entries of the audit log in a file that proves itself: JSON lines, which ``quarterdeck audit verify --file`` checks
without a database, by the public keys alone.

The first line names the format. Then a line for each entry: what was sealed of it, where in which seal, and the hashes
that lead from it to the seal's root (an entry that waits to be sealed has none). Then the seals, and a last line that
counts. Personal values stay out: an entry holds what binds it to them.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import orjson

from app import clock
from app.crypto import merkle
from app.crypto.signing import Signer
from app.database import Work
from app.seals import chain, leaves
from app.seals.chain import Seal

AT_A_TIME = 500
TYPE, VERSION = "quarterdeck audit export", 1


async def lines(work: Work, ids: Iterable[int], signer: Signer | None = None) -> AsyncIterator[bytes]:
    """The file's lines, each with its newline, for these entries in this order; those out of sight are left out.

    ``ids`` may be many: they are taken some at a time. A ``signer`` signs the last line, so that a line that was taken
    out of the file is missed.
    """
    file, count, seals = _File(), 0, dict[int, Seal]()
    yield file.line({"type": TYPE, "version": VERSION, "at": leaves.stamp(clock.now())})
    rest = iter(ids)
    while some := list(islice(rest, AT_A_TIME)):
        rows = {row["id"]: row for row in await (await work.raw()).fetch(_ENTRIES, some)}
        found, proofs = await _proofs(work, sorted(rows))
        seals |= found
        for id_ in some:
            if (row := rows.get(id_)) is not None:
                count += 1
                yield file.line({"entry": orjson.Fragment(row["leaf"]), **proofs.get(id_, _UNSEALED)})
    for seq in sorted(seals):
        yield file.line(_told(seals[seq]))
    yield file.end(count, len(seals), signer)


async def proof(work: Work, entry: int) -> list[bytes]:
    """The lines of one entry: empty when there is none in sight."""
    found = [line async for line in lines(work, [entry])]
    return found if len(found) > _FRAME else []


_FRAME = 2
"""Lines of a file without entries: the first and the last."""
_UNSEALED: Mapping[str, Any] = {"seal": None}


async def _proofs(work: Work, ids: Sequence[int]) -> tuple[dict[int, Seal], dict[int, Mapping[str, Any]]]:
    """The seals of these entries, and what leads from each entry to its seal."""
    seals: dict[int, Seal] = {}
    found: dict[int, Mapping[str, Any]] = {}
    if ids:
        async for seal, joined in _seals(work, ids):
            seals[seal.seq] = seal
            found |= await asyncio.to_thread(lambda: dict(_paths(seal, joined, set(ids))))  # noqa: B023 - awaited here
    return seals, found


async def _seals(work: Work, ids: Sequence[int]) -> AsyncIterator[tuple[Seal, bytes]]:
    # A few at a time: the leaves of a seal may be as long as a picture.
    async for row in (await work.raw()).cursor(_SEALS, ids, prefetch=8):
        *parts, joined = row
        yield chain.of_row(parts), joined


def _paths(seal: Seal, joined: bytes, wanted: set[int]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    hashes = [joined[at : at + merkle.SIZE] for at in range(0, len(joined), merkle.SIZE)]
    places = [(index, id_) for index, id_ in enumerate(chain.numbers(seal.ranges)) if id_ in wanted]
    paths = merkle.proofs(hashes, [index for index, _ in places])
    for (index, id_), path in zip(places, paths, strict=True):
        yield id_, {"seal": seal.seq, "index": index, "proof": [step.hex() for step in path]}


def _told(seal: Seal) -> dict[str, Any]:
    said = {"signed": orjson.Fragment(seal.message), "hash": seal.hash.hex(), "signature": seal.signature.hex()}
    return said | {"key_id": seal.key_id}


class _File:
    """The hash of all lines so far."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def line(self, value: Mapping[str, Any]) -> bytes:
        """One more line."""
        made = orjson.dumps(value) + b"\n"
        self._digest.update(made)
        return made

    def end(self, entries: int, seals: int, signer: Signer | None) -> bytes:
        """The last line: what was in the file."""
        end: dict[str, Any] = {"entries": entries, "seals": seals, "sha256": self._digest.hexdigest()}
        if signer is not None:
            end["key_id"] = signer.key_id
            end["signature"] = signer.sign(leaves.canonical(end)).hex()
        return orjson.dumps({"end": end}) + b"\n"


_ENTRIES = f"{leaves.READ} WHERE e.id = ANY ($1::bigint[])"
_SEALS = f"SELECT {chain.COLUMNS}, leaves FROM audit_seals_of($1)"  # noqa: S608 - our own names
