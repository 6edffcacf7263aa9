"""Processes of the product under measurement, and the most memory that each ever held."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped] # it ships no types

from app.config import Settings
from app.supervisor.process_settings import environment

ROOT = Path(__file__).resolve().parents[1]
_LOOK_SECONDS = 0.01
_PAUSE_SECONDS = 0.02


@asynccontextmanager
async def started(settings: Settings, *arguments: str) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """``python -m`` with these arguments and settings, ended with the block, at once if it does not listen."""
    process = subprocess.Popen(  # noqa: ASYNC220 - takes milliseconds, and the block owns it from the first moment
        [sys.executable, "-m", *arguments], cwd=ROOT, env=environment(settings), stdout=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, 15)
        finally:
            process.kill()
            process.wait()


async def breathe(process: "subprocess.Popen[bytes]") -> None:
    """A short pause while something is awaited of a process, which must not have ended meanwhile."""
    if process.poll() is not None:
        raise RuntimeError(f"The process ended with {process.returncode}; its own words are above.")
    await asyncio.sleep(_PAUSE_SECONDS)


def peak_mb(pid: int) -> float:
    """The most memory (resident, MB of 10^6 bytes) that a running process ever held; 0 when it is gone."""
    return _status_mb(pid, "VmHWM:")


def memory_mb(pid: int) -> float:
    """The memory that a running process holds now, counted as its peak is."""
    return _status_mb(pid, "VmRSS:")


def forget_peak(pid: int) -> None:
    """Let the peak of a process of ours begin anew at what it holds now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status_mb(pid: int, name: str) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith(name)]
    return int(lines[0].split()[1]) * 1024 / 1e6 if lines else 0.0


def cpu_ms(pid: int) -> float:
    """Processor time that the threads of a running process have used so far, in ms, as finely as the kernel counts."""
    used = (path.read_text().split()[0] for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(int(nanoseconds) for nanoseconds in used) / 1e6


async def peak_of_children_mb(pid: int, seen: list[float]) -> None:
    """Watch the children of a process until cancelled; keeps the highest peak of any in ``seen[0]``.

    A child's peak grows only, so looking a hundred times a second misses at most its last moments.
    """
    parent = psutil.Process(pid)
    while True:
        seen[0] = max([seen[0], *(peak_mb(child.pid) for child in _children(parent))])
        await asyncio.sleep(_LOOK_SECONDS)


def _children(parent: psutil.Process) -> Sequence[psutil.Process]:
    try:
        found: Sequence[psutil.Process] = parent.children()
    except psutil.NoSuchProcess:
        return ()
    return found
