"""Questions about staff."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, case, cast, delete, func, insert, not_, or_, select, update
from sqlalchemy.sql import functions

from app import clock
from app.database import Work
from app.models import (
    AuditEntry,
    LinkPurpose,
    StaffLink,
    StaffMember,
    StaffRecoveryCode,
    StaffSession,
    StaffState,
    StaffStatus,
    StaffTeam,
    Team,
)
from app.paging import Page, PageRequest, Sort
from app.permissions import Role
from app.repositories.filters import among, like
from app.repositories.keyset import Listing, Query, page

_NAME = func.lower(StaffMember.name)
LISTING = Listing(StaffMember.id, Sort("name", descending=False), {"name": _NAME})
LATEST_SESSIONS = 20
"""Sessions among which the latest moment is looked for: a person has had thousands."""

_INVITED = and_(StaffMember.status == StaffStatus.ACTIVE, StaffMember.password_set_at.is_(None))
_STATES: Mapping[str, ColumnElement[bool]] = MappingProxyType(
    {
        StaffState.ACTIVE: and_(StaffMember.status == StaffStatus.ACTIVE, StaffMember.password_set_at.is_not(None)),
        StaffState.INVITED: _INVITED,
        StaffState.DEACTIVATED: StaffMember.status == StaffStatus.DEACTIVATED,
    }
)


def _last_seen() -> ColumnElement[Any]:
    latest = (
        select(StaffSession.last_seen_at)
        .where(StaffSession.staff_id == StaffMember.id)
        .order_by(StaffSession.created_at.desc())
        .limit(LATEST_SESSIONS)
        .correlate(StaffMember)
        .subquery()
    )
    return select(func.max(latest.c.last_seen_at)).scalar_subquery()


def _teams_seen() -> ColumnElement[Any]:
    seen = select(func.count()).where(StaffTeam.staff_id == StaffMember.id).correlate(StaffMember).scalar_subquery()
    return case((StaffMember.limited, seen))


EXPORT: Mapping[str, ColumnElement[Any]] = MappingProxyType(
    {
        "id": StaffMember.id.expression,
        "name": StaffMember.name.expression,
        "email": StaffMember.email.expression,
        "role": StaffMember.role.expression,
        "status": case((_INVITED, StaffState.INVITED.value), else_=StaffMember.status),
        "limited_to_teams": _teams_seen(),
        "last_seen_at": _last_seen(),
        "created_at": StaffMember.created_at.expression,
    }
)
"""The columns of a CSV of this list."""


def matching(request: PageRequest) -> Query:
    """Staff by name. Filters: status, role, limited (``yes`` or ``no``); search by id, name or e-mail."""
    query = select(
        StaffMember.id,
        StaffMember.name,
        StaffMember.email,
        StaffMember.role,
        StaffMember.status,
        StaffMember.password_set_at,
        StaffMember.created_at,
        _teams_seen().label("teams"),
        _last_seen().label("last_seen_at"),
    )
    if states := among(request, "status", StaffState):
        query = query.where(or_(*(_STATES[state] for state in states)))
    if roles := among(request, "role", Role):
        query = query.where(StaffMember.role.in_(roles))
    if limits := set(request.filters.get("limited", ())):
        query = query.where(or_(*(StaffMember.limited == (limit == "yes") for limit in limits)))
    if words := request.search.strip():
        query = query.where(_found(words))
    return query


def _found(words: str) -> ColumnElement[bool]:
    try:
        return StaffMember.id == UUID(words)
    except ValueError:
        return or_(StaffMember.name.ilike(like(words)), StaffMember.email.ilike(like(words)))


async def search(work: Work, request: PageRequest) -> Page[Any]:
    """A page of :func:`matching`."""
    return await page(work, matching(request), LISTING, request)


async def last_seen(work: Work, staff_id: UUID) -> Any:  # noqa: ANN401 - a moment or None
    """When a person last did something here."""
    return await work.scalar(select(_last_seen()).where(StaffMember.id == staff_id).select_from(StaffMember))


async def nobody_yet(work: Work) -> bool:
    """Whether there is no staff account but the demo's, of which none can sign in."""
    invented = select(AuditEntry.id).where(
        AuditEntry.target_type == "staff",
        AuditEntry.target_id == cast(StaffMember.id, Text),
        AuditEntry.origin == "demo",
    )
    return await work.scalar(select(StaffMember.id).where(~invented.exists()).limit(1)) is None


async def by_email(work: Work, email: str, *, lock: bool = False) -> StaffMember | None:
    """The account with this e-mail, in any case of letters."""
    query = select(StaffMember).where(func.lower(StaffMember.email) == email.lower())
    found: StaffMember | None = await work.scalar(query.with_for_update(key_share=True) if lock else query)
    return found


async def lock_super_admins(work: Work) -> frozenset[UUID]:
    """Who could administer everybody now: super admins who may sign in and see all teams. Until the end of the block
    nobody else changes any of them, so two of them cannot take each other away at the same moment.
    """
    query = (
        select(StaffMember.id)
        .where(StaffMember.role == Role.SUPER_ADMIN, not_(StaffMember.limited), _STATES[StaffState.ACTIVE])
        .order_by(StaffMember.id)
        .with_for_update(key_share=True)
    )
    return frozenset((await work.execute(query)).scalars())


async def teams_of(work: Work, staff_id: UUID) -> list[tuple[UUID, str]]:
    """The teams that a limited person sees, by name."""
    query = (
        select(Team.id, Team.name).join(StaffTeam, StaffTeam.team_id == Team.id).where(StaffTeam.staff_id == staff_id)
    )
    return [(row.id, row.name) for row in await work.execute(query.order_by(func.lower(Team.name)))]


async def teams_named(work: Work, team_ids: Iterable[UUID]) -> list[tuple[UUID, str]]:
    """Those of these teams that exist, by name."""
    query = select(Team.id, Team.name).where(Team.id.in_(list(team_ids))).order_by(func.lower(Team.name))
    return [(row.id, row.name) for row in await work.execute(query)]


async def see_only(work: Work, staff_id: UUID, team_ids: Iterable[UUID]) -> None:
    """Write down which teams a limited person sees."""
    await work.execute(delete(StaffTeam).where(StaffTeam.staff_id == staff_id))
    if rows := [{"staff_id": staff_id, "team_id": team_id} for team_id in team_ids]:
        await work.execute(insert(StaffTeam), rows)


async def saw(work: Work, session_id: UUID, now: datetime, *, unless_since: datetime, locked_before: datetime) -> None:
    """The owner of a session is here now; nothing is written when that is known from ``unless_since`` on, or when they
    were last here before ``locked_before``.
    """
    of_use = StaffSession.last_seen_at.between(locked_before, unless_since)
    await work.execute(update(StaffSession).where(StaffSession.id == session_id, of_use).values(last_seen_at=now))


def _living(staff_id: UUID) -> list[ColumnElement[bool]]:
    return [
        StaffSession.staff_id == staff_id,
        StaffSession.revoked_at.is_(None),
        StaffSession.expires_at > functions.now(),
    ]


async def living_sessions(work: Work, staff_id: UUID) -> int:
    """On how many devices a person is signed in."""
    return int(await work.scalar(select(func.count()).select_from(StaffSession).where(*_living(staff_id))))


async def end_sessions(work: Work, staff_id: UUID, reason: str) -> list[UUID]:
    """Revoke a person's living sessions; returns which."""
    ended = update(StaffSession).where(*_living(staff_id)).values(revoked_at=clock.now(), revoke_reason=reason)
    return list((await work.execute(ended.returning(StaffSession.id))).scalars())


async def forget_recovery_codes(work: Work, staff_id: UUID) -> None:
    """Forget the codes that stand in for a second factor which is taken away."""
    await work.execute(delete(StaffRecoveryCode).where(StaffRecoveryCode.staff_id == staff_id))


class OpenLink(NamedTuple):
    """A one-time link that still works."""

    purpose: LinkPurpose
    created_at: Any
    expires_at: Any


async def open_link(work: Work, staff_id: UUID) -> OpenLink | None:
    """The link of a person that still works, if there is one."""
    query = (
        select(StaffLink.purpose, StaffLink.created_at, StaffLink.expires_at)
        .where(*_unused(staff_id), StaffLink.expires_at > functions.now())
        .order_by(StaffLink.created_at.desc())
        .limit(1)
    )
    row = (await work.execute(query)).one_or_none()
    return None if row is None else OpenLink(LinkPurpose(row.purpose), row.created_at, row.expires_at)


async def revoke_links(work: Work, staff_id: UUID) -> None:
    """Take back whatever links of a person were not used."""
    await work.execute(update(StaffLink).where(*_unused(staff_id)).values(revoked_at=clock.now()))


def _unused(staff_id: UUID) -> list[ColumnElement[bool]]:
    return [StaffLink.staff_id == staff_id, StaffLink.used_at.is_(None), StaffLink.revoked_at.is_(None)]


async def name(work: Work, staff_id: UUID | None) -> str:
    """A person's name, also where the staff table is out of reach; "" when unknown."""
    if staff_id is None:
        return ""
    found = func.staff_names([staff_id]).table_valued("id", "name")
    return await work.scalar(select(found.c.name)) or ""
