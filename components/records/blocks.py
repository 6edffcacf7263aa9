"""The quiet pieces of a screen: head, facts, headline numbers, what waits, the time line, states. See ``blocks.js``."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from app.permissions import Permission
from components.page import frame
from components.page.element import JsonElement
from components.page.refusals import Refusal, explain
from components.page.values import Tone, plain
from components.page.wire import chosen, once, taking

Click = Callable[[], Awaitable[None]]


class Block(JsonElement, component="blocks.js"):
    """One drawn piece; ``kind`` names it in ``blocks.js``."""

    kind = ""

    def encode(self, contents: Any) -> Any:  # noqa: ANN401 - whatever JSON can say
        """With the kind, by which the component knows how to draw it."""
        return {**contents, "kind": self.kind}


@dataclass(frozen=True, slots=True)
class Action:
    """A button of a screen's head: it ``run``s something or ``opens`` an address. ``main`` is the one that matters
    most, ``danger`` goes into the menu at the end.
    """

    label: str
    run: Click | None = None
    opens: str = ""
    needs: Permission | None = None
    main: bool = False
    danger: bool = False


class PageHead(Block):
    """The one h1 of a screen, with what stands beside it. It also names the screen in the top bar and the browser.

    ``trail`` leads here: pairs of words and address. ``sub`` is a quiet sentence, ``status`` a word and its tone,
    ``id`` a record's id to copy.
    """

    kind = "head"

    def __init__(
        self,
        title: str,
        *,
        sub: str = "",
        trail: Sequence[tuple[str, str]] = (),
        status: tuple[str, Tone] | None = None,
        id: object = None,  # noqa: A002 - the word of the house
        actions: Sequence[Action] = (),
    ) -> None:
        here = frame.current()
        self._actions = [a for a in actions if a.needs is None or here.actor.may(a.needs)]
        frame.crumbs(list(trail), title)
        buttons = [{"label": a.label, "opens": a.opens, "main": a.main, "danger": a.danger} for a in self._actions]
        super().__init__({"title": title, "sub": sub, "status": status, "id": plain(id), "actions": buttons})
        self.on("act", once(taking(int, self._act), per_args=True))

    def update_head(self, *, sub: str | None = None, status: tuple[str, Tone] | None = None) -> None:
        """Change the sentence or the state beside the title."""
        known = self.contents
        self.show({**known, "sub": known["sub"] if sub is None else sub, "status": status or known["status"]})

    async def _act(self, index: int) -> None:
        run = chosen(self._actions, index).run
        if run is not None:
            with frame.current().client.content:  # a live screen may draw this head anew meanwhile
                await run()


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and its value. ``kind`` is how a column of that kind would show it; a list of texts is shown as lines.
    ``reveal`` puts a button beside a masked value, ``hint`` explains the label where the mouse rests on it.
    """

    label: str
    value: object
    kind: str = "text"
    opens: str = ""
    reveal: Click | None = None
    hint: str = ""


class Facts(Block):
    """Label and value pairs about one record."""

    kind = "facts"

    def __init__(self, facts: Sequence[Fact], *, title: str = "") -> None:
        self._title = title
        super().__init__(self._contents(facts))
        self.on("act", once(taking(int, self._reveal), per_args=True))

    def replace(self, facts: Sequence[Fact]) -> None:
        """Draw other facts."""
        self.show(self._contents(facts))

    def _contents(self, facts: Sequence[Fact]) -> dict[str, Any]:
        self._facts = facts
        pairs = [
            [
                *(f.label, f.kind, f.value if f.kind == "status" else plain(f.value), f.opens),
                *([bool(f.reveal), f.hint] if f.hint else [True] if f.reveal else []),
            ]
            for f in facts
        ]
        return {"title": self._title, "facts": pairs}

    async def _reveal(self, index: int) -> None:
        reveal = chosen(self._facts, index).reveal
        if reveal is not None:
            with frame.current().client.content:
                await reveal()


@dataclass(frozen=True, slots=True)
class Change:
    """How a number differs from another time: "▲ 12 %", and against what. ``tone`` says whether that is welcome."""

    words: str
    against: str
    tone: Tone | None = None

    @classmethod
    def of(cls, now: int, before: int, against: str, *, welcome: bool | None = True) -> "Change":
        """Compare. ``welcome``: whether more is better; None: it is neither."""
        if now == before:
            return cls("No change", f"against {against}")
        if before <= 0:
            return cls("", f"{'None' if before == 0 else f'{before:,}'} in {against}")
        up, percent = now > before, abs(now - before) * 100 / before
        tone: Tone | None = None if welcome is None else "ok" if up == welcome else "bad"
        size = f"{percent:.1f}" if percent < 10 else f"{percent:,.0f}"
        return cls(f"{'▲' if up else '▼'} {size} %", f"against {against}", tone)


@dataclass(frozen=True, slots=True)
class Tile:
    """A headline number. ``value`` is a number or words, ``note`` the line below, ``tone`` its colour. ``spark`` is
    how it went, oldest first.
    """

    label: str
    value: int | str
    note: str = ""
    tone: Tone | None = None
    opens: str = ""
    change: Change | None = None
    spark: Sequence[int] = ()


class Tiles(Block):
    """A row of headline numbers."""

    kind = "tiles"

    def __init__(self, tiles: Sequence[Tile]) -> None:
        super().__init__({"tiles": [asdict(tile) for tile in tiles]})

    def replace(self, tiles: Sequence[Tile]) -> None:
        """Draw other numbers."""
        self.show({"tiles": [asdict(tile) for tile in tiles]})


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that waits for the reader: how many, what, a sentence, and where to go."""

    number: int
    title: str
    sentence: str
    opens: str
    tone: Tone | None = None


class WorkList(Block):
    """What waits for the reader: each row a number, words and a link."""

    kind = "work"

    def __init__(
        self, rows: Sequence[Waiting], *, title: str = "Waits for you", nothing: str = "Nothing waits."
    ) -> None:
        self._words = {"title": title, "nothing": nothing}
        super().__init__(self._words | {"rows": [asdict(row) for row in rows]})

    def replace(self, rows: Sequence[Waiting]) -> None:
        """Draw other rows."""
        self.show(self._words | {"rows": [asdict(row) for row in rows]})


@dataclass(frozen=True, slots=True)
class ToDo:
    """A step on the way: what, why, the words of its link and its address; ``done`` ticks it off."""

    title: str
    sentence: str
    link: str = ""
    opens: str = ""
    done: bool = False


class Steps(Block):
    """What to do first, in order; what is done is ticked off."""

    kind = "steps"

    def __init__(self, title: str, steps: Sequence[ToDo]) -> None:
        self._title = title
        super().__init__(self._contents(steps))

    def replace(self, steps: Sequence[ToDo]) -> None:
        """Draw how far it is now."""
        self.show(self._contents(steps))

    def _contents(self, steps: Sequence[ToDo]) -> dict[str, Any]:
        return {"title": self._title, "steps": [asdict(step) for step in steps]}


Part = str | tuple[str, str]
"""A piece of a sentence: plain words, or words with the address they open ("" only makes them bold)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One moment of a time line: when, a sentence in parts, why, and what changed as (field, before, after)."""

    at: datetime
    parts: Sequence[Part]
    reason: str = ""
    changes: Sequence[tuple[str, Any, Any]] = ()
    tone: Tone | None = None
    opens: str = ""


class Timeline(Block):
    """Everything that happened, newest first."""

    kind = "timeline"

    def __init__(
        self, entries: Sequence[Entry], *, title: str = "", note: str = "", nothing: str = "Nothing yet."
    ) -> None:
        self._words = {"title": title, "note": note, "nothing": nothing}
        super().__init__(self._contents(entries))

    def replace(self, entries: Sequence[Entry]) -> None:
        """Draw other entries."""
        self.show(self._contents(entries))

    def _contents(self, entries: Sequence[Entry]) -> dict[str, Any]:
        return self._words | {"entries": [_entry(entry) for entry in entries]}


def _entry(entry: Entry) -> dict[str, Any]:
    parts = [[part, None] if isinstance(part, str) else list(part) for part in entry.parts]
    changes = [[name, plain(before), plain(after)] for name, before, after in entry.changes]
    return {
        "at": entry.at.isoformat(), "parts": parts, "reason": entry.reason,
        "changes": changes, "tone": entry.tone, "opens": entry.opens,
    }  # fmt: skip


class Note(Block):
    """A state in a panel: nothing here yet, all done, not allowed; with a link or a button to go on.

    ``small`` is a line beside other things instead of a screen's only content.
    """

    kind = "note"

    def __init__(
        self,
        title: str,
        sentence: str = "",
        *,
        link: str = "",
        opens: str = "",
        run: Click | None = None,
        small: bool = False,
    ) -> None:
        super().__init__({"title": title, "sentence": sentence, "link": link, "opens": opens, "small": small})
        self.on("act", once(lambda _: run() if run else None))


class Folded(Block):
    """Many lines that few want to read, such as a traceback: folded away until somebody opens them."""

    kind = "folded"

    def __init__(self, title: str, text: str) -> None:
        super().__init__({"title": title, "text": text})


class ErrorCard(Block):
    """An error inside the frame: what happened, what to do, the reference, Try again."""

    kind = "error"

    def __init__(self, error: BaseException | Refusal, *, again: Click | None = None) -> None:
        refusal = error if isinstance(error, Refusal) else explain(error)
        self.refusal = refusal
        super().__init__(asdict(refusal) | {"again": refusal.again and again is not None})
        self.on("act", once(lambda _: again() if again else None))


class Skeleton(Block):
    """Grey bars where a screen will be; they show after 150 ms."""

    kind = "skeleton"

    def __init__(self) -> None:
        super().__init__({})


@dataclass(frozen=True, slots=True)
class Step:
    """How far something long is. ``done`` of ``total`` (None: not known yet) ``unit``; ``rate`` per second,
    ``left`` in seconds. ``state`` "running", "done", "failed", "warned" or "waiting".
    """

    words: str
    done: int = 0
    total: int | None = None
    unit: str = "rows"
    rate: float | None = None
    left: float | None = None
    fraction: float | None = None
    """How full the bar is, 0 to 1; unset, done of total."""
    state: str = "running"
    facts: Sequence[tuple[str, str]] = field(default=())


class Progress(Block):
    """The live progress of a long piece of work: a bar, numbers, the rate and the time left."""

    kind = "progress"

    def __init__(self, step: Step, *, label: str = "Progress") -> None:
        self._label = label
        super().__init__({"label": label} | asdict(step))

    def replace(self, step: Step) -> None:
        """Show where it is now."""
        self.show({"label": self._label} | asdict(step))


class Panel(Block):
    """A framed box with a head line; what is drawn inside ``with Panel(…):`` stands in it."""

    kind = "panel"

    def __init__(self, title: str = "", note: str = "") -> None:
        super().__init__({"title": title, "note": note})
