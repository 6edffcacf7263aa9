"""Questions about bulk acts, and how each of their parts is settled."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Row, Select, and_, func, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import UUID as UUID_

from app.database import Work
from app.errors import Conflict, Forbidden, NotFound
from app.models import ALWAYS, BulkAct, BulkItem, BulkStatus, BulkVerb, Job, JobStatus, Metric, Team
from app.paging import Count, Page, PageRequest, Sort
from app.permissions import Permission, Role, granted
from app.repositories import tallies
from app.repositories.filters import among
from app.repositories.keyset import Listing, Query, page

MOST = 100_000
"""Jobs of one bulk act; what matches beyond them, the newest, is left out."""
LISTING = Listing(BulkAct.id, Sort("id"), {})
ITEMS = Listing(BulkItem.position, Sort("status", descending=False), {"status": BulkItem.status})
NEEDS = {BulkVerb.RETRY: Permission.JOBS_RETRY, BulkVerb.CANCEL: Permission.JOBS_CANCEL}


@dataclass(frozen=True, slots=True)
class Part:
    """One job's place in a bulk act."""

    bulk_id: UUID
    position: int


async def standing(work: Work, chosen: Query, moment: datetime) -> Query:  # noqa: ARG001 - the shape of questions
    """Of the chosen jobs those that somebody saw at a moment: not what came or ended later."""
    return chosen.where(_at(moment))


async def tallied(
    work: Work, chosen: Select[Any], verb: BulkVerb, apart: Collection[str]
) -> dict[tuple[str, bool], int]:
    """How many of the chosen jobs (a question of jobs) stand where, and whether this can be done with them. Looks at
    one more than :data:`MOST`.
    """
    seen = chosen.with_only_columns(Job.status, _able(verb, apart).label("able")).limit(MOST + 1).subquery()
    counted = select(seen.c.status, seen.c.able, func.count()).group_by(seen.c.status, seen.c.able)
    return {(status, bool(can)): int(n) for status, can, n in await work.execute(counted)}


async def freeze(work: Work, act: BulkAct, chosen: Select[Any], apart: Collection[str]) -> int:
    """Write down which jobs the act is about, the oldest first; how many."""
    ids = (
        chosen.where(_able(BulkVerb(act.verb), apart)).with_only_columns(Job.id).order_by(Job.id).limit(MOST).subquery()
    )
    place = func.row_number().over(order_by=ids.c.id).cast(Integer)
    columns = ["bulk_id", "position", "team_id", "job_id", "status"]
    of_act = (literal(act.id, UUID_), place, literal(act.team_id, UUID_), ids.c.id, literal(BulkStatus.WAITING.value))
    answer = await work.execute(insert(BulkItem).from_select(columns, select(*of_act)))
    return int(answer.rowcount)  # type: ignore[attr-defined]  # a cursor's result, which has it


async def search(work: Work, request: PageRequest) -> Page[Any]:
    """Bulk acts in sight, newest first."""
    query = _listed()
    if verbs := among(request, "verb", BulkVerb):
        query = query.where(BulkAct.verb.in_(verbs))
    return await page(work, query, LISTING, request)


def _listed() -> Query:
    columns: tuple[Any, ...] = (
        *(BulkAct.id, BulkAct.team_id, BulkAct.verb, BulkAct.asked_by, BulkAct.reason, BulkAct.rate, BulkAct.total),
        *(BulkAct.succeeded, BulkAct.refused, BulkAct.job_id, BulkAct.created_at, Team.name.label("team")),
        *(Job.status, Job.cancel_requested_at),
    )
    return select(*columns).outerjoin(Team, Team.id == BulkAct.team_id).outerjoin(Job, Job.id == BulkAct.job_id)


async def items(work: Work, act: BulkAct, request: PageRequest) -> Page[Any]:
    """The jobs of an act, what was refused first."""
    columns: tuple[Any, ...] = (
        *(BulkItem.position, BulkItem.job_id, BulkItem.status, BulkItem.message, BulkItem.done_at),
        *(Job.kind, Job.status.label("job_status"), Job.cancel_requested_at, Job.error, Job.user_id, Job.team_id),
        Team.name.label("team"),
    )
    query = select(*columns).outerjoin(Job, Job.id == BulkItem.job_id).outerjoin(Team, Team.id == Job.team_id)
    query = query.where(BulkItem.bulk_id == act.id)
    known = act.tallies
    if states := among(request, "status", BulkStatus):
        query = query.where(BulkItem.status.in_(states))
    count = Count(sum(n for state, n in known.items() if not states or state in states))
    return await page(work, query, ITEMS, request, count=count)


async def standing_since(work: Work, ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """How the jobs of these acts stand since, by state; each until it has ended for the first time."""
    named = {f"{one}|{state}": (one, state.value) for one in ids for state in JobStatus}
    found: dict[UUID, dict[str, int]] = {one: {} for one in ids}
    if ids:
        for dimension, n in (await tallies.since(work, Metric.BULK_JOBS, ALWAYS, dimensions=list(named))).items():
            one, state = named[dimension]
            found[one][state] = n
    return found


async def carried_out_by(work: Work, jobs: Sequence[UUID]) -> Sequence[Row[Any]]:
    """The acts that these jobs carry out."""
    columns = (BulkAct.id, BulkAct.verb, BulkAct.total, BulkAct.succeeded, BulkAct.refused, BulkAct.job_id)
    return (await work.execute(select(*columns).where(BulkAct.job_id.in_(jobs)))).all()


async def waiting(work: Work, bulk_id: UUID, limit: int) -> Sequence[Row[Any]]:
    """The next jobs of an act, as (position, job_id)."""
    query = select(BulkItem.position, BulkItem.job_id).where(BulkItem.bulk_id == bulk_id)
    undone = query.where(BulkItem.status == BulkStatus.WAITING).order_by(BulkItem.position).limit(limit)
    return (await work.execute(undone)).all()


async def settle(work: Work, part: Part, job: Job) -> None:
    """This part is done, in the transaction that does it.

    Raises:
        Forbidden: whoever asked for the act may not do this any more.
        NotFound: they do not see the job's team any more.
        Conflict: it was done, or refused, before.
    """
    act = await work.get(BulkAct, part.bulk_id)
    await _check_asker(work, act, job)
    await _mark(work, part, BulkStatus.SUCCEEDED, None)


async def refuse(work: Work, part: Part, message: str) -> None:
    """This part could not be done, and why."""
    await _mark(work, part, BulkStatus.REFUSED, message[:500])


async def _mark(work: Work, part: Part, status: BulkStatus, message: str | None) -> None:
    mine = and_(BulkItem.bulk_id == part.bulk_id, BulkItem.position == part.position)
    marked = update(BulkItem).where(mine, BulkItem.status == BulkStatus.WAITING)
    values = {"status": status.value, "message": message, "done_at": func.now()}
    answer = await work.execute(marked.values(values).execution_options(synchronize_session=False))
    if not answer.rowcount:  # type: ignore[attr-defined]  # a cursor's result, which has it
        raise Conflict("This part of the bulk act is settled already.")
    number = {BulkStatus.SUCCEEDED: BulkAct.succeeded, BulkStatus.REFUSED: BulkAct.refused}[status]
    counted = update(BulkAct).where(BulkAct.id == part.bulk_id).values({number.key: number + 1})
    await work.execute(counted.execution_options(synchronize_session=False))


async def _check_asker(work: Work, act: BulkAct, job: Job) -> None:
    asker = func.bulk_asker(act.id).table_valued("role", "limited", "teams")
    found = (await work.execute(select(asker.c.role, asker.c.limited, asker.c.teams))).one_or_none()
    if found is None or not {NEEDS[BulkVerb(act.verb)], Permission.JOBS_BULK} <= granted(
        Role(found.role), limited=found.limited
    ):
        raise Forbidden("Whoever asked for this may not do it any more. What is left was not touched.")
    if found.limited and job.team_id not in found.teams:
        raise NotFound("Whoever asked for this does not see the job's team any more.")


def _at(moment: datetime) -> Any:  # noqa: ANN401 - a condition
    """Jobs as they stood then: one that came, or ended, after somebody looked was not looked at."""
    return and_(Job.created_at <= moment, or_(Job.finished_at.is_(None), Job.finished_at <= moment))


def _able(verb: BulkVerb, apart: Collection[str]) -> Any:  # noqa: ANN401 - a condition
    """Jobs with which this can be done now; those of the kinds ``apart`` never."""
    can: ColumnElement[bool]
    if verb is BulkVerb.RETRY:
        can = Job.status.in_([JobStatus.FAILED, JobStatus.CANCELLED])
    else:
        going = and_(Job.status.in_([JobStatus.QUEUED, JobStatus.RUNNING]), Job.cancel_requested_at.is_(None))
        can = or_(going, Job.status == JobStatus.FAILED)
    return and_(can, Job.kind.not_in(apart))
