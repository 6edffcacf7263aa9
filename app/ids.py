"""Identifiers: UUID version 7 (RFC 9562), made in Python so that a record knows its id before it is written."""

import os
import secrets
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0

_REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def uuid7() -> UUID:
    """A UUID v7: 48 bits of milliseconds, 12 bits that keep ids of one process in order, 62 random bits."""
    global _last
    with _lock:
        # RFC 9562, method 3: the 12 bits after the milliseconds hold the sub-millisecond fraction.
        stamp = time.time_ns() * 4096 // 1_000_000
        _last = stamp if stamp > _last else _last + 1
        stamp = _last
    milliseconds, fraction = stamp >> 12, stamp & 0xFFF
    random = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return UUID(int=(milliseconds << 80) | (7 << 76) | (fraction << 64) | (2 << 62) | random)


def short(value: UUID) -> str:
    """The last eight characters: what people see and say. The random end differs where the start does not."""
    return value.hex[-8:]


def reference() -> str:
    """A short reference for a log line, easy to read aloud, such as ``7F3K-Q2``."""
    picked = [secrets.choice(_REFERENCE_ALPHABET) for _ in range(6)]
    return "".join(picked[:4]) + "-" + "".join(picked[4:])
