"""The entrance of the door: still you, and whose rows? One statement asks the database who the actor is now, and sets
role, teams and limits for this transaction. ``app.database.work`` is its only user.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app import clock
from app.actor import Actor, Command, Nobody, Staff, System, Token
from app.errors import Locked, NotSignedIn, StepUpRequired, Unfinished
from app.permissions import STEP_UP, Permission, Role, delegated, granted
from app.trace import request_reference

_SET = """
    set_config('app.team_ids', {teams}, true), set_config('app.actor', :actor, true),
    set_config('app.request', :request, true), set_config('statement_timeout', :timeout, true),
    set_config('transaction_read_only', :read_only, true), set_config('role', {role}, true)"""
_SET_PERSON = _SET.format(
    teams="d.teams::text", role="CASE WHEN d.limited THEN 'quarterdeck_team' ELSE 'quarterdeck_platform' END"
)
_ENTER_STAFF = text(
    "SELECT d.staff_id, d.name, d.role, d.limited, d.teams, d.authenticated_at, d.last_seen_at, d.duty,"
    + _SET_PERSON
    + " FROM door_session(:sid) AS d"
)
_ENTER_TOKEN = text(
    "SELECT d.staff_id, d.role, d.limited, d.teams, d.permissions," + _SET_PERSON + " FROM door_token(:digest) AS d"
)
_ENTER_JOB = text(
    "SELECT d.team_id, d.started_by, d.kind, (SELECT n.name FROM staff_names(ARRAY[d.started_by]) AS n) AS starter,"
    + _SET.format(
        teams="array_remove(array[d.team_id], NULL)::text",
        role="CASE WHEN d.team_id IS NULL THEN 'quarterdeck_platform' ELSE 'quarterdeck_team' END",
    )
    + " FROM door_job(:job, :epoch, :hold) AS d"
)
ENTER_PLAIN = text("SELECT" + _SET.format(teams=":teams", role=":role"))


class _Patience:
    """How long a session may lie idle."""

    idle = timedelta(hours=12)


RECENT = timedelta(minutes=10)
"""How long a password or a code counts for what is dangerous."""


def lock_after(idle: timedelta) -> None:
    """Set once at start-up after what time without an act a session is locked."""
    _Patience.idle = idle


def awake_since() -> datetime:
    """Sessions whose owner was last seen before this moment are locked."""
    return clock.now() - _Patience.idle


class LeaseLost(NotSignedIn):
    """A job's run that lost its lease tried to act: another run has taken over."""

    def __init__(self) -> None:
        super().__init__("This run of the job has been taken over by another worker.")


class DeadToken(NotSignedIn):
    """An API token that was never made, was revoked or has expired, or whose owner may not act: never said which."""

    def __init__(self) -> None:
        super().__init__("This API token does not work, or not any more. Make a new one under “API tokens”.")


@dataclass(frozen=True, slots=True)
class Who:
    """The actor as the database knows them now."""

    kind: str
    id: UUID | None
    name: str
    session_id: UUID | None = None
    ip: str | None = None
    team_ids: tuple[UUID, ...] | None = None
    """None sees all teams."""
    permissions: frozenset[Permission] = frozenset()
    authenticated_at: datetime | None = None
    """When a person last proved that it is them."""


async def identify(session: AsyncSession, actor: Actor, timeout: float, *, read_only: bool) -> Who:
    """Steps 1 and 4 of the door in one statement: still you? whose rows? ``timeout`` in seconds.

    Raises:
        NotSignedIn: the session has ended, or its owner may not sign in any more.
        Locked: nobody acted in the session for hours.
        Unfinished: its owner must choose another password, or set up a second factor, before anything else.
        LeaseLost: another run of the job has taken over.
    """
    match actor:
        case Staff():
            seen = Who("staff", actor.staff_id, actor.name)
            row = await enter(session, _ENTER_STAFF, {"sid": actor.session_id, **context(seen, timeout, read_only)})
            if row is None:
                raise NotSignedIn
            if row.last_seen_at < awake_since():
                raise Locked
            if row.duty:
                raise Unfinished
            teams, allowed = tuple(row.teams) if row.limited else None, granted(Role(row.role), limited=row.limited)
            return Who(
                "staff", row.staff_id, row.name, actor.session_id, actor.ip, teams, allowed, row.authenticated_at
            )
        case Token():
            return await _program(session, actor, timeout, read_only=read_only)
        case System():
            seen = Who("system", actor.started_by, "system")
            job = {"job": actor.job_id, "epoch": actor.epoch, "hold": not read_only}
            row = await enter(session, _ENTER_JOB, {**job, **context(seen, timeout, read_only)})
            if row is None:
                raise LeaseLost
            name = f"Job {actor.job_id.hex[-8:]}" + (f" of {row.starter}" if row.starter else "")
            teams = None if row.team_id is None else (row.team_id,)
            return Who("system", row.started_by, name, team_ids=teams, permissions=actor.permissions)
        case Command():
            who = Who("command", None, actor.user, permissions=frozenset(Permission))
            parameters = {"teams": "{}", "role": "quarterdeck_platform", **context(who, timeout, read_only)}
            await enter(session, ENTER_PLAIN, parameters)
            return who
        case Nobody():
            raise NotSignedIn("Sign in first.")


async def _program(session: AsyncSession, token: Token, timeout: float, *, read_only: bool) -> Who:
    """Who acts by this token now; its entries in the audit log carry the token's id where a session's would stand."""
    seen = Who("token", token.staff_id, token.label)
    row = await enter(session, _ENTER_TOKEN, {"digest": token.digest, **context(seen, timeout, read_only)})
    if row is None:
        raise DeadToken
    teams, role = tuple(row.teams) if row.limited else None, Role(row.role)
    allowed = delegated(role, row.permissions, limited=row.limited)
    return Who("token", row.staff_id, token.label, token.token_id, token.ip, teams, allowed)


def check_recent(who: Who, permission: Permission) -> None:
    """Step 3 of the door: recently you? Only people can be asked.

    Raises:
        StepUpRequired: what ``permission`` allows is dangerous, and the last proof is too old.
    """
    proved = who.authenticated_at
    if permission in STEP_UP and proved is not None and clock.now() - proved > RECENT:
        raise StepUpRequired


def context(who: Who, timeout: float, read_only: bool) -> dict[str, str]:
    """The parameters that every entrance sets; ``timeout`` in seconds."""
    return {
        "actor": str(who.id or who.name),
        "request": request_reference() or "",
        "timeout": str(int(timeout * 1000)),
        "read_only": "on" if read_only else "off",
    }


async def enter(session: AsyncSession, statement: TextClause, parameters: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Begin. A pooled connection may have died with the last restart of the database: nothing has been done yet, so
    trying once more is safe.
    """
    try:
        return (await session.execute(statement, parameters)).one_or_none()
    except DBAPIError as problem:
        if not problem.connection_invalidated:
            raise
        await session.rollback()
        return (await session.execute(statement, parameters)).one_or_none()
