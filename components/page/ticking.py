"""Hearing of changes, and of time that passes, while a screen is open: for what grows old by itself."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from nicegui import background_tasks

from app.topics import Change, Topic
from components.page.live import Live


class Ticking(Live, component="live.js"):
    """A :class:`Live` that also asks again every ``seconds``, though nothing was told: the oldest waits on, and a pace
    falls. As every Live it rests while nobody sees the tab, and while a dialog is open.
    """

    def __init__(
        self,
        topic: Topic | Sequence[Topic],
        again: Callable[[], Awaitable[None]],
        *,
        seconds: float,
        every: float = 1.0,
    ) -> None:
        super().__init__(topic, again, every=every)
        self._clock = background_tasks.create(self._tick(seconds), name="live", context=self)

    async def _tick(self, seconds: float) -> None:
        while not self.is_deleted:
            await asyncio.sleep(seconds)
            self._hear(Change("time"))

    def _handle_delete(self) -> None:
        self._clock.cancel()
        super()._handle_delete()
