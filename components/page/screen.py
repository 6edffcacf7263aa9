"""What a screen is: a path, a title, the permission it needs and a function that draws it."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

from nicegui import Client
from nicegui.element import Element

from app.actor import Staff
from app.permissions import Permission

Query = Mapping[str, tuple[str, ...]]
"""The query string of the address: every name with all its values, in order."""


@dataclass(eq=False, slots=True)
class Opening:
    """One opening of a screen, and the only place where what is drawn for it reads its address.

    A screen on its way has an opening of its own: it asks what its own address says, not what the browser still shows;
    and the one that is being left never hears of the next one's. A change of the query string alone stays within.
    """

    address: str
    listeners: list[tuple[Element, Callable[[Query], None]]] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The address without its query string."""
        return urlsplit(self.address).path

    @property
    def query_string(self) -> str:
        """The query string as it stands in the address."""
        return urlsplit(self.address).query

    @property
    def query(self) -> Query:
        """The query string, read."""
        said = parse_qs(self.query_string, keep_blank_values=True)
        return {name: tuple(values) for name, values in said.items()}

    def on_query(self, owner: Element, listener: Callable[[Query], None]) -> None:
        """Tell ``listener`` whenever the query string changes, as long as ``owner`` is there."""
        self.listeners.append((owner, listener))

    def forget(self, owners: Collection[Element]) -> None:
        """These are being removed, with the screen that was drawn for this opening."""
        self.listeners = [pair for pair in self.listeners if pair[0] not in owners]

    def move(self, address: str) -> None:
        """Another query string, of the same screen."""
        self.address = address
        self.listeners = [pair for pair in self.listeners if not pair[0].is_deleted]
        for _, listener in self.listeners:
            listener(self.query)


@dataclass(frozen=True, slots=True)
class View:
    """One opening of a screen by one person.

    ``actor`` is good for hiding buttons and is what services are called with; the door decides anew each time.
    ``params`` are the named parts of the path.
    """

    actor: Staff
    client: Client
    opening: Opening
    params: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def path(self) -> str:
        """The path of this opening."""
        return self.opening.path

    @property
    def query(self) -> Query:
        """The query string of this opening, as it is now."""
        return self.opening.query

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
