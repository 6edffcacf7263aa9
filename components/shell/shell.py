"""The one page of the product: navigation, top bar, and within them the screens, drawn before they are shown.

A screen is drawn off the tree (its elements exist, but nothing shows them) and put in place in one update: at a change
of screen when it is complete or after 250 ms (then with grey bars until it is), at a direct open before the HTML goes
out. So nothing flickers, and a direct open of what is not there is still answered 404.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from nicegui import Client, background_tasks
from nicegui.element import Element
from nicegui.elements.sub_pages import SubPages

from app.actor import Staff
from app.errors import Locked, NotFound, NotSignedIn, StepUpRequired
from app.permissions import ROLE_PERMISSIONS, Permission
from components.page import frame
from components.page.element import JsonElement
from components.page.frame import Frame, Root
from components.page.place import Place
from components.page.refusals import Refusal, missing_permission, no_rights
from components.page.screen import Opening, Screen, View
from components.page.wire import shaped
from components.records.blocks import ErrorCard, Note, PageHead, Skeleton
from components.shell.step_up import ask

PATIENCE_AT_OPEN, PATIENCE_AT_CHANGE = 0.3, 0.25
"""Seconds to wait for a screen to be complete before it is shown incomplete."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the frame says of the installation: its name and colour, and whether the connection is unprotected."""

    environment: str
    color: str
    insecure: bool = False


class Nav(JsonElement, component="nav.js"):
    """The navigation, of entries that the person may open."""


class Top(JsonElement, component="top.js"):
    """The top bar: where we are, which installation this is, the theme, who is signed in, the way out."""


class Stage(SubPages):
    """NiceGUI's sub pages, with our words when there is no such page. ``place`` makes where one stands."""

    def __init__(self, routes: Mapping[str, Callable[[], None]], place: Callable[[], Place]) -> None:
        self._place = place
        super().__init__(dict(routes))

    def _render_404(self) -> None:
        here = frame.current()
        with self._place(), Root(here.opening) as root:
            draw_error(NotFound("There is no page at this address. Check it, or start from Home."), "Not found")
        here.settle(root)

    def _scroll_to_top(self, *, behavior: str) -> None:
        """The browser's part of a place scrolls: to the top, or to where one was (``place.js``)."""


class Shell:
    """Draws the frame for one tab and changes screens within it."""

    def __init__(self, client: Client, actor: Staff, screens: Sequence[Screen], around: Surroundings) -> None:
        router = client.sub_pages_router
        self.frame = frame.bind(Frame(client, actor, self.redraw, Opening(router.current_path)))
        self.screens = screens
        self._drawn: _Drawing | None = None
        self._coming: _Drawing | None = None
        self._navigates = self._goes = False
        client.on_exception(self.frame.handle)
        self._draw_around(around)
        client.layout.on("locked", self._unlock)
        self._open = router._handle_open  # noqa: SLF001 - to draw before showing
        router._handle_open = shaped(str, self._change)  # type: ignore[assignment]  # noqa: SLF001 - same; tested
        router._handle_navigate = shaped(str, self._navigate)  # type: ignore[assignment]  # noqa: SLF001 - same

    async def first(self) -> None:
        """Draw the screen of a direct open, waiting a moment for it, and set the HTTP status."""
        self._drawn = drawing = self._prepare(self.frame.opening)
        if drawing is not None:
            await drawing.wait(PATIENCE_AT_OPEN)
            self.frame.client.status_code = drawing.refusal.status if drawing.refusal else 200
        with self.frame.client.content:
            self.stage = Stage({screen.path: self._show for screen in self.screens}, self._place_anew)

    async def _navigate(self, address: str) -> None:
        """NiceGUI's ``_handle_navigate``: somebody goes to an address, which the browser does not show yet. NiceGUI has
        a script set it when all is drawn; whoever had gone back by then was sent forth again. Here the place sets it.
        """
        client, (screen, _) = self.frame.client, self._find(urlsplit(address).path)
        if screen is None and client.sub_pages_router._other_page_builder_matches_path(address, client):  # noqa: SLF001
            client.open(address)  # a file, say
            return
        self._navigates = True
        await self._change(address)

    async def _change(self, address: str) -> bool:
        """NiceGUI's ``_handle_open``, with the new screen drawn first."""
        navigates, self._navigates = self._navigates, False
        here = self.frame
        if address.partition("?")[0] != here.opening.path:
            return await self._replace(Opening(address), navigates=navigates)
        if self._leaves:
            here.turn += 1  # whoever filters what they see does not want to leave it any more
            self._coming = None
        self.place.show(address, navigates=navigates)
        here.opening.move(address)
        with here.client:
            return await self._open(address)

    async def redraw(self) -> None:
        """Draw the screen anew, as if it had just been opened. What stands there stays until the new one is complete;
        and for good when the session is locked meanwhile: whoever comes back finds what they typed. Whoever is on
        their way to another screen is not held back.
        """
        if not self._leaves:
            await self._replace(self.frame.opening)

    @property
    def _leaves(self) -> bool:
        """Whether another screen is on its way."""
        return self._coming is not None and self._coming.opening is not self.frame.opening

    async def _replace(self, opening: Opening, *, navigates: bool = False) -> bool:
        here, anew = self.frame, opening is self.frame.opening
        self._coming = drawing = self._prepare(opening)
        turn = here.turn
        if drawing is not None:
            await drawing.wait(None if anew else PATIENCE_AT_CHANGE)
        if turn != here.turn or (anew and drawing is not None and drawing.locked):
            if drawing is not None:
                drawing.drop()
            if self._coming is drawing:
                self._coming = None
            return True
        if anew:
            self.stage._reset_match()  # noqa: SLF001 - as NiceGUI's own refresh does
        if self._drawn is not None and not self._drawn.task.done():
            self._drawn.drop()
        self._drawn, self._coming, here.opening, self._goes = drawing, None, opening, navigates
        with here.client:
            return await self._open(opening.address)

    def _show(self) -> None:
        """The builder of every route: put in place what was drawn."""
        if self._drawn is not None:
            self.nav.show({**self.nav.contents, "current": self.frame.opening.path})
            self._drawn.put(self._place_anew())

    def _place_anew(self) -> Place:
        self.place = Place(self.frame.opening, navigates=self._goes)
        return self.place

    def _prepare(self, opening: Opening) -> "_Drawing | None":
        self.frame.turn += 1
        screen, params = self._find(opening.path)
        return None if screen is None else _Drawing(self.frame, screen, params, opening)

    def _find(self, path: str) -> tuple[Screen | None, Mapping[str, str]]:
        for screen in self.screens:
            params = SubPages._match_path(screen.path, path)  # noqa: SLF001 - the same rule that routes
            if params is not None:
                return screen, params
        return None, {}

    async def _unlock(self) -> None:
        """A script of the page was told that the session is locked when it fetched what a person asked for."""
        await ask(self.frame.client, Locked())

    def _draw_around(self, around: Surroundings) -> None:
        actor = self.frame.actor
        entries = [s for s in self.screens if s.menu is not None and (s.path == "/" or actor.may(s.needs))]
        with self.frame.client.layout:
            links = [[s.menu, s.title, s.path, s.icon] for s in entries]
            self.frame.nav = self.nav = Nav({"entries": links, "current": self.frame.opening.path})
            self.frame.top = Top(
                {
                    "environment": around.environment, "color": around.color, "insecure": around.insecure,
                    "name": actor.name, "role": actor.role.label, "email": actor.email, "trail": [], "title": "",
                    "who": actor.staff_id, "profile": actor.may(Permission.PROFILE_EDIT),
                }
            )  # fmt: skip
        self.frame.top.move(target_index=0)
        self.nav.move(target_index=0)


class _Drawing:
    """One screen being drawn off the tree."""

    def __init__(self, here: Frame, screen: Screen, params: Mapping[str, str], opening: Opening) -> None:
        self.here, self.screen, self.turn, self.opening = here, screen, here.turn, opening
        self.refusal: Refusal | None = None
        self.locked = False
        with here.client.content:
            self.root = Root(opening)
        _detach(self.root)
        view = View(here.actor, here.client, opening, params)
        self.task = background_tasks.create(self._draw(view), name=f"draw {view.path}", context=self.root)

    async def wait(self, patience: float | None) -> None:
        """Until the screen and its first loads are complete, or patience ends; None: as long as the screen itself
        takes.
        """
        end = asyncio.get_running_loop().time() + (patience or 0)
        await asyncio.wait({self.task}, timeout=patience)
        if loads := {load for load in self.root.first_loads if not load.done()}:
            await asyncio.wait(loads, timeout=max(0, end - asyncio.get_running_loop().time()))

    def put(self, place: Place) -> None:
        """Show it: now if it is complete, else grey bars until it is."""
        if self.task.done():
            self._settle(place)
            return
        with place:
            bars = Skeleton()

        def swap(task: "asyncio.Task[None]") -> None:
            if not task.cancelled() and not bars.is_deleted:
                bars.delete()
                self._settle(place)

        self.task.add_done_callback(swap)

    def _settle(self, place: Place) -> None:
        self.root.parent_slot = place.default_slot
        place.default_slot.children.append(self.root)
        place.update()
        self.here.settle(self.root)

    def drop(self) -> None:
        """Forget it: a newer screen was asked for."""
        self.task.cancel()
        self.here.client.remove_elements(list(self.root.descendants(include_self=True)))

    async def _draw(self, view: View) -> None:
        [answer] = await asyncio.gather(self._draw_screen(view), return_exceptions=True)
        if isinstance(answer, NotSignedIn):
            self.here.handle(answer)
        elif isinstance(answer, Exception):
            self.locked = isinstance(answer, StepUpRequired)
            self.root.clear()
            with self.root:
                self.refusal = draw_error(answer, self.screen.title)

    async def _draw_screen(self, view: View) -> None:
        with self.root:
            if not self.here.actor.may(self.screen.needs):
                if self.screen.path == "/" and not ROLE_PERMISSIONS[self.here.actor.role]:
                    PageHead("Home")
                    Note("You cannot do anything here yet", no_rights(self.here.actor))
                    return
                raise missing_permission(self.here.actor, self.screen.needs)
            await self.screen.draw(view)


def draw_error(error: Exception, title: str) -> Refusal:
    """The frame's error card, under a head line of its own."""
    PageHead(title)
    return ErrorCard(error, again=frame.current().redraw).refusal


def _detach(element: Element) -> None:
    slot = element.parent_slot
    if slot is not None:
        slot.children.remove(element)
