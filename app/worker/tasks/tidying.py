"""What the console does for its own good at the times of its schedules."""

import asyncio
from datetime import timedelta
from typing import Any

from app import clock
from app.database import reading
from app.job_queue.tasks import FIGURES_FORGET, FILES_TIDY
from app.permissions import Permission
from app.repositories import imports as imports_table
from app.repositories import queues as queues_table
from app.storage.cleanup import REFUSED_KEPT, remove_halves, remove_refused, remove_uploads
from app.worker.context import JobContext
from app.worker.registry import runs

FIGURES_KEPT = timedelta(days=2)
"""How long it is known minute by minute what happened in the queues."""


@runs(FILES_TIDY)
async def remove_abandoned_files(ctx: JobContext, **_: Any) -> dict[str, Any]:  # noqa: ANN401 - nothing is asked
    """Free the disk of files that nobody will come back for."""
    removed = await asyncio.to_thread(remove_uploads, ctx.data_dir / "uploads")
    async with reading(ctx.actor, Permission.DATASETS_READ) as work:
        refused = await imports_table.refused_files(work, clock.now() - REFUSED_KEPT)
    removed += await asyncio.to_thread(remove_refused, ctx.data_dir / "uploads", refused)
    for folder in ("documents", "audit"):
        removed += await asyncio.to_thread(remove_halves, ctx.data_dir / folder)
    return {"files": removed.files, "bytes": removed.bytes}


@runs(FIGURES_FORGET)
async def forget_old_figures(ctx: JobContext, **_: Any) -> dict[str, Any]:  # noqa: ANN401 - nothing is asked
    """Keep the figures of the queues small: of some days ago nobody asks minute by minute."""
    async with ctx.keeping("queues: forget old figures") as work:
        forgotten = await queues_table.forget_before(work, clock.now() - FIGURES_KEPT)
    return {"minutes": forgotten}
