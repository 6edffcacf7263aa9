"""What a bulk act does: the same to one job after the other, at the rate that somebody chose."""

import asyncio
from typing import Any
from uuid import UUID

from app.database import reading
from app.errors import Conflict, NotFound
from app.job_queue.tasks import JOBS_BULK
from app.models import BulkAct, BulkVerb
from app.permissions import Permission
from app.repositories import bulk as bulk_table
from app.repositories.bulk import Part
from app.services import jobs
from app.topics import jobs as topic
from app.worker.context import JobContext
from app.worker.registry import runs

_DO = {BulkVerb.RETRY: jobs.retry, BulkVerb.CANCEL: jobs.cancel}


@runs(JOBS_BULK)
async def act_on_jobs(ctx: JobContext, *, bulk_id: str, **_: Any) -> dict[str, Any]:  # noqa: ANN401 - words for people
    """Go on with the first job that waits: what is done is settled with it, so a lost run repeats nothing.

    Raises:
        Forbidden: whoever asked for it may not do it any more; the rest was not touched.
    """
    act, loop = await _look(ctx, UUID(bulk_id)), asyncio.get_running_loop()
    due = loop.time()
    while parts := await _next(ctx, act):
        for part, job_id in parts:
            await asyncio.sleep(max(0, due - loop.time()))
            due = max(due, loop.time() - 1) + 1 / act.rate
            await _settle(ctx, act, part, job_id)
            words = f"{_DOING[BulkVerb(act.verb)]}: {part.position:,} of {act.total:,}"
            await ctx.progress(part.position, act.total, words)
    done = await _look(ctx, act.id)
    return {"succeeded": done.succeeded, "refused": done.refused}


async def _look(ctx: JobContext, bulk_id: UUID) -> BulkAct:
    async with reading(ctx.actor, Permission.JOBS_BULK) as work:
        return await work.get(BulkAct, bulk_id)


async def _next(ctx: JobContext, act: BulkAct) -> list[tuple[Part, UUID]]:
    """The jobs of the next second."""
    async with reading(ctx.actor, Permission.JOBS_BULK) as work:
        rows = await bulk_table.waiting(work, act.id, act.rate)
    return [(Part(act.id, row.position), row.job_id) for row in rows]


async def _settle(ctx: JobContext, act: BulkAct, part: Part, job_id: UUID) -> None:
    """Do it to one job, the way a person would; what is refused is noted beside it, and the next one comes."""
    try:
        await _DO[BulkVerb(act.verb)](ctx.actor, job_id, act.reason, part=part)
    except (Conflict, NotFound) as refusal:
        async with ctx.keeping("bulk: refused") as work:
            await bulk_table.refuse(work, part, refusal.message)
            work.notify(topic, job_id)


_DOING = {BulkVerb.RETRY: "Retrying", BulkVerb.CANCEL: "Cancelling"}
