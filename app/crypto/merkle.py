"""Merkle trees of RFC 9162: one hash for many leaves, and short proofs that a leaf is among them."""

import hashlib
from collections.abc import Iterable, Sequence

SIZE = 32
"""Bytes of every hash here: SHA-256."""


def leaf_hash(content: bytes) -> bytes:
    """The hash of a leaf. The first byte keeps leaves and inner nodes apart."""
    return hashlib.sha256(b"\x00" + content).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The hash of the whole tree over hashed leaves."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = leaves
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from the leaf at ``index`` to the root, from below."""
    return next(iter(proofs(leaves, [index])))


def proofs(leaves: Sequence[bytes], indexes: Iterable[int]) -> list[list[bytes]]:
    """:func:`proof` for several leaves of one tree."""
    levels = [leaves]
    while len(levels[-1]) > 1:
        levels.append(_parents(levels[-1]))
    return [_path(levels, index) for index in indexes]


def root_of_proof(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root of a tree with ``size`` leaves to which ``path`` leads from the hashed leaf at ``index``; None: it leads
    nowhere (RFC 9162, 2.1.3.2).
    """
    if not 0 <= index < size:
        return None
    at, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            found = _node(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = _node(found, sibling)
        at, last = at >> 1, last >> 1
    return found if last == 0 else None


def _path(levels: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    path = []
    for level in levels[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        index >>= 1
    return path


def _parents(level: Sequence[bytes]) -> list[bytes]:
    """A node without a sibling goes up as it is."""
    made = [_node(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
    return [*made, level[-1]] if len(level) % 2 else made


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
