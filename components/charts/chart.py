"""A number over time: headline, a chart that is also a table, what it means; each loads alone. See ``chart.js``.

Drawn as SVG by our own component: it takes the theme's tokens as they are, needs no script of its own style, and every
chart of a screen together weighs less than a photograph.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from app.permissions import Permission
from components.page import frame
from components.page.element import JsonElement
from components.page.refusals import explain
from components.records.blocks import Change

TICKS = 4


@dataclass(frozen=True, slots=True)
class Slot:
    """One part of the range: its name on the axis, its whole name, and the moments it lies between."""

    short: str
    words: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Series:
    """What is stacked in a colour of its own: one value for each slot. ``tone`` is a token of the theme."""

    label: str
    tone: str
    values: Sequence[int]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number over time. ``said`` puts a value into words, ``axis`` a value of the axis."""

    value: str
    note: str
    slots: Sequence[Slot]
    series: Sequence[Series]
    range: str
    as_of: str
    """The days of the range, and when the number was asked for, with its time zone."""
    known_from: int = 0
    """The slots before this one lie before anything was counted: they show no number, not even 0."""
    change: Change | None = None
    facts: Sequence[tuple[str, str]] = ()
    """Further numbers of the whole range, as (words, value)."""
    said: Callable[[int], str] = "{:,}".format
    axis: Callable[[int], str] | None = None
    together: str = "Together"
    """What the sum of several series is called."""
    opens: str = ""
    """The list of exactly these: an address in which ``{range}`` stands for a range of moments."""
    whole: int | None = None
    """All parts together, where that is not their sum: something that occurs in several is counted once."""
    choices: Sequence[tuple[str, str, bool]] = ()
    """What else may be shown: (words, the value in the URL, whether it is shown now)."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is no number, because there is nothing to count (which is not the number 0)."""

    title: str
    sentence: str


Load = Callable[[], Awaitable[Figure | Nothing]]


class Chart(JsonElement, component="chart.js"):
    """A card with one number over time. ``key`` names it in the URL, ``about`` says what exactly is counted.

    The old picture stays, greyed, while a new one is asked for; and with a mark when that failed.
    """

    def __init__(
        self, title: str, key: str, load: Load, *, about: str, needs: Permission, table: bool = False, choice: str = ""
    ) -> None:
        here = frame.current()
        self._load, self._turn, self._allowed = load, 0, here.actor.may(needs)
        spec = {"title": title, "key": key, "about": about, "table": table, "choice": choice, "needs": needs.value}
        super().__init__({**spec, "state": "loading" if self._allowed else "forbidden"})
        self.on("again", self.reload)
        if self._allowed:
            frame.first_load(self, self._fetch())

    def as_table(self, table: bool) -> None:
        """Show the same as a table, or as a chart."""
        if table != self.contents["table"]:
            self.show({**self.contents, "table": table})

    async def reload(self) -> None:
        """Ask again, with what is on screen greyed meanwhile."""
        if self._allowed:
            self.show({**self.contents, "busy": True, "mark": ""})
            await self._fetch()

    async def refresh(self) -> None:
        """Ask again in the background."""
        if self._allowed:
            await self._fetch()

    async def _fetch(self) -> None:
        self._turn += 1
        turn = self._turn
        [answer] = await asyncio.gather(self._load(), return_exceptions=True)
        if turn == self._turn and not self.is_deleted:
            self.show({**self.contents, "busy": False, "mark": "", **self._told(answer)})

    def _told(self, answer: Figure | Nothing | BaseException) -> dict[str, Any]:
        match answer:
            case Figure():
                return {"state": "ready", **_drawn(answer)}
            case Nothing(title=title, sentence=sentence):
                return {"state": "nothing", "nothing": [title, sentence]}
            case _:
                refusal = asdict(explain(answer))
                if self.contents["state"] == "ready":
                    return {"mark": f"{refusal['title']}: this is what it was before."}
                return {"state": "error", "error": refusal}


def ticks(top: int, wanted: int = TICKS) -> list[int]:
    """Round numbers from 0 to at least ``top``, about ``wanted`` steps of them."""
    step = 1
    while step * wanted < top:
        step = next(step * factor // base for base, factor in ((1, 2), (2, 5), (5, 10)) if _leads(step, base))
    return list(range(0, max(top, 1) + step, step)) if top % step else list(range(0, max(top, step) + 1, step))


def short(value: int) -> str:
    """A number on an axis: "950", "12k", "3.4M"."""
    for size, unit in ((10**9, "bn"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return str(value)


def _leads(step: int, digit: int) -> bool:
    return str(step)[0] == str(digit)


def _drawn(figure: Figure) -> dict[str, Any]:
    sums = [sum(values) for values in zip(*(s.values for s in figure.series), strict=True)] or [0] * len(figure.slots)
    marks, axis = ticks(max(sums, default=0)), figure.axis or short
    return {
        "value": figure.value,
        "note": figure.note,
        "change": asdict(figure.change) if figure.change else None,
        "facts": list(figure.facts),
        "slots": [[s.short, s.words, f"{_iso(s.start)}..{_iso(s.end)}"] for s in figure.slots],
        "series": [
            {"label": s.label, "tone": s.tone, "values": list(s.values), "said": _said(figure, s.values),
             "sum": figure.said(sum(s.values) if figure.whole is None else figure.whole)}
            for s in figure.series
        ],
        "sums": _said(figure, sums),
        "together": figure.together,
        "sum": figure.said(sum(sums)),
        "all": "All" if figure.whole is None else "All, each once",
        "empty": not any(sums),
        "ticks": [[tick, axis(tick)] for tick in marks],
        "as_of": figure.as_of,
        "range": figure.range,
        "opens": figure.opens,
        "choices": list(figure.choices),
    }  # fmt: skip


def _said(figure: Figure, values: Sequence[int]) -> list[str]:
    return [figure.said(value) if slot >= figure.known_from else "–" for slot, value in enumerate(values)]


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%MZ")
