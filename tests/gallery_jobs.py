"""The invented jobs of the gallery."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from app import clock, topics
from app.ids import uuid7
from app.paging import Count, Cursor, Page, PageRequest
from components.lists.columns import (
    DurationColumn,
    IdColumn,
    NumberColumn,
    ProgressColumn,
    StatusColumn,
    TextColumn,
    TimeColumn,
)
from components.lists.filters import ChoiceFilter, IdFilter, TextFilter, TimeRangeFilter
from components.page.values import Tone


class Status(StrEnum):
    SUCCEEDED = "succeeded"
    RUNNING = "running"
    FAILED = "failed"
    QUEUED = "queued"
    CANCELLING = "cancelling"


WORDS: dict[Status, tuple[str, Tone]] = {
    Status.SUCCEEDED: ("Succeeded", "ok"),
    Status.RUNNING: ("Running", "info"),
    Status.FAILED: ("Failed", "bad"),
    Status.QUEUED: ("Queued", "idle"),
    Status.CANCELLING: ("Cancelling", "warn"),
}
KINDS = ("document.generate", "dataset.import", "dataset.export", "image.hash", "stripe.reconcile")
TEAMS = ("Acme", "Nordlicht", "Kite Labs", "Universidad de Granada", "Łódź Data Co-op", "Bäckerei Özdemir & Söhne GmbH")


@dataclass(frozen=True)
class Job:
    id: UUID
    number: int
    kind: str
    status: Status
    progress: float | str | None
    team: str
    last_word: str | None
    tries: int
    seconds: float | None
    created_at: object


def make_job(number: int, minutes: float) -> Job:
    status = list(Status)[(number * 7) % 5]
    progress = ((number * 37) % 100) / 100 if status is Status.RUNNING else None
    word = "Section 3: LLM timed out after 60 s" if status is Status.FAILED else None
    seconds = None if status in (Status.QUEUED, Status.RUNNING) else 12.4
    return Job(
        uuid7(),
        number,
        KINDS[number % 5],
        status,
        progress,
        TEAMS[number % 6],
        word,
        number % 3 + 1,
        seconds,
        clock.now() - timedelta(minutes=minutes),
    )


class Jobs:
    """120 invented jobs, newest first, and how they are asked for."""

    def __init__(self) -> None:
        self.rows = [make_job(number, number * 3.5) for number in range(120)]

    async def search(self, request: PageRequest) -> Page[Job]:
        wanted = request.filters.get("status")
        if request.search == "slow question":
            await asyncio.sleep(30)
        rows = [
            r
            for r in self.rows
            if (not wanted or r.status in wanted) and request.search.lower() in (r.kind + r.team).lower()
        ]
        if request.sort and request.sort.by == "number":
            rows.sort(key=lambda r: r.number, reverse=request.sort.descending)
        start = int(str(request.cursor.value)) if request.cursor else 0
        shown = rows[start : start + request.size]
        after = Cursor(start + request.size, "x") if start + request.size < len(rows) else None
        before = Cursor(max(0, start - request.size), "x", backwards=True) if start else None
        return Page(shown, Count(len(rows)), after, before)

    def add(self, n: int) -> None:
        self.rows = [make_job(self.rows[0].number - 1 - i, 0) for i in reversed(range(n))] + self.rows
        topics.jobs.tell(topics.Change("jobs"))

    def finish(self) -> None:
        self.rows = [
            replace(r, status=Status.SUCCEEDED, progress=None) if r.status is Status.RUNNING else r for r in self.rows
        ]
        topics.jobs.tell(topics.Change("jobs"))


COLUMNS = [
    IdColumn("id", opens="/jobs/{id}"),
    TextColumn("kind", opens="/jobs/{id}", card=True),
    StatusColumn("status", shows=WORDS, card=True),
    ProgressColumn("progress"),
    TextColumn("team"),
    TextColumn("last_word", quiet=True),
    NumberColumn("tries"),
    DurationColumn("seconds", label="Took"),
    TimeColumn("created_at", sort="number", card=True),
]
FILTERS = [
    ChoiceFilter("status", choices=Status, pinned=True),
    TimeRangeFilter("created_at"),
    TextFilter("last_word"),
    IdFilter("team_id"),
]
