"""Questions about the state of the audit log, for everybody who reads some of it."""

from typing import Any

from sqlalchemy import BigInteger, DateTime, column, func, select
from sqlalchemy.dialects.postgresql import JSONB

from app.database import Work
from app.models import AuditEntry

_MOMENT = DateTime(timezone=True)
_STATE = func.audit_state().table_valued(
    column("up_to", BigInteger),
    column("verified_at", _MOMENT),
    column("problems", JSONB),
    column("asked_at", _MOMENT),
    column("whole_at", _MOMENT),
    column("sealed", BigInteger),
    column("waiting_since", _MOMENT),
)


async def state(work: Work) -> Any:  # noqa: ANN401 - a row
    """How far the log was verified, what was found, how much is sealed, and since when an entry waits for it."""
    return (await work.execute(select(_STATE))).one()


async def ask(work: Work) -> None:
    """Note that somebody wants the whole log verified."""
    await work.execute(select(func.audit_ask()))


async def numbers(work: Work) -> range:
    """The numbers of all entries in sight, and numbers between them that nobody has."""
    lowest, highest = func.min(AuditEntry.id), func.max(AuditEntry.id)
    first, last = (await work.execute(select(lowest, highest))).one()
    return range(first, last + 1) if first is not None else range(0)
