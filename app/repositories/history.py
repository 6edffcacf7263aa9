"""Everything that happened to a user or a team, asked once for one time line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select, union

from app.database import Work
from app.models import AuditEntry, Job, Payment
from app.permissions import Permission
from app.repositories import audit as audit_table

LENGTH = 50
"""How much of each kind is asked for, and how much a time line shows."""
_AMONG = 500
"""The latest entries of a team among which those of its rows are left out."""


@dataclass(frozen=True, slots=True)
class History:
    """What happened lately, each newest first: entries of the audit log, jobs and payments that began."""

    acts: Sequence[Any]
    jobs: Sequence[Any]
    payments: Sequence[Any]


async def of_user(work: Work, user_id: UUID) -> History:
    """What staff did to a user, and the user's jobs and payments."""
    acts = await audit_table.of_record(work, "user", str(user_id), LENGTH)
    return History(acts, await _jobs(work, Job.user_id == user_id), await _payments(work, Payment.user_id == user_id))


async def of_team(work: Work, team_id: UUID) -> History:
    """What happened to a team and within it. Single rows have their own pages: they would hide all the rest."""
    lately = select(AuditEntry.id, AuditEntry.target_type).where(AuditEntry.team_id == team_id)
    latest = lately.order_by(AuditEntry.id.desc()).limit(_AMONG).subquery()
    within = select(latest.c.id).where(latest.c.target_type != "row").order_by(latest.c.id.desc()).limit(LENGTH)
    itself = select(AuditEntry.id).where(AuditEntry.target_type == "team", AuditEntry.target_id == str(team_id))
    ids = union(within, itself.order_by(AuditEntry.id.desc()).limit(LENGTH)).subquery()
    query = audit_table.ENTRIES.where(AuditEntry.id.in_(select(ids.c.id)))
    acts = list((await work.execute(query.order_by(AuditEntry.id.desc()).limit(LENGTH))).all())
    return History(acts, await _jobs(work, Job.team_id == team_id), await _payments(work, Payment.team_id == team_id))


async def _jobs(work: Work, condition: ColumnElement[bool]) -> Sequence[Any]:
    if Permission.JOBS_READ not in work.who.permissions:
        return []
    query = select(Job.id, Job.user_id, Job.kind, Job.status, Job.error, Job.created_at).where(condition)
    return (await work.execute(query.order_by(Job.id.desc()).limit(LENGTH))).all()


async def _payments(work: Work, condition: ColumnElement[bool]) -> Sequence[Any]:
    if Permission.PAYMENTS_READ not in work.who.permissions:
        return []
    query = select(
        Payment.id,
        Payment.user_id,
        Payment.amount_minor,
        Payment.currency,
        Payment.status,
        Payment.description,
        Payment.created_at,
    )
    return (
        await work.execute(query.where(condition).order_by(Payment.created_at.desc(), Payment.id.desc()).limit(LENGTH))
    ).all()
