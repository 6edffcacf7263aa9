"""A seal: what it says, what of it is signed, and how it hangs on the one before."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.crypto.signing import Signer
from app.seals.leaves import canonical, stamp

VERSION = 1
BEGINNING = bytes(32)
"""What the first seal hangs on."""
BOTTOM = -(2**63)
"""Below all numbers of entries."""
Ranges = tuple[tuple[int, int], ...]
"""Numbers of entries, as ranges without their ends, in order."""

COLUMNS = (
    "seq, version, at, cluster, from_xid::text, from_id, next_xid::text, next_id, floor, ids::text, n, total, root,"
    " previous, hash, signature, key_id"
)
"""Of ``audit_seals``, in the order of :class:`Seal`; ``leaves`` is read apart, where it is needed."""
_RANGE = re.compile(r"\[(-?\d+),(-?\d+)\)")


@dataclass(frozen=True, slots=True)
class Seal:
    """One link. Everything up to ``previous`` is in the message that is hashed and signed."""

    seq: int
    version: int
    at: datetime
    cluster: int
    from_xid: str
    from_id: int
    next_xid: str
    next_id: int
    floor: int
    ids: str
    n: int
    total: int
    root: bytes
    previous: bytes
    hash: bytes = b""
    signature: bytes = b""
    key_id: str = ""

    @property
    def message(self) -> bytes:
        """What is signed: canonical JSON. Numbers that may pass 2^53 are texts."""
        said: Mapping[str, Any] = {
            "at": stamp(self.at),
            "cluster": str(self.cluster),
            "floor": str(self.floor),
            "from": f"{self.from_xid}/{self.from_id}",
            "ids": self.ids,
            "n": self.n,
            "next": f"{self.next_xid}/{self.next_id}",
            "previous": self.previous.hex(),
            "root": self.root.hex(),
            "seq": self.seq,
            "total": self.total,
            "type": "quarterdeck seal",
            "version": self.version,
        }
        return canonical(said)

    @property
    def ranges(self) -> Ranges:
        """The numbers of its entries."""
        return tuple((int(low), int(high)) for low, high in _RANGE.findall(self.ids))

    @property
    def newest(self) -> int:
        """The highest number of an entry in it."""
        return self.ranges[-1][1] - 1

    def signed(self, signer: Signer) -> "Seal":
        """This seal with its hash and signature."""
        message = self.message
        return replace(
            self, hash=hashlib.sha256(message).digest(), signature=signer.sign(message), key_id=signer.key_id
        )


def of_row(row: Iterable[Any]) -> Seal:
    """A seal from the columns of :data:`COLUMNS`."""
    return Seal(*row)


def ranges_of(ids: Sequence[int]) -> Ranges:
    """Sorted numbers as ranges."""
    found: list[tuple[int, int]] = []
    for id_ in ids:
        if found and found[-1][1] == id_:
            found[-1] = (found[-1][0], id_ + 1)
        else:
            found.append((id_, id_ + 1))
    return tuple(found)


def multirange(ranges: Ranges) -> str:
    """Ranges as PostgreSQL writes an ``int8multirange``."""
    return "{" + ",".join(f"[{low},{high})" for low, high in ranges) + "}"


def numbers(ranges: Ranges) -> list[int]:
    """All numbers in the ranges, in order."""
    return [number for low, high in ranges for number in range(low, high)]


def place_of(ranges: Ranges, number: int) -> int | None:
    """The place of a number among all numbers in the ranges; None: it is not among them."""
    before = 0
    for low, high in ranges:
        if low <= number < high:
            return before + number - low
        before += high - low
    return None
