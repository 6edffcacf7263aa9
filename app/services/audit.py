"""The audit log, for the people who read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.actor import Actor
from app.database import reading
from app.errors import NotFound
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.repositories import audit as audit_table

LATELY = 2_000
"""Entries among which people are looked for, and of which somebody's days are made."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What somebody did lately, day by day (UTC), newest first, and what was done to their account."""

    days: Sequence[tuple[date, int]]
    whole: bool
    """False: there were more acts before the oldest of these days, or on it."""
    done_to: Sequence[Any]


async def search(actor: Actor, request: PageRequest) -> Page[Any]:
    """The entries that one may see, newest first."""
    async with reading(actor, Permission.AUDIT_READ) as work:
        return await audit_table.search(work, request)


async def people(actor: Actor) -> list[tuple[str, str]]:
    """Who has acted lately, as (id, name), for the filter by person."""
    async with reading(actor, Permission.AUDIT_READ) as work:
        found = await audit_table.actors(work, "staff", LATELY)
    return [(str(actor_id), name) for actor_id, name in found]


async def get(actor: Actor, entry_id: int) -> Any:  # noqa: ANN401 - a row of the list
    """One entry."""
    async with reading(actor, Permission.AUDIT_READ) as work:
        entry = await audit_table.get(work, entry_id)
    if entry is None:
        raise NotFound("This entry does not exist, or you may not see it.")
    return entry


async def of_record(actor: Actor, kind: str, id_: str) -> Sequence[Any]:
    """What happened lately to one record, for its time line."""
    async with reading(actor, Permission.AUDIT_READ) as work:
        return await audit_table.of_record(work, kind, id_)


async def activity(actor: Actor, staff_id: UUID) -> Activity:
    """What a person of the staff did, and what was done to them."""
    async with reading(actor, Permission.AUDIT_READ) as work:
        days = await audit_table.days(work, staff_id, LATELY)
        done_to = await audit_table.of_record(work, "staff", str(staff_id))
    return Activity([(day, acts) for day, acts in days], sum(acts for _, acts in days) < LATELY, done_to)
