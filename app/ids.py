"""Identifiers: UUID version 7 (RFC 9562), made in Python so that a record knows its id before it is written."""

import os
import secrets
import threading
import time
from uuid import UUID

_REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


class _Stamps:
    """Ever growing stamps of 1/4096 ms, so that ids of one process keep their order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() * 4096 // 1_000_000)
            return self._last


_stamps = _Stamps()


def uuid7() -> UUID:
    """A UUID v7: 48 bits of milliseconds, 12 bits of their fraction (RFC 9562, method 3), 62 random bits."""
    stamp = _stamps.next()
    random = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return UUID(int=(stamp >> 12 << 80) | (7 << 76) | ((stamp & 0xFFF) << 64) | (2 << 62) | random)


def short(value: UUID) -> str:
    """The last eight characters: what people see and say. The random end differs where the start does not."""
    return value.hex[-8:]


def reference() -> str:
    """A short reference for a log line, easy to read aloud, such as ``7F3K-Q2``."""
    picked = [secrets.choice(_REFERENCE_ALPHABET) for _ in range(6)]
    return "".join(picked[:4]) + "-" + "".join(picked[4:])
