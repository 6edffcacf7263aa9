"""A look at one record without leaving the list: a pane at the side, opened and closed by its reader."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from components.page import frame
from components.page.element import JsonElement
from components.page.values import plain
from components.records.blocks import Part


@dataclass(frozen=True, slots=True)
class Glance:
    """What the pane shows: a sentence, when and why, what changed as (field, before, after), facts, where to go on."""

    title: str
    parts: Sequence[Part]
    at: datetime
    reason: str = ""
    changes: Sequence[tuple[str, Any, Any]] = ()
    facts: Sequence[tuple[str, str]] = ()
    links: Sequence[tuple[str, str]] = ()


class _Pane(JsonElement, component="side_pane.js"):
    """A native dialog at the right side; Escape closes it, and the focus goes back to where it was opened."""

    def __init__(self, glance: Glance) -> None:
        self.answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        changes = [[name, plain(before), plain(after)] for name, before, after in glance.changes]
        parts = [[part, None] if isinstance(part, str) else list(part) for part in glance.parts]
        shown = {"at": glance.at.isoformat(), "changes": changes, "parts": parts}
        super().__init__({**asdict(glance), **shown})
        self.on("close", lambda _: self._resolve())

    def _resolve(self) -> None:
        if not self.answer.done():
            self.answer.set_result(None)

    def _handle_delete(self) -> None:
        self._resolve()
        super()._handle_delete()


async def look(glance: Glance) -> None:
    """Show the pane until its reader closes it. Nothing live moves meanwhile."""
    here = frame.current()
    with here.client.content:
        pane = _Pane(glance)
    here.dialogs += 1
    try:
        await pane.answer
    finally:
        here.dialogs -= 1
        if not pane.is_deleted:
            pane.delete()
