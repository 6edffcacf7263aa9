"""Hearing of changes while a screen is open, without leaving listeners behind when it is closed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from nicegui import background_tasks
from nicegui.element import Element

from app.topics import Change, Topic
from components.page import frame
from components.page.wire import taking


class Live(Element, component="live.js"):
    """An invisible element that asks again when a topic tells of a change: gathered over 0.3 s, at most once in
    ``every`` seconds, not while a dialog is open, and not while nobody sees the tab: then once, when it is seen again.
    Deleting it, as any change of screen does, ends the subscription. Of several topics the changes are gathered
    together. What was told while the screen asked for what it shows counts too: it may have asked a moment too early.

    ``about`` limits it to changes of one record (and to those that name none).
    """

    def __init__(
        self,
        topic: Topic | Sequence[Topic],
        again: Callable[[], Awaitable[None]],
        *,
        about: object = None,
        every: float = 1.0,
    ) -> None:
        super().__init__()
        self._again, self._about, self._every = again, str(about) if about else None, every
        self._dirty = self._hidden = False
        self.on("hidden", taking(bool, self._set_hidden))
        self._task: asyncio.Task[Any] | None = None
        self._frame = frame.current()
        heard = [topic] if isinstance(topic, Topic) else topic
        self._unsubscribe = [one.subscribe(self._hear) for one in heard]
        if (root := frame.root()) is not None:
            for change in (change for one in heard for change in one.since(root.marks[one.name])):
                self._hear(change)

    def _hear(self, change: Change) -> None:
        if self._about is not None and change.id is not None and str(change.id) != self._about:
            return
        self._dirty = True
        self._look_soon()

    def _set_hidden(self, hidden: bool) -> None:
        self._hidden = hidden
        self._look_soon()

    def _look_soon(self) -> None:
        idle = self._task is None or self._task.done()
        if self._dirty and idle and not self._hidden and not self.is_deleted:
            self._task = background_tasks.create(self._gather(), name="live", context=self)

    async def _gather(self) -> None:
        await asyncio.sleep(0.3)
        while self._dirty and not self._hidden and not self.is_deleted:
            if not self._frame.dialogs:
                self._dirty = False
                await self._again()
            await asyncio.sleep(self._every)

    def _handle_delete(self) -> None:
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        if self._task:
            self._task.cancel()
        super()._handle_delete()


class Hears(Element):
    """An invisible element that is told of every single change of one record, as it comes."""

    def __init__(self, topic: Topic, told: Callable[[Change], Awaitable[None]], *, about: object) -> None:
        super().__init__("span")
        self._props["hidden"] = True
        self._told, self._about = told, str(about)
        self._unsubscribe = topic.subscribe(self._hear)

    def _hear(self, change: Change) -> None:
        if str(change.id) == self._about:
            background_tasks.create(self._told(change), name="heard", context=self)

    def _handle_delete(self) -> None:
        self._unsubscribe()
        super()._handle_delete()
