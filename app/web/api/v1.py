"""The API for programs: ``/api/v1``, by an API token or by the cookie of a session. ``docs/api.md`` tells of it."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from app.actor import Staff, Token
from app.errors import Invalid, NotFound
from app.models import Job
from app.paging import PLACE, SEARCH, PageRequest
from app.permissions import Permission
from app.services import jobs
from app.web.api.callers import API

router = APIRouter(prefix=API)

FILTERS = {"status", "kind", "team", "user", "active", "created_at", "finished_at", SEARCH, PLACE}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Person(BaseModel):
    """The staff member who asks, or for whom a token stands."""

    id: UUID
    name: str
    email: str
    role: str


class TokenMe(BaseModel):
    """The token that was sent."""

    id: UUID
    name: str
    expires_at: datetime


class Me(BaseModel):
    """Who asks. ``teams`` None: all of them."""

    person: Person
    permissions: list[str]
    teams: list[UUID] | None
    token: TokenMe | None


class Progress(BaseModel):
    """How far a job is; ``total`` None: not known."""

    percent: int
    done: int
    total: int | None
    text: str


class Act(BaseModel):
    """What a program does to a job, and why: the reason goes into the audit log."""

    model_config = ConfigDict(extra="forbid")

    reason: str


class Retry(Act):
    """``from_start``: forget the checkpoint, and do everything again."""

    from_start: bool = False


class Failure(BaseModel):
    """Why a job failed."""

    code: str
    message: str


class ListedJob(BaseModel):
    """A job as the list tells of it. ``team_id`` None: the console's own work."""

    id: UUID
    team_id: UUID | None
    kind: str
    queue: str
    status: str
    percent: int
    attempts: int
    max_attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobList(BaseModel):
    """A page of jobs, newest first; ``next`` is where the next one begins."""

    jobs: list[ListedJob]
    next: str | None


class JobAnswer(BaseModel):
    """A job, without what it was given and what it brought. ``team_id`` None: the console's own work."""

    id: UUID
    team_id: UUID | None
    kind: str
    queue: str
    status: str
    progress: Progress
    attempts: int
    max_attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    cancel_seen_at: datetime | None
    error: Failure | None


@router.get("/me")
async def me(request: Request) -> Me:
    """Who am I, and what may I do? The gate has just asked the database."""
    actor: Staff | Token = request.state.actor
    token = (
        TokenMe(id=actor.token_id, name=actor.token_name, expires_at=actor.expires_at)
        if isinstance(actor, Token)
        else None
    )
    return Me(
        person=Person(id=actor.staff_id, name=actor.name, email=actor.email, role=actor.role.value),
        permissions=[permission.value for permission in Permission if actor.may(permission)],
        teams=None if actor.team_ids is None else sorted(actor.team_ids),
        token=token,
    )


@router.get("/jobs")
async def listed(request: Request) -> JobList:
    """Jobs by the filters of the list on the screen, newest first, 50 at a time."""
    query = {name: tuple(request.query_params.getlist(name)) for name in request.query_params}
    if unknown := query.keys() - FILTERS:
        raise Invalid(**dict.fromkeys(sorted(unknown), "There is no such filter."))
    page = await jobs.search(request.state.actor, PageRequest.read(query))
    told = [
        ListedJob(percent=row.progress, **{n: getattr(row, n) for n in ListedJob.model_fields if n != "percent"})
        for row in page.rows
    ]
    return JobList(jobs=told, next=page.next.encode() if page.next else None)


@router.get("/jobs/{job_id}")
async def job(request: Request, job_id: str) -> JobAnswer:
    """One job: where it stands."""
    return await _told(request, _id(job_id))


@router.post("/jobs/{job_id}/retry")
async def retry(request: Request, job_id: str, act: Retry) -> JobAnswer:
    """Put a failed or cancelled job back in the queue."""
    wanted = _id(job_id)
    await jobs.retry(request.state.actor, wanted, act.reason, from_start=act.from_start)
    return await _told(request, wanted)


@router.post("/jobs/{job_id}/cancel")
async def cancel(request: Request, job_id: str, act: Act) -> JobAnswer:
    """Ask a job to stop. What it answers tells whether it has stopped already, or was merely asked to."""
    wanted = _id(job_id)
    await jobs.cancel(request.state.actor, wanted, act.reason)
    return await _told(request, wanted)


@router.api_route("", methods=METHODS)
@router.api_route("/{rest:path}", methods=METHODS)
async def nothing() -> None:
    """Whatever else: no page is ever drawn for a program."""
    raise NotFound("There is nothing at this address. The guide “API” tells what there is.")


def _id(job_id: str) -> UUID:
    try:
        return UUID(job_id)
    except ValueError:
        raise Invalid(job_id="This is not the id of a job.") from None


async def _told(request: Request, job_id: UUID) -> JobAnswer:
    found = (await jobs.get(request.state.actor, job_id)).job
    return JobAnswer(
        id=found.id,
        team_id=found.team_id,
        kind=found.kind,
        queue=found.queue,
        status=found.status,
        progress=Progress(
            percent=found.progress, done=found.progress_done, total=found.progress_total, text=found.progress_text
        ),
        attempts=found.attempts,
        max_attempts=found.max_attempts,
        created_at=found.created_at,
        started_at=found.started_at,
        finished_at=found.finished_at,
        cancel_requested_at=found.cancel_requested_at,
        cancel_seen_at=found.cancel_seen_at,
        error=_failure(found),
    )


def _failure(found: Job) -> Failure | None:
    """Why a job failed: the sentence of a refusal. A bug's own words may hold anything, secrets too: they stay here."""
    if not found.error:
        return None
    ours = found.error_code in {None, "INTERNAL_ERROR"}
    sentence = "Something went wrong on our side. The job's page tells more." if ours else found.error
    return Failure(code=found.error_code or "INTERNAL_ERROR", message=sentence)
