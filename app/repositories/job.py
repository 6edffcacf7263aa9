"""Questions about one job: with everything that its page shows."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, case, cast, func, select
from sqlalchemy import column as sql_column
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import defer

from app.database import Work
from app.errors import NotFound
from app.models import Dataset, DatasetStatus, Job, JobEvent, JobEventKind, JobStatus, Queue, Schedule, Worker
from app.repositories import job_times

PARTS = ("input", "result", "checkpoint")
"""What of a job may be of any size."""
MOST_KEYS = 50
"""Keys of a part that is too large which are shown all the same."""
_BRIEF = 400
_SMALL = 2_000
_LOOKED_AT = 500
_OFTEN = (JobEventKind.DELIVERED, JobEventKind.CHECKPOINT)
"""What can happen to a job again and again without telling much."""
MOST_EVENTS, MOST_OFTEN = 400, 100


async def sizes(work: Work, job_id: UUID) -> Mapping[str, int]:
    """How many bytes the parts of a job take as JSON; of small ones roughly. A part that is missing takes none."""
    columns = [getattr(Job, part) for part in PARTS]
    stored = [func.pg_column_size(column) for column in columns]
    measured = [
        case((size > _SMALL, func.octet_length(cast(column, Text))), else_=size)
        for column, size in zip(columns, stored, strict=True)
    ]
    row = (await work.execute(select(*measured).where(Job.id == job_id))).one_or_none()
    if row is None:
        raise NotFound("This job does not exist, or you may not see it.")
    return {part: int(size or 0) for part, size in zip(PARTS, row, strict=True)}


async def get(work: Work, job_id: UUID, without: Collection[str] = ()) -> Job:
    """The job, without some of its :data:`PARTS`, which must not be asked for then."""
    left_out = [defer(getattr(Job, part), raiseload=True) for part in without]
    found: Job | None = (await work.execute(select(Job).options(*left_out).where(Job.id == job_id))).scalar()
    if found is None:
        raise NotFound("This job does not exist, or you may not see it.")
    return found


async def cut(work: Work, job_id: UUID, part: str) -> dict[str, Any]:
    """The beginning of a part that is too large: its first keys with what is short of it, of the rest how long it is.

    The expression holds the column itself, so that the door hides in it what its reader may not see.
    """
    whole = getattr(Job, part)
    first = func.jsonb_each(whole).table_valued("key", sql_column("value", JSONB)).alias("first")
    shown = select(first.c.key, first.c.value).limit(MOST_KEYS).correlate(Job).lateral("shown")
    length = func.octet_length(cast(shown.c.value, Text))
    told = func.to_jsonb(func.concat(func.jsonb_typeof(shown.c.value), " of ", length, " bytes, in the download"))
    short = case((length <= _BRIEF, shown.c.value), else_=told)
    begin = select(func.jsonb_object_agg(shown.c.key, short, type_=JSONB)).select_from(shown).scalar_subquery()
    query = select(Job.kind, Job.user_id, case((Job.id == job_id, begin), else_=whole).label("begin"))
    found: dict[str, Any] = (await work.execute(query.where(Job.id == job_id))).one().begin
    return found


async def events(work: Work, job_id: UUID) -> list[JobEvent]:
    """A job's time line, newest first. What happens again and again leaves room for the rest."""
    told: list[JobEvent] = []
    for often, most in ((False, MOST_EVENTS), (True, MOST_OFTEN)):
        kinds = JobEvent.kind.in_(_OFTEN) if often else JobEvent.kind.not_in(_OFTEN)
        query = select(JobEvent).where(JobEvent.job_id == job_id, kinds).order_by(JobEvent.id.desc()).limit(most)
        told += (await work.execute(query)).scalars()
    return sorted(told, key=lambda event: event.id, reverse=True)


async def names(work: Work, ids: Collection[UUID]) -> Mapping[UUID, str]:
    """The names of staff, also where the staff table is out of reach."""
    if not ids:
        return {}
    found = func.staff_names(sorted(ids)).table_valued("id", "name")
    return {row.id: row.name for row in await work.execute(select(found.c.id, found.c.name))}


async def durations(work: Work, job: Job, most: int) -> Sequence[float]:
    """How many seconds the last ``most`` jobs of this kind took that succeeded: those of its team for who sees only
    some.
    """
    recent = select(Job.status, job_times.RAN).where(Job.kind == job.kind).order_by(Job.id.desc()).limit(_LOOKED_AT)
    if work.who.team_ids is not None:
        recent = recent.where(Job.team_id == job.team_id)
    latest = recent.subquery()
    query = select(latest.c.ran).where(latest.c.status == JobStatus.SUCCEEDED, latest.c.ran.is_not(None))
    return [float(seconds) for seconds in (await work.execute(query.limit(most))).scalars()]


async def queue(work: Work, name: str) -> Any:  # noqa: ANN401 - a row
    """What staff decided about a queue, how many of its jobs run, and how many workers take from it; or None."""
    running = select(func.count()).where(Job.queue == name, Job.status == JobStatus.RUNNING).scalar_subquery()
    taking = (Worker.queues.contains([name]), Worker.drain_requested_at.is_(None))
    workers = select(func.count()).select_from(Worker).where(*taking).scalar_subquery()
    columns = (Queue.id, Queue.paused_at, Queue.max_running, running.label("running"), workers.label("workers"))
    return (await work.execute(select(*columns).where(Queue.name == name))).one_or_none()


async def schedule_name(work: Work, schedule_id: UUID) -> str:
    """What a schedule is called; "" where it is gone."""
    return await work.scalar(select(Schedule.name).where(Schedule.id == schedule_id)) or ""


async def dataset_name(work: Work, dataset_id: UUID) -> str:
    """What a dataset is called; "" where it is gone or out of sight."""
    query = select(Dataset.name).where(Dataset.id == dataset_id, Dataset.status == DatasetStatus.ACTIVE)
    return await work.scalar(query) or ""


async def worker_since(work: Work, worker_id: UUID) -> datetime | None:
    """The last sign of life of a worker; None: it has signed off."""
    seen: datetime | None = await work.scalar(select(Worker.heartbeat_at).where(Worker.id == worker_id))
    return seen
