"""What one open page knows about itself: who looks, where they are, and what wants to hear of a changed address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit
from weakref import WeakKeyDictionary

from nicegui import Client, background_tasks, ui
from nicegui.element import Element

from app import topics
from app.actor import Staff
from app.errors import NotProved, NotSignedIn, StepUpRequired
from components.refusals import explain
from components.screen import Query
from components.toasts import quiet, refused

if TYPE_CHECKING:
    from components.element import JsonElement

Listener = Callable[[Query], None]


@dataclass(eq=False, slots=True)
class Frame:
    """The frame around the screens of one browser tab."""

    client: Client
    actor: Staff
    redraw: Callable[[], Awaitable[None]]
    """Draws the screen anew, as if it had just been opened."""
    top: JsonElement | None = None
    nav: JsonElement | None = None
    turn: int = 0
    """Counts openings of screens: an older one never overwrites a newer one."""
    listeners: list[tuple[Element, Listener]] = field(default_factory=list)
    said: tuple[list[tuple[str, str]], str] = field(default_factory=lambda: ([], "Quarterdeck"))
    settled: bool = True
    """False while a screen is drawn that nobody sees yet."""
    question: Element | None = None
    """Where the person is asked who they are (``components.step_up``)."""
    dialogs: int = 0
    """How many dialogs are open: nothing live moves meanwhile."""
    marks: Mapping[str, int] = field(default_factory=topics.marks)
    """How far the topics were when the screen on its way began to ask: what is told meanwhile, it may not have seen."""
    first_loads: list[asyncio.Task[None]] = field(default_factory=list)
    """Loads that the screen being drawn has started; the shell waits for them, for a moment."""

    @property
    def address(self) -> str:
        """The path and query string on screen."""
        return self.client.sub_pages_router.current_path

    @property
    def path(self) -> str:
        """The path on screen, without its query string."""
        return urlsplit(self.address).path

    @property
    def query(self) -> Query:
        """The query string on screen."""
        return query_of(self.address)

    def on_query(self, owner: Element, listener: Listener) -> None:
        """Tell ``listener`` whenever the query string changes while ``owner`` is on screen."""
        self.listeners.append((owner, listener))

    def tell_query(self) -> None:
        """The query string changed and the screen stayed."""
        self.listeners = [pair for pair in self.listeners if not pair[0].is_deleted]
        for _, listener in self.listeners:
            listener(self.query)

    def crumbs(self, trail: list[tuple[str, str]], title: str) -> None:
        """Say where we are, in the top bar and in the browser's title: links first, the screen's own name last."""
        self.said = (trail, title)
        if self.settled:
            self.settle()

    def settle(self) -> None:
        """The screen is in place: what it said of itself counts now."""
        self.settled = True
        trail, title = self.said
        if self.top is not None:
            self.top.show({**self.top.contents, "trail": trail, "title": title})
        if self.nav is not None and trail:
            # A record belongs to the screen that its trail begins with, wherever its own address lies.
            self.nav.show({**self.nav.contents, "current": trail[0][1]})
        with self.client.layout:
            ui.page_title(f"{title} · Quarterdeck")

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


_frames: WeakKeyDictionary[Client, Frame] = WeakKeyDictionary()


def bind(frame: Frame) -> Frame:
    """Make this the frame of its client."""
    _frames[frame.client] = frame
    return frame


def of(client: Client) -> Frame | None:
    """The frame of a page; None: it has none."""
    return _frames.get(client)


def current() -> Frame:
    """The frame of the page that is being drawn or acted upon."""
    return _frames[ui.context.client]


def query_of(address: str) -> Query:
    """Read the query string of an address."""
    return {name: tuple(values) for name, values in parse_qs(urlsplit(address).query, keep_blank_values=True).items()}


def navigate(address: str) -> None:
    """Open another address within the frame."""
    ui.navigate.to(address)


def first_load(owner: Element, load: Coroutine[None, None, None]) -> asyncio.Task[None]:
    """Start a load in the background; the shell waits for it, for a moment, before it shows the screen."""
    task: asyncio.Task[None] = background_tasks.create(load, name="first load", context=owner)
    current().first_loads.append(task)
    return task


async def redraw() -> None:
    """Draw the screen anew, as if it had just been opened: after something changed all of it."""
    await current().redraw()
