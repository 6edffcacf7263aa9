"""Personal data that a reader sees masked: shown one value at a time, for a reason that the audit log keeps."""

from datetime import timedelta
from types import MappingProxyType
from uuid import UUID

from app import clock
from app.actor import Actor
from app.database import Work, writing
from app.database.masking import personal_columns
from app.errors import NotFound, RateLimited
from app.models import Action, Base, Job, Payment, User
from app.permissions import Permission
from app.repositories import personal as personal_table
from app.values import reasons

MOST = 30
"""Values that one person may reveal within :data:`WINDOW`."""
WINDOW = timedelta(hours=1)
_RECORDS: MappingProxyType[str, type[User | Payment | Job]] = MappingProxyType(
    {"user": User, "payment": Payment, "job": Job}
)


async def reveal(actor: Actor, record: str, record_id: UUID, field: str, reason: str) -> str:
    """One value of a ``record`` ("user", "payment", "job"), which the reader otherwise sees masked.

    The log keeps who saw which field of which record, and why; never the value.

    Raises:
        NotFound: there is no such record in sight, or no such value.
        RateLimited: the person has revealed enough for now.
    """
    why = reasons.checked(reason)
    model = _RECORDS.get(record)
    if model is None or field not in personal_columns(model):
        raise NotFound("There is nothing to reveal here.")
    async with writing(actor, Permission.PERSONAL_REVEAL) as work:
        found: Base = await work.get(model, record_id)
        value = getattr(found, field)
        if not isinstance(value, str) or not value:
            raise NotFound("There is nothing to reveal here.")
        await _spare(work)
        # Its usual label could be the very value.
        label = f"{record} {record_id.hex[-8:]}"
        work.record(Action.PERSONAL_REVEALED, found, reason=why, detail={"field": field}, label=label)
    return value


async def _spare(work: Work) -> None:
    """Refuse what is too much for one person. Of two at the same moment, the second waits for the first."""
    person = work.who.id
    if person is None:
        return  # whoever holds the machine's secrets reads the database itself
    await personal_table.alone(work, person)
    last = await personal_table.revealed_at(work, person, most=MOST, since=clock.now() - WINDOW)
    if last is not None:
        wait = max(1, int((last + WINDOW - clock.now()).total_seconds()))
        message = f"You have revealed {MOST} values within an hour. Try again in {_minutes(wait)}."
        raise RateLimited(message, retry_after=wait)


def _minutes(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"
