"""The audit log, for the people who read it."""

from typing import Any

from app.actor import Actor
from app.errors import NotFound
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.repositories import audit as audit_table
from app.work import reading

LATELY = 2_000
"""Entries among which people are looked for."""


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
