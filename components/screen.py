"""What a screen is: a path, a title, the permission it needs and a function that draws it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from nicegui import Client

from app.actor import Staff
from app.permissions import Permission

Query = Mapping[str, tuple[str, ...]]
"""The query string of the address: every name with all its values, in order."""


@dataclass(frozen=True, slots=True)
class View:
    """One opening of a screen by one person.

    ``actor`` is good for hiding buttons and is what services are called with; the door decides anew each time.
    ``params`` are the named parts of the path, ``query`` is the query string at the moment of opening.
    """

    actor: Staff
    client: Client
    path: str
    params: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    query: Query = field(default_factory=lambda: MappingProxyType({}))

    def may(self, permission: Permission) -> bool:
        """Whether to offer it on this screen."""
        return self.actor.may(permission)


Draw = Callable[[View], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Screen:
    """A mounted-to-be screen. ``menu`` is its group in the navigation ("" is the top), None for record pages."""

    path: str
    title: str
    icon: str
    menu: str | None
    needs: Permission
    draw: Draw


def screen(
    path: str, *, title: str, needs: Permission, icon: str = "", menu: str | None = None
) -> Callable[[Draw], Screen]:
    """Declare a screen. It has no effect at import: ``pages.SCREENS`` lists what is mounted.

    Await everything the screen needs first, then draw: what is drawn before the first await shows half a screen.
    ``icon`` is a name that ``nav.js`` can draw: home, datasets, jobs, audit.
    """

    def declare(draw: Draw) -> Screen:
        return Screen(path, title, icon, menu, needs, draw)

    return declare
