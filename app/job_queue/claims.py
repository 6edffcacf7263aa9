"""Taking jobs. Of all that a worker was told to run, it gets those that are due and whose queue lets them through.

Many are taken in one transaction: each step is one statement, however many there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.database import Work, keeping
from app.job_queue.core import Run, tell_pages
from app.job_queue.queues import lock
from app.models.job import Worker


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that this worker may run now, and what it needs to know."""

    run: Run
    team_id: UUID | None
    kind: str
    input: Mapping[str, Any]
    checkpoint: dict[str, Any] | None
    attempt: int
    """Counted through, from the first that there was."""
    left: int
    """Attempts that come after this one, unless it ends well."""
    created_by: UUID | None


_TAKE = """
    taken AS (
        UPDATE jobs SET status = 'running', epoch = epoch + 1, attempts = attempts + 1, worker = :worker,
            lease_until = now() + make_interval(secs => :lease), started_at = coalesce(started_at, now()),
            run_started_at = now(), held_at = NULL, run_cost_micros = 0,
            run_after = CASE status WHEN 'running' THEN lease_until ELSE run_after END
        WHERE id = ANY (THESE)
        RETURNING jobs.id, team_id, kind, input, checkpoint, epoch, attempts, max_attempts, created_by,
            old.worker AS worker_before
    ), told AS (
        INSERT INTO job_events (job_id, team_id, at, kind, detail)
        SELECT id, team_id, now(), CASE WHEN worker_before IS NULL THEN 'claimed' ELSE 'taken_over' END,
            jsonb_build_object('worker', CAST(:worker AS uuid), 'host', CAST(:host AS text),
                'pid', CAST(:pid AS integer), 'epoch', epoch, 'attempt', attempts, 'from', worker_before)
        FROM taken
    )"""
# One whose run is in the middle of an act is left to that act; whoever changes a waiting one is waited for. What no
# queue holds up is taken at once, for the rest somebody has to count. Jobs are found by their ids alone (|| ''): by
# statistics of a moment ago, which are wrong in a rush, going through all that wait could look cheaper.
_TAKE_FREE = text(
    """
    WITH waiting AS MATERIALIZED (
        SELECT id, queue, priority FROM jobs
        WHERE id = ANY (:jobs) AND status || '' = 'queued' AND run_after <= now() AND cancel_requested_at IS NULL
        ORDER BY id FOR UPDATE
    ), lost AS MATERIALIZED (
        SELECT id, queue, priority FROM jobs
        WHERE id = ANY (:jobs) AND status || '' = 'running' AND lease_until < now() AND attempts < max_attempts
            AND cancel_requested_at IS NULL
        ORDER BY id FOR UPDATE SKIP LOCKED
    ), due AS MATERIALIZED (
        SELECT id, queue, priority, (q.paused_at IS NOT NULL OR q.max_running IS NOT NULL) IS TRUE AS governed
        FROM waiting LEFT JOIN (SELECT name AS queue, paused_at, max_running FROM queues) q USING (queue)
        UNION ALL SELECT id, queue, priority, false FROM lost
    ), TAKE
    SELECT due.governed, due.queue, taken.*, due.id FROM due LEFT JOIN taken USING (id)
    ORDER BY due.priority DESC, due.id
    """.replace("TAKE", _TAKE.replace("THESE", "ARRAY(SELECT id FROM due WHERE NOT governed)"))
)
_TAKE_THESE = text("WITH TAKE SELECT * FROM taken".replace("TAKE", _TAKE.replace("THESE", ":jobs")))
_ROOM = text(
    """
    SELECT name, CASE WHEN paused_at IS NOT NULL THEN 0 WHEN max_running IS NULL THEN 2147483647
        ELSE max_running - (SELECT count(*) FROM jobs r WHERE r.queue = name AND r.status = 'running') END AS room
    FROM queues WHERE name = ANY (:names)
    """
)
_HOLD = text(
    """
    WITH held AS (
        UPDATE jobs SET held_at = now() FROM queues q
        WHERE jobs.id = ANY (:jobs) AND held_at IS NULL AND q.name = jobs.queue
        RETURNING jobs.id, team_id, queue, q.paused_at IS NOT NULL AS paused
    )
    INSERT INTO job_events (job_id, team_id, at, kind, detail)
    SELECT id, team_id, now(), 'held', jsonb_build_object('queue', queue, 'paused', paused) FROM held
    """
)


async def claim(job_id: UUID, worker: Worker, lease: float) -> Claimed | None:
    """Take a due job for ``lease`` seconds. None: somebody else has it, or it is not to be run now."""
    return (await claim_many([job_id], worker, lease)).get(job_id)


async def claim_many(job_ids: Sequence[UUID], worker: Worker, lease: float) -> Mapping[UUID, Claimed]:
    """Take those that are due, each for ``lease`` seconds. What its queue does not let through is marked as held."""
    who = {"worker": worker.id, "host": worker.host, "pid": worker.pid, "lease": lease}
    async with keeping("jobs: claim") as work:
        due = (await work.execute(_TAKE_FREE, {"jobs": list(job_ids), **who})).all()
        taken = [row for row in due if not row.governed]
        if governed := [row for row in due if row.governed]:
            through = await _let_through(work, governed)
            taken += (await work.execute(_TAKE_THESE, {"jobs": through, **who})).all()
        tell_pages(work, [row.id for row in due])
    return {row.id: _claimed(row) for row in taken}


async def _let_through(work: Work, waiting: Sequence[Any]) -> list[UUID]:
    """Those for which their queues have room, of rows that are locked, the most urgent first. The others are held."""
    names = {row.queue for row in waiting}
    await lock(work, names)
    room = {row.name: row.room for row in await work.execute(_ROOM, {"names": list(names)})}
    through: list[UUID] = []
    held: list[UUID] = []
    for row in waiting:
        room[row.queue] -= 1
        (through if room[row.queue] >= 0 else held).append(row.id)
    if held:
        await work.execute(_HOLD, {"jobs": held})
    return through


def _claimed(row: Any) -> Claimed:  # noqa: ANN401 - a row
    run = Run(row.id, row.epoch)
    return Claimed(
        run, row.team_id, row.kind, row.input, row.checkpoint, row.attempts, row.max_attempts - row.attempts,
        row.created_by,
    )  # fmt: skip
