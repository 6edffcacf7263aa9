"""How late this process comes to what is due: people wait that long for it, whatever they ask."""

import time
from collections import deque

REMEMBERED = 60.0
"""Seconds for which a delay is told."""
_delays: deque[tuple[float, float]] = deque(maxlen=1024)


def note(delay: float) -> None:
    """Remember how many seconds late this process was just now."""
    _delays.append((time.monotonic(), delay))


def longest_delay() -> float | None:
    """The longest delay of the last minute, in seconds; None: nobody has looked."""
    since = time.monotonic() - REMEMBERED
    return max((delay for at, delay in _delays if at >= since), default=None)
