"""Tasks that only tests run, and a worker that knows them: ``python -m tests.processes.worker_tasks``."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from app import job_queue, logs
from app.config import Settings
from app.errors import Invalid
from app.job_queue import Task
from app.worker import run
from app.worker.context import JobContext
from app.worker.registry import runs
from tests.engines.polling import PollingEngine

ENGINE = "QUARTERDECK_TEST_ENGINE"
"""The variable that says which engine a worker of tests uses."""

STEPS = Task("test.steps", "Take steps", max_attempts=2, timeout=60)
POISON = Task("test.poison", "Always break", max_attempts=3)
REFUSE = Task("test.refuse", "Refuse", max_attempts=3)
NOOP = Task("test.noop", "Do nothing")
COPY = Task("test.copy", "Copy", max_attempts=2)


@runs(STEPS)
async def steps(ctx: JobContext, *, steps: int, pause: float, log: str) -> dict[str, Any]:
    """Write one line per step into a file; a checkpoint after each, so that no step is repeated after a crash."""
    done = (ctx.checkpoint or {}).get("done", 0)
    await ctx.progress(done, steps, "Beginning")
    for step in range(done, steps):
        with Path(log).open("a") as lines:  # noqa: ASYNC230 - one short line
            lines.write(f"{step}\n")
        await ctx.save({"done": step + 1})
        await ctx.progress(step + 1, steps, f"Step {step + 1}")
        await asyncio.sleep(pause)
    return {"steps": steps}


@runs(POISON)
async def poison(_: JobContext) -> None:
    """Break."""
    raise ZeroDivisionError("42 is divided by 0")


@runs(REFUSE)
async def refuse(_: JobContext) -> None:
    """Say no."""
    raise Invalid("The file has no rows.")


@runs(COPY)
async def copy(ctx: JobContext, *, log: str) -> dict[str, Any]:
    """COPY without an end; the second attempt is short. Each piece leaves a line in a file."""
    pieces = itertools.count() if ctx.attempt == 1 else range(3)

    async def source() -> AsyncIterator[bytes]:
        for piece in pieces:
            with Path(log).open("a") as lines:  # noqa: ASYNC230 - one short line
                lines.write(f"{piece}\n")
            yield (b"x" * 1023 + b"\n") * 256

    async with ctx.keeping("test: copy") as work:
        connection = await work.raw()
        await connection.execute("CREATE TEMP TABLE copied (word text) ON COMMIT DROP")
        told: str = await connection.copy_to_table("copied", source=source())
    return {"told": told}


@runs(NOOP)
async def noop(_: JobContext) -> None:
    """Nothing."""


if __name__ == "__main__":
    logs.configure()
    if os.environ.get(ENGINE) == PollingEngine.name:
        job_queue.deliver_by(PollingEngine())
    asyncio.run(run.work(Settings(), maintenance=False))
