"""How often somebody looked at personal data lately."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from app.database import Work
from app.models import Action, AuditEntry


async def alone(work: Work, person: UUID) -> None:
    """Wait until nobody else counts and reveals for this person, until the end of the transaction."""
    await work.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"reveal:{person}", 0))))


async def revealed_at(work: Work, person: UUID, *, most: int, since: datetime) -> datetime | None:
    """The moment of the ``most``-th last value that a person revealed after ``since``; None: there were fewer."""
    mine = (AuditEntry.actor_id == person, AuditEntry.action == Action.PERSONAL_REVEALED, AuditEntry.at > since)
    query = select(AuditEntry.at).where(*mine).order_by(AuditEntry.id.desc()).offset(most - 1).limit(1)
    found: datetime | None = await work.scalar(query)
    return found
