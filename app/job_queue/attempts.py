"""The attempts at a job, told by its events: who ran it when, how that ended, what it cost. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from app.models.job import JobEventKind


class Ending(StrEnum):
    """How an attempt ended."""

    RUNS = "runs"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    AGAIN = "again"
    """It failed, and another attempt was due later."""
    GIVEN_BACK = "given_back"
    """Its worker stopped, or its task waits for something."""
    LOST = "lost"
    """Its worker gave no sign of life any more."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a job. ``number`` is the attempt that it was, counted through from the first: one that was given back
    does not count, and has the number of the one that came after it.
    """

    number: int
    epoch: int | None
    worker: str
    host: str
    started_at: datetime
    ended_at: datetime | None = None
    ending: Ending = Ending.RUNS
    code: str = ""
    message: str = ""
    error: str = ""
    """Everything that it said when it failed, the traceback too."""
    cost_micros: int = 0
    rejected: int = 0
    """Writes that it tried after it had lost the job, all refused."""

    @property
    def seconds(self) -> float | None:
        """How long it ran; None while it does."""
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None


class Event(Protocol):
    """A line of a job's time line."""

    @property
    def kind(self) -> str:
        """What happened."""

    @property
    def at(self) -> datetime:
        """When."""

    @property
    def detail(self) -> Any:  # noqa: ANN401 - JSON
        """What is known of it."""


_STARTS = {JobEventKind.CLAIMED, JobEventKind.TAKEN_OVER}
_ENDS = {
    JobEventKind.SUCCEEDED: Ending.SUCCEEDED,
    JobEventKind.FAILED: Ending.FAILED,
    JobEventKind.RETRY_LATER: Ending.AGAIN,
    JobEventKind.LEASE_LOST: Ending.LOST,
    JobEventKind.CANCELLED: Ending.CANCELLED,
}


def attempts(events: Iterable[Event], made: int) -> list[Attempt]:
    """The attempts in the order in which they began, from events in the order in which they happened. ``made`` is how
    many the job itself counts: of a very long time line only the end may be known.
    """
    told = _told(events)
    number = made + (bool(told) and told[-1].ending is Ending.GIVEN_BACK)
    for n in range(len(told) - 1, -1, -1):
        told[n] = replace(told[n], number=number)
        number -= n > 0 and told[n - 1].ending is not Ending.GIVEN_BACK
    return told


def _told(events: Iterable[Event]) -> list[Attempt]:
    told: list[Attempt] = []
    for event in events:
        kind, detail = event.kind, event.detail
        if kind in _STARTS:
            _end(told, event, Ending.LOST)
            told.append(_begun(event))
        elif kind == JobEventKind.LEASE_LOST and detail.get("rejected"):
            _reject(told, detail.get("epoch"))
        elif kind in _ENDS:
            _end(told, event, _ending(_ENDS[JobEventKind(kind)], detail))
    return told


def _begun(event: Event) -> Attempt:
    detail = event.detail
    host = str(detail.get("host") or "").partition("/")[0]
    return Attempt(0, detail.get("epoch"), str(detail.get("worker") or ""), host, event.at)


def _ending(ending: Ending, detail: Any) -> Ending:  # noqa: ANN401 - JSON
    given_back = ending is Ending.AGAIN and not detail.get("code")
    return Ending.GIVEN_BACK if given_back else ending


def _end(told: list[Attempt], event: Event, ending: Ending) -> None:
    """End the attempt that runs, if one does: a job can be cancelled, or fail, while it waits."""
    if not told or told[-1].ended_at is not None:
        return
    detail = event.detail if event.kind not in _STARTS else {}
    told[-1] = replace(
        told[-1],
        ended_at=event.at,
        ending=ending,
        code=str(detail.get("code") or ""),
        message=str(detail.get("message") or detail.get("reason") or ""),
        error=str(detail.get("error") or ""),
        cost_micros=int(detail.get("cost_micros") or 0),
    )


def _reject(told: list[Attempt], epoch: Any) -> None:  # noqa: ANN401 - JSON
    for n, attempt in enumerate(told):
        if attempt.epoch == epoch:
            told[n] = replace(attempt, rejected=attempt.rejected + 1)
