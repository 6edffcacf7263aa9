"""The one page of the product: navigation, top bar, and within them the screens, drawn before they are shown.

A screen is drawn off the tree (its elements exist, but nothing shows them) and put in place in one update: at a change
of screen when it is complete or after 250 ms (then with grey bars until it is), at a direct open before the HTML goes
out. So nothing flickers, and a direct open of what is not there is still answered 404.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nicegui import Client, background_tasks, ui
from nicegui.element import Element
from nicegui.elements.sub_pages import SubPages

from app import topics
from app.actor import Staff
from app.errors import Locked, NotFound, NotSignedIn, StepUpRequired
from app.permissions import ROLE_PERMISSIONS, Permission
from components import frame
from components.blocks import ErrorCard, Note, PageHead, Skeleton
from components.element import JsonElement
from components.frame import Frame, query_of
from components.refusals import Refusal, missing_permission, no_rights
from components.screen import Screen, View
from components.step_up import ask

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
    """NiceGUI's sub pages, with our words when there is no such page."""

    def _render_404(self) -> None:
        draw_error(NotFound("There is no page at this address. Check it, or start from Home."), "Not found")
        frame.current().settle()


class Shell:
    """Draws the frame for one tab and changes screens within it."""

    def __init__(self, client: Client, actor: Staff, screens: Sequence[Screen], around: Surroundings) -> None:
        self.frame = frame.bind(Frame(client, actor, self.redraw))
        self.screens = screens
        self._drawn: _Drawing | None = None
        client.on_exception(self.frame.handle)
        self._draw_around(around)
        client.layout.on("locked", self._unlock)
        self._open = client.sub_pages_router._handle_open  # noqa: SLF001 - to draw before showing; tested
        client.sub_pages_router._handle_open = self._change  # type: ignore[assignment]  # noqa: SLF001 - same

    async def first(self) -> None:
        """Draw the screen of a direct open, waiting a moment for it, and set the HTTP status."""
        self._drawn = drawing = self._prepare(self.frame.address)
        if drawing is not None:
            await drawing.wait(PATIENCE_AT_OPEN)
            self.frame.client.status_code = drawing.refusal.status if drawing.refusal else 200
        with self.frame.client.content:
            self.stage = Stage({screen.path: self._show for screen in self.screens})

    async def _change(self, address: str) -> bool:
        """NiceGUI's ``_handle_open``, with the new screen drawn first."""
        here = self.frame
        if address.partition("?")[0] == here.path:
            with here.client:
                answer = await self._open(address)
            here.tell_query()
            return answer
        return await self._replace(address)

    async def redraw(self) -> None:
        """Draw the screen anew, as if it had just been opened. What stands there stays until the new one is complete;
        and for good when the session is locked meanwhile: whoever comes back finds what they typed.
        """
        await self._replace(self.frame.address, anew=True)

    async def _replace(self, address: str, *, anew: bool = False) -> bool:
        drawing = self._prepare(address)
        turn = self.frame.turn
        if drawing is not None:
            await drawing.wait(None if anew else PATIENCE_AT_CHANGE)
        if turn != self.frame.turn or (anew and drawing is not None and drawing.locked):
            if drawing is not None:
                drawing.drop()
            return True
        if anew:
            self.stage._reset_match()  # noqa: SLF001 - as NiceGUI's own refresh does
        if self._drawn is not None and not self._drawn.task.done():
            self._drawn.drop()
        self._drawn = drawing
        with self.frame.client:
            return await self._open(address)

    def _show(self) -> None:
        """The builder of every route: put in place what was drawn."""
        if self._drawn is not None:
            self.nav.show({**self.nav.contents, "current": self.frame.path})
            self._drawn.put(ui.context.slot.parent)

    def _prepare(self, address: str) -> "_Drawing | None":
        self.frame.turn += 1
        self.frame.settled = False
        screen, params = self._find(address.partition("?")[0])
        return None if screen is None else _Drawing(self.frame, screen, params, address)

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
            self.frame.nav = self.nav = Nav({"entries": links, "current": self.frame.path})
            self.frame.top = Top(
                {
                    "environment": around.environment, "color": around.color, "insecure": around.insecure,
                    "name": actor.name, "role": actor.role.label, "email": actor.email, "trail": [], "title": "",
                    "profile": actor.may(Permission.PROFILE_EDIT),
                }
            )  # fmt: skip
        self.frame.top.move(target_index=0)
        self.nav.move(target_index=0)


class _Drawing:
    """One screen being drawn off the tree."""

    def __init__(self, here: Frame, screen: Screen, params: Mapping[str, str], address: str) -> None:
        self.here, self.screen, self.turn = here, screen, here.turn
        self.refusal: Refusal | None = None
        self.locked = False
        here.first_loads.clear()
        here.marks = topics.marks()
        with here.client.content:
            self.root = Element("div").classes("screen")
        _detach(self.root)
        view = View(here.actor, here.client, address.partition("?")[0], params, query_of(address))
        self.task = background_tasks.create(self._draw(view), name=f"draw {view.path}", context=self.root)

    async def wait(self, patience: float | None) -> None:
        """Until the screen and its first loads are complete, or patience ends; None: as long as the screen itself
        takes.
        """
        end = asyncio.get_running_loop().time() + (patience or 0)
        await asyncio.wait({self.task}, timeout=patience)
        if loads := {load for load in self.here.first_loads if not load.done()}:
            await asyncio.wait(loads, timeout=max(0, end - asyncio.get_running_loop().time()))

    def put(self, parent: Element) -> None:
        """Show it: now if it is complete, else grey bars until it is."""
        if self.task.done():
            self._settle(parent)
            return
        with parent:
            bars = Skeleton()

        def swap(task: "asyncio.Task[None]") -> None:
            if not task.cancelled() and not bars.is_deleted:
                bars.delete()
                self._settle(parent)

        self.task.add_done_callback(swap)

    def _settle(self, parent: Element) -> None:
        self.root.parent_slot = parent.default_slot
        parent.default_slot.children.append(self.root)
        parent.update()
        self.here.settle()

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
