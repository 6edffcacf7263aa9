"""The only clock. Tests replace :func:`now`; everything else asks it through the module: ``clock.now()``.

It also remembers how late this process came to what was due: people wait that long for it, whatever they ask.
"""

import time
from collections import deque
from datetime import UTC, datetime

REMEMBERED = 60.0
"""Seconds for which a delay is told."""
_delays: deque[tuple[float, float]] = deque(maxlen=1024)


def now() -> datetime:
    """The present moment in UTC, aware."""
    return datetime.now(UTC)


def note_delay(seconds: float) -> None:
    """Remember how many seconds late this process was just now."""
    _delays.append((time.monotonic(), seconds))


def longest_delay() -> float | None:
    """The longest delay of the last minute, in seconds; None: nobody has looked."""
    since = time.monotonic() - REMEMBERED
    return max((delay for at, delay in _delays if at >= since), default=None)
