"""The API for programs: ``/api/v1``, by an API token or by the cookie of a session. ``docs/api.md`` tells of it."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel

from app.actor import Staff, Token
from app.api.programs import API
from app.errors import Invalid, NotFound
from app.models import Job
from app.permissions import Permission
from app.services import jobs

router = APIRouter(prefix=API)

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


class Failure(BaseModel):
    """Why a job failed."""

    code: str
    message: str


class JobAnswer(BaseModel):
    """A job, without what it was given and what it brought."""

    id: UUID
    team_id: UUID
    kind: str
    status: str
    progress: Progress
    attempts: int
    max_attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
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


@router.get("/jobs/{job_id}")
async def job(request: Request, job_id: str) -> JobAnswer:
    """One job: where it stands."""
    try:
        wanted = UUID(job_id)
    except ValueError:
        raise Invalid(job_id="This is not the id of a job.") from None
    found = (await jobs.get(request.state.actor, wanted)).job
    return JobAnswer(
        id=found.id,
        team_id=found.team_id,
        kind=found.kind,
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
        error=_failure(found),
    )


@router.api_route("", methods=METHODS)
@router.api_route("/{rest:path}", methods=METHODS)
async def nothing() -> None:
    """Whatever else: no page is ever drawn for a program."""
    raise NotFound("There is nothing at this address. The guide “API” tells what there is.")


def _failure(found: Job) -> Failure | None:
    """Why a job failed: the sentence of a refusal. A bug's own words may hold anything, secrets too: they stay here."""
    if not found.error:
        return None
    ours = found.error_code in {None, "INTERNAL_ERROR"}
    sentence = "Something went wrong on our side. The job's page tells more." if ours else found.error
    return Failure(code=found.error_code or "INTERNAL_ERROR", message=sentence)
