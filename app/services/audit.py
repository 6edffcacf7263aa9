"""The audit log, for the people who read it."""

from typing import Any

from app.actor import Actor
from app.errors import NotFound
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.repositories import audit as audit_table
from app.work import reading


async def search(actor: Actor, request: PageRequest) -> Page[Any]:
    """The entries that one may see, newest first."""
    async with reading(actor, Permission.AUDIT_READ) as work:
        return await audit_table.search(work, request)


async def people(actor: Actor) -> list[tuple[str, str]]:
    """Who has acted lately, as (id, name), for the filter by person."""
    async with reading(actor, Permission.AUDIT_READ) as work:
        entries = await audit_table.latest(work, 500)
    return sorted(
        {(str(e.actor_id), e.actor_name) for e in entries if e.actor_id and e.actor_kind == "staff"}, key=lambda p: p[1]
    )


async def get(actor: Actor, entry_id: int) -> Any:  # noqa: ANN401 - a row of the list
    """One entry."""
    async with reading(actor, Permission.AUDIT_READ) as work:
        entry = await audit_table.get(work, entry_id)
    if entry is None:
        raise NotFound("This entry does not exist, or you may not see it.")
    return entry
