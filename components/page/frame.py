"""What one open page knows about itself: who looks, where they are, and what the screen on it says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from nicegui import Client, background_tasks, ui
from nicegui.element import Element

from app import topics
from app.actor import Staff
from app.errors import NotProved, NotSignedIn, StepUpRequired
from components.page.refusals import explain
from components.page.screen import Opening
from components.page.toasts import quiet, refused

if TYPE_CHECKING:
    from components.page.element import JsonElement


class Root(Element):
    """What one screen is drawn in: off the tree at first, where nobody sees it, then in its place."""

    def __init__(self, opening: Opening) -> None:
        super().__init__("div")
        self.classes("screen")
        self.opening = opening
        self.marks: Mapping[str, int] = topics.marks()
        """How far the topics were when the screen began to ask: what is told meanwhile, it may not have seen."""
        self.first_loads: list[asyncio.Task[None]] = []
        """Loads that the screen has started; the shell waits for them, for a moment."""
        self.trail: list[tuple[str, str]] = []
        self.title = "Quarterdeck"

    def _handle_delete(self) -> None:
        self.opening.forget(set(self.descendants()))
        super()._handle_delete()


@dataclass(eq=False, slots=True)
class Frame:
    """The frame around the screens of one browser tab."""

    client: Client
    actor: Staff
    redraw: Callable[[], Awaitable[None]]
    """Draws the screen anew, as if it had just been opened."""
    opening: Opening
    """What the browser's address says, and who of the screen wants to hear of it."""
    top: JsonElement | None = None
    nav: JsonElement | None = None
    turn: int = 0
    """Counts openings of screens: an older one never overwrites a newer one."""
    root: Root | None = None
    """The screen that people see."""
    question: Element | None = None
    """Where the person is asked who they are (``components.shell.step_up``)."""
    dialogs: int = 0
    """How many dialogs are open: nothing live moves meanwhile."""

    @property
    def address(self) -> str:
        """The path and query string on screen."""
        return self.opening.address

    def settle(self, root: Root) -> None:
        """The screen is in place: what it says of itself counts now."""
        self.root = root
        if self.top is not None:
            self.top.show({**self.top.contents, "trail": root.trail, "title": root.title})
        if self.nav is not None and root.trail:
            # A record belongs to the screen that its trail begins with, wherever its own address lies.
            self.nav.show({**self.nav.contents, "current": root.trail[0][1]})
        with self.client.layout:
            ui.page_title(f"{root.title} · Quarterdeck")

    def rename(self, name: str) -> None:
        """The person who looks has another name now."""
        self.actor = replace(self.actor, name=name)
        if self.top is not None:
            self.top.show({**self.top.contents, "name": name})

    def handle(self, error: Exception) -> None:
        """Show an error that reached the page from a click or a background task."""
        if isinstance(error, NotProved):
            quiet(error.message)
        elif isinstance(error, StepUpRequired):
            pass  # nobody did anything: a page heard of a change while its session was locked
        elif isinstance(error, NotSignedIn):
            self.client.open(f"/login?next={quote(self.address, safe='')}")
        else:
            refused(explain(error))


_KEY = "frame"
"""Of a page's own storage: a frame lives exactly as long as its page."""


def bind(frame: Frame) -> Frame:
    """Make this the frame of its client."""
    frame.client.storage[_KEY] = frame
    return frame


def of(client: Client) -> Frame | None:
    """The frame of a page; None: it has none."""
    found: Frame | None = client.storage.get(_KEY)
    return found


def current() -> Frame:
    """The frame of the page that is being drawn or acted upon."""
    found: Frame = ui.context.client.storage[_KEY]
    return found


def root() -> Root | None:
    """The screen that is being drawn, or acted upon; None: whatever is, belongs to no screen."""
    parent = ui.context.slot.parent
    return next((one for one in (parent, *parent.ancestors()) if isinstance(one, Root)), current().root)


def opening() -> Opening:
    """The opening of the screen that is being drawn, or acted upon."""
    here = root()
    return current().opening if here is None else here.opening


def crumbs(trail: list[tuple[str, str]], title: str) -> None:
    """Say where we are, in the top bar and in the browser's title: links first, the screen's own name last."""
    if (here := root()) is not None:
        here.trail, here.title = trail, title
        if here is current().root:
            current().settle(here)


def navigate(address: str) -> None:
    """Open another address within the frame."""
    ui.navigate.to(address)


def first_load(owner: Element, load: Coroutine[None, None, None]) -> asyncio.Task[None]:
    """Start a load in the background; the shell waits for it, for a moment, before it shows the screen."""
    task: asyncio.Task[None] = background_tasks.create(load, name="first load", context=owner)
    if (here := root()) is not None:
        here.first_loads.append(task)
    return task


async def redraw() -> None:
    """Draw the screen anew, as if it had just been opened: after something changed all of it."""
    await current().redraw()
