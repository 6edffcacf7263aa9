"""Pages that were sent and whose browser has not come back for them yet: of each session and of all only so many.

Each holds a whole screen, for a minute. A browser that comes for one that is gone loads it anew, as after a restart.
"""

from collections.abc import Sequence
from uuid import UUID

from nicegui import Client

from app.actor import Staff

OF_ONE_SESSION, OF_ALL = 40, 400


def make_room(newest: Client) -> None:
    """Drop the oldest ones that are too many beside the newest."""
    waiting = [page for page in Client.instances.values() if _waits(page)]
    mine = [page for page in waiting if _session(page) == _session(newest)]
    for page in {*_too_many(mine, OF_ONE_SESSION), *_too_many(waiting, OF_ALL)} - {newest}:
        page.delete()


def _too_many(pages: Sequence[Client], most: int) -> Sequence[Client]:
    return pages[: max(0, len(pages) - most)]  # they stand in the order in which they were asked for


def _waits(page: Client) -> bool:
    """One that lost its connection has a time of its own to come back in."""
    return not page.has_socket_connection and not page._delete_tasks  # noqa: SLF001 - as NiceGUI itself tells them


def _session(page: Client) -> UUID | None:
    actor = getattr(page.request.state, "actor", None)
    return actor.session_id if isinstance(actor, Staff) else None
