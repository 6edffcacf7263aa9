"""What staff decide about a queue: it waits, or so many of its jobs run at the same time, over all workers.

A claim that finds no room marks its job as held; whatever makes room lets held ones through again, the most urgent
and then the oldest first. Whoever counts what runs in a queue, or changes it, holds the queue's lock meanwhile, and
takes it after the rows of jobs that it locks.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from app import clock, topics
from app.database import Work
from app.ids import uuid7
from app.job_queue.core import deliver
from app.job_queue.engines.base import Delivery
from app.job_queue.tasks import MAINTENANCE, QUEUES
from app.models.job import Job, JobEvent, Queue

AT_MOST = 500
"""Jobs that one act moves, so that it stays short. Those that end, and the sweep, move the rest."""
_LOCK = text(
    "SELECT pg_advisory_xact_lock(hashtext('quarterdeck queue'), hashtext(name))"
    " FROM unnest(CAST(:names AS text[])) AS name"
)
_RELEASE = text(
    """
    WITH room AS (
        SELECT CASE
            WHEN q.paused_at IS NOT NULL THEN 0
            WHEN q.max_running IS NULL THEN :most
            ELSE greatest(0, least(:most, q.max_running - (
                SELECT count(*) FROM jobs r WHERE r.queue = :queue AND r.status = 'running')))
        END AS n
        FROM (VALUES (1)) AS one LEFT JOIN queues q ON q.name = :queue
    ), next AS MATERIALIZED (
        SELECT id FROM jobs
        WHERE queue = :queue AND status = 'queued' AND held_at IS NOT NULL AND cancel_requested_at IS NULL
        ORDER BY priority DESC, id LIMIT (SELECT n FROM room) FOR UPDATE SKIP LOCKED
    ), released AS (
        -- A new epoch: the message that the claim refused may still be on its way out, and would swallow this one.
        UPDATE jobs SET held_at = NULL, epoch = epoch + 1, delivered_at = now(), deliveries = 1
        FROM next WHERE jobs.id = next.id
        RETURNING jobs.id, team_id, epoch, priority
    ), told AS (
        INSERT INTO job_events (job_id, team_id, at, kind, detail)
        SELECT id, team_id, now(), 'released', '{}' FROM released
    )
    SELECT id, epoch, priority FROM released ORDER BY priority DESC, id
    """
)

_HOLDS = "EXISTS (SELECT FROM jobs h WHERE h.queue = q.name AND h.status = 'queued' AND h.held_at IS NOT NULL)"
_HOLDING = text("SELECT name FROM queues q WHERE paused_at IS NULL AND HOLDS ORDER BY name".replace("HOLDS", _HOLDS))
GOVERNED = "SELECT name FROM queues q WHERE paused_at IS NULL AND (max_running > 0 OR HOLDS)".replace("HOLDS", _HOLDS)
"""The queues in which an end makes room for somebody. Of a limited one only its lock tells: a claim may be about to
hold a job because what ends now has not ended yet.
"""
_GOVERNED = text(GOVERNED)


async def declare_queues(work: Work) -> None:
    """Write down the queues that the program has, for whoever starts first."""
    now = clock.now()
    names = (*QUEUES, MAINTENANCE)
    rows = [{"id": uuid7(), "name": name, "version": 1, "created_at": now, "updated_at": now} for name in names]
    await work.execute(insert(Queue).values(rows).on_conflict_do_nothing(index_elements=["name"]))


async def pause_queue(work: Work, queue: Queue) -> None:
    """Let no more jobs of this queue start; those that run go on. The caller holds the row locked, and records."""
    queue.paused_at = queue.updated_at = clock.now()
    await work.flush()
    await lock(work, [queue.name])


async def resume_queue(work: Work, queue: Queue) -> int:
    """Let its jobs start again; returns how many held ones were delivered at once. The caller holds the row locked,
    and records.
    """
    queue.paused_at, queue.updated_at = None, clock.now()
    await work.flush()
    return await release(work, queue.name)


async def limit_queue(work: Work, queue: Queue, most: int | None) -> int:
    """Let at most ``most`` of its jobs run at the same time, None for any number; what runs goes on. Returns how many
    held ones were delivered at once. The caller holds the row locked, and records.
    """
    queue.max_running, queue.updated_at = most, clock.now()
    await work.flush()
    return await release(work, queue.name)


async def release(work: Work, queue: str, at_most: int = AT_MOST) -> int:
    """Deliver held jobs of this queue, as many as there is room for. Returns how many."""
    await lock(work, [queue])
    work.implied(Job, JobEvent)
    rows = (await work.execute(_RELEASE, {"queue": queue, "most": at_most})).all()
    if rows:
        await deliver(work, [Delivery(row.id, row.epoch, queue, row.priority) for row in rows])
        work.notify(topics.jobs)
    return len(rows)


async def make_room(work: Work, ended: Mapping[str, int]) -> None:
    """So many runs of these queues have ended in this transaction: deliver what waited for that. Two for each, so that
    a long queue that was resumed gathers pace by itself.
    """
    governed = set((await work.execute(_GOVERNED)).scalars())
    for name in sorted(governed & ended.keys()):
        await release(work, name, 2 * ended[name])


async def release_all(work: Work) -> int:
    """:func:`release` for every queue that holds jobs back. Returns how many."""
    names = (await work.execute(_HOLDING)).scalars()
    return sum([await release(work, name) for name in names])


async def lock(work: Work, names: Iterable[str]) -> None:
    """Come one after another with whoever else counts or changes what runs in these queues."""
    await work.execute(_LOCK, {"names": sorted(names)})
