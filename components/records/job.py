"""The pieces of one job's page: where it stands, its attempts side by side, what it was given. See ``job.js``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app import clock
from components.page.element import JsonElement
from components.page.values import Tone

Word = str | tuple[str, datetime]
"""A piece of a living sentence: words, or ("since" | "until" | "at", moment), which the browser counts on by itself."""
_EXACT = 2**53
"""Up to here a browser knows whole numbers exactly; larger ones are shown as text."""


class _Piece(JsonElement, component="job.js"):
    """One drawn piece; ``kind`` names it in ``job.js``."""

    kind = ""

    def encode(self, contents: Any) -> Any:  # noqa: ANN401 - whatever JSON can say
        """With the kind, and the time of this machine: the browser's own clock may be wrong."""
        return {**contents, "kind": self.kind, "now": clock.now().isoformat()}


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage on the way to an end: what, when; ``at`` None: it has not come yet."""

    words: str
    at: datetime | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a job stands, in a sentence of living words; ``why`` tells more below it.

    ``fraction`` fills a bar (None: there is none; negative: how far is not known), ``numbers`` stand below it.
    """

    words: Sequence[Word]
    why: str = ""
    tone: Tone = "idle"
    fraction: float | None = None
    numbers: Sequence[Word] = ()
    stages: Sequence[Stage] = ()
    inside: str = ""
    """Many lines that few want to read, such as a traceback: folded away."""


class JobStanding(_Piece):
    """Where a job stands now."""

    kind = "standing"

    def __init__(self, standing: Standing) -> None:
        super().__init__(_standing(standing))

    def replace(self, standing: Standing) -> None:
        """Show where it stands now."""
        self.show(_standing(standing))


def _standing(said: Standing) -> dict[str, Any]:
    return {
        "words": _words(said.words),
        "why": said.why,
        "inside": said.inside,
        "tone": said.tone,
        "fraction": said.fraction,
        "numbers": _words(said.numbers),
        "stages": [[one.words, one.at.isoformat() if one.at else None, one.why] for one in said.stages],
    }


def _words(words: Sequence[Word]) -> list[Any]:
    return [word if isinstance(word, str) else [word[0], word[1].isoformat()] for word in words]


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt, as it is shown. ``seconds`` None: it runs. ``inside`` is for those who can read a traceback."""

    number: str
    worker: str
    started_at: datetime
    seconds: float | None
    ended: tuple[str, Tone]
    said: str = ""
    inside: str = ""
    cost: str = ""
    opens: str = ""


class Attempts(_Piece):
    """The attempts at a job, side by side."""

    kind = "attempts"

    def __init__(self, runs: Sequence[Run], *, note: str = "", nothing: str = "No worker has taken it yet.") -> None:
        self._nothing = nothing
        super().__init__({**_attempts(runs, note), "nothing": nothing})

    def replace(self, runs: Sequence[Run], *, note: str = "") -> None:
        """Show them as they are now."""
        self.show({**_attempts(runs, note), "nothing": self._nothing})


def _attempts(runs: Sequence[Run], note: str) -> dict[str, Any]:
    rows = [
        [r.number, r.worker, r.started_at.isoformat(), r.seconds, list(r.ended), r.said, r.inside, r.cost, r.opens]
        for r in runs
    ]
    return {"note": note, "rows": rows, "costs": any(r.cost for r in runs)}


class Contents(_Piece):
    """JSON in readable form: keys and values, what is nested folded away, with a button that copies it whole.

    ``download``, an address and a name, is where to get it whole, if this is only its beginning.
    """

    kind = "contents"

    def __init__(self, title: str, value: Any, *, note: str = "", download: tuple[str, str] | None = None) -> None:  # noqa: ANN401 - JSON
        self._title, self._download = title, download
        super().__init__(self._contents(value, note))

    def replace(self, value: Any, *, note: str = "") -> None:  # noqa: ANN401 - JSON
        """Show another value."""
        self.show(self._contents(value, note))

    def _contents(self, value: Any, note: str) -> dict[str, Any]:  # noqa: ANN401 - JSON
        return {"title": self._title, "note": note, "value": _exact(value), "download": self._download}


def _exact(value: Any) -> Any:  # noqa: ANN401 - JSON
    match value:
        case bool() | None | str():
            return value
        case int():
            return value if abs(value) <= _EXACT else str(value)
        case Mapping():
            return {str(key): _exact(item) for key, item in value.items()}
        case list() | tuple():
            return [_exact(item) for item in value]
        case _:
            return value
