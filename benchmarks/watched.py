"""The product's web process with a look at its event loop: ``python -m benchmarks.watched`` is the process.

A task sleeps for 5 ms again and again. Whenever it wakes more than a millisecond late, it adds a line to
:data:`FILE` in the data directory: when (seconds of the monotonic clock, which all processes share), how late, and how
much processor time the loop's own thread used meanwhile, both in milliseconds.
"""

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nicegui

from app import main
from app.config import Settings

FILE = "loop-lag"
_SLEEP, _WORTH = 0.005, 0.001


@dataclass(frozen=True, slots=True)
class Lag:
    """The longest waits for the event loop: ``late`` as a clock on the wall says, ``busy`` by processor time alone."""

    late: float
    busy: float


def worst(folder: Path, since: float, until: float) -> Lag:
    """The longest waits in ms between two moments of the monotonic clock."""
    lines = (line.split() for line in (folder / FILE).read_text().splitlines())
    seen = [(float(late), float(busy)) for at, late, busy in lines if since <= float(at) <= until]
    return Lag(max((late for late, _ in seen), default=0), max((busy for _, busy in seen), default=0))


async def _watch(file: Path) -> None:
    with file.open("w", buffering=1) as told:
        while True:
            before, used = time.monotonic(), time.thread_time()
            await asyncio.sleep(_SLEEP)
            now = time.monotonic()
            if (late := now - before - _SLEEP) > _WORTH:
                told.write(f"{now:.4f} {late * 1000:.2f} {(time.thread_time() - used) * 1000:.2f}\n")


if __name__ == "__main__":
    settings = Settings()
    nicegui.app.on_startup(partial(_watch, settings.data_dir / FILE))
    main.serve(settings)
