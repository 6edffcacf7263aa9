"""What the page of one job is made of: attempts out of events, what is usual, and the words of it all."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.job_queue import durations
from app.job_queue.attempts import Ending, attempts
from app.job_queue.durations import Usual, usual
from app.models import JobEventKind
from app.services import job_view, jobs
from components.records.blocks import Entry
from pages.shared import job_status, job_timeline
from tests import job_stories
from tests.job_stories import Story
from tests.people import Company

START = datetime(2026, 5, 20, 12, tzinfo=UTC)
K = JobEventKind


@dataclass
class Told:
    """A line of a time line, so many seconds after the beginning."""

    second: float
    kind: str
    detail: dict[str, Any] = field(default_factory=dict)
    id: int = 0

    @property
    def at(self) -> datetime:
        return START + timedelta(seconds=self.second)


def test_attempts_are_told_by_events() -> None:
    runs = attempts(
        [
            Told(0, K.QUEUED),
            Told(1, K.CLAIMED, {"epoch": 1, "attempt": 1, "host": "a/1", "worker": "w1"}),
            Told(5, K.CHECKPOINT, {"epoch": 1}),
            Told(60, K.TAKEN_OVER, {"epoch": 2, "attempt": 2, "host": "b/2", "worker": "w2"}),
            Told(61, K.LEASE_LOST, {"epoch": 1, "rejected": True}),
            Told(70, K.RETRY_LATER, {"epoch": 2, "delay": 0, "reason": "its worker was stopped"}),
            Told(71, K.CLAIMED, {"epoch": 3, "attempt": 2}),
            Told(80, K.RETRY_LATER, {"code": "TIMEOUT", "message": "Too long", "cost_micros": 7}),
            Told(90, K.CANCELLED, {"by": "x"}),
            Told(95, K.RETRIED),
            Told(96, K.CLAIMED, {"epoch": 5, "attempt": 3}),
        ],
        made=3,
    )
    assert [(run.number, run.ending, run.seconds) for run in runs] == [
        (1, Ending.LOST, 59.0),
        (2, Ending.GIVEN_BACK, 10.0),
        (2, Ending.AGAIN, 9.0),
        (3, Ending.RUNS, None),
    ]
    assert [run.rejected for run in runs] == [1, 0, 0, 0]
    assert (runs[2].code, runs[2].message, runs[2].cost_micros) == ("TIMEOUT", "Too long", 7)
    assert (runs[0].host, runs[1].message) == ("a", "its worker was stopped")


@pytest.mark.parametrize(
    ("ran", "left"), [(0, 10.0), (9, 1.0), (10, 20.0), (29, 1.0), (30, None), (300, None)], ids=str
)
def test_what_is_left_is_told_by_what_is_usual(ran: float, left: float | None) -> None:
    assert Usual(10, 30, 20).left(ran) == left


def test_a_few_jobs_tell_nothing_and_a_slow_one_moves_no_middle() -> None:
    assert usual([1, 2, 3, 4]) is None
    assert usual([1, 2, 3, 4, 500]) == Usual(3, 500, 5)
    assert usual([*[10.0] * 19, 900.0]) == Usual(10, 10, 20)


async def test_what_is_usual_is_asked_once_in_half_a_minute_and_of_the_own_team_alone(
    company: Company, admin: asyncpg.Connection
) -> None:
    durations.remembered.forget()
    for _ in range(6):
        await job_stories.succeeded(Story(admin, company.acme))
    for _ in range(6):
        slow = Story(admin, company.nordlicht)
        await job_stories.succeeded(slow, started_at=slow.ago(660), run_started_at=slow.ago(660))
    runs = await job_stories.running(Story(admin, company.acme))
    mine, everybodys = (await jobs.get(company.tess, runs)).usual, (await jobs.get(company.ann, runs)).usual
    assert mine == Usual(12.4, 12.4, 6)
    assert everybodys is not None
    assert (everybodys.of, everybodys.most) == (12, 600.0)
    await admin.execute("DELETE FROM job_events")
    await admin.execute("DELETE FROM jobs WHERE status = 'succeeded'")
    assert (await jobs.get(company.tess, runs)).usual == mine
    durations.remembered.forget()
    assert (await jobs.get(company.tess, runs)).usual is None


async def test_a_long_time_line_keeps_what_tells(company: Company, admin: asyncpg.Connection) -> None:
    story = Story(admin, company.acme)
    job_id = await job_stories.running(story)
    await admin.execute(
        "INSERT INTO job_events (job_id, team_id, at, kind, detail)"
        " SELECT $1, $2, now(), 'delivered', '{}' FROM generate_series(1, 1000)",
        *(job_id, company.acme),
    )
    seen = await job_view.get(company.vic, job_id)
    entries = job_timeline.line(seen, linked=False)
    assert [_said(entry) for entry in entries] == [
        "Offered to the workers again, 100 times",
        "Started (attempt 1, on worker-1)",
        "Queued",
    ]


def _said(entry: Entry) -> str:
    return "".join(part if isinstance(part, str) else part[0] for part in entry.parts)


def test_numbers_in_words() -> None:
    assert [job_status.ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)] == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"),
    ]
    told = [job_status.spell(seconds) for seconds in (0.043, 0.5, 1, 12.44, 60, 185, 7_440)]
    assert told == ["0.043 s", "0.5 s", "1 s", "12.4 s", "1 min 0 s", "3 min 5 s", "2 h 4 min"]
    assert [job_status.size(n) for n in (812, 98_000, 9_800_000)] == ["812 B", "98.0 kB", "9.8 MB"]
    assert [job_status.cost(micros) for micros in (0, 31_400, 1_500_000, 2_000_000_000)] == [
        "",
        "0.0314",
        "1.5",
        "2,000",
    ]
