"""Our record beside somebody else's, line by line, differences marked. What they say is fetched afterwards."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nicegui import background_tasks

from app.errors import NotSignedIn
from components.page import frame
from components.page.element import JsonElement
from components.page.refusals import explain
from components.page.values import plain


@dataclass(frozen=True, slots=True)
class Pair:
    """One line: what both sides say, each shown as a column of this ``kind`` would. ``same`` None: not judged."""

    label: str
    kind: str
    ours: object
    theirs: object
    same: bool | None


@dataclass(frozen=True, slots=True)
class Silence:
    """Why the other side says nothing; ``again``: asking again may help."""

    title: str
    sentence: str
    again: bool = False


Answer = Sequence[Pair] | Silence


class Comparison(JsonElement, component="comparison.js"):
    """A panel that asks by ``load`` once it is drawn (no screen waits for it), and again at the press of a button.

    ``sides`` are the names of the two: ours first.
    """

    def __init__(self, title: str, sides: tuple[str, str], load: Callable[[], Awaitable[Answer]]) -> None:
        self._load, self._frame = load, frame.current()
        self._task: asyncio.Task[None] | None = None
        super().__init__({"title": title, "sides": list(sides), "pairs": None, "silence": None, "busy": True})
        self.on("again", lambda _: self.ask())
        self.ask()

    def ask(self) -> None:
        """Ask the other side now; an answer to an older question never wins."""
        if self._task:
            self._task.cancel()
        self.show(self.contents | {"busy": True})
        self._task = background_tasks.create(self._answer(), name="comparison", context=self)

    async def _answer(self) -> None:
        try:
            answer = await self._load()
        except NotSignedIn as error:
            self._frame.handle(error)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told in this panel and breaks nothing else
            refusal = explain(error)
            told = f"{refusal.sentence} {refusal.reference}".strip()
            answer = Silence(refusal.title, told, refusal.again)
        if not self.is_deleted:
            self.show(self.contents | {"busy": False} | _said(answer))

    def _handle_delete(self) -> None:
        if self._task:
            self._task.cancel()
        super()._handle_delete()


def _said(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, Silence):
        return {"pairs": None, "silence": asdict(answer)}
    pairs = [[p.label, p.kind, _cell(p.kind, p.ours), _cell(p.kind, p.theirs), p.same] for p in answer]
    return {"pairs": pairs, "silence": None}


def _cell(kind: str, value: object) -> object:
    return value if kind == "status" else plain(value)
