"""Ranges of days: what may stand in a URL, days of 23 and 25 hours, and what a range is compared with."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from app.errors import Invalid
from app.values import periods
from app.values.periods import Period, Step

NOW = datetime(2026, 11, 21, 14, 53, tzinfo=UTC)


def of(first: date, last: date, zone: str = "UTC") -> Period:
    return Period("", zone, first, last, NOW)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Asia/Kathmandu", date(2026, 10, 25), 24),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Africa/Cairo", date(2026, 4, 24), 23),  # its midnight is left out
    ],
)
def test_a_day_is_as_long_as_it_is_there(zone: str, day: date, hours: float) -> None:
    edges = of(day, day, zone).edges
    assert edges[-1] - edges[0] == timedelta(hours=hours)
    assert all(before < after for before, after in pairwise(edges))
    assert all(edge == periods.floored(edge) for edge in edges)
    assert of(day - timedelta(days=1), day - timedelta(days=1), zone).edges[-1] == edges[0]


@pytest.mark.parametrize(
    ("name", "days", "step", "parts"),
    [("today", 1, Step.HOUR, 24), ("7d", 7, Step.DAY, 7), ("90d", 90, Step.DAY, 90), ("12m", 356, Step.MONTH, 12)],
)
def test_presets_end_today(name: str, days: int, step: Step, parts: int) -> None:
    period = periods.preset(name, "UTC", NOW)
    assert (period.last, period.days, period.step) == (date(2026, 11, 21), days, step)
    assert len(period.edges) == parts + 1


def test_what_has_not_passed_is_not_compared() -> None:
    week = periods.preset("7d", "Europe/Berlin", NOW)
    start, until = week.before
    assert (start.isoformat(), until.isoformat()) == ("2026-11-07T23:00:00+00:00", "2026-11-14T14:45:00+00:00")
    over = of(date(2026, 11, 1), date(2026, 11, 10))
    assert over.before == (datetime(2026, 10, 22, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
    year = periods.preset("12m", "UTC", NOW)
    assert year.before[0] == datetime(2024, 12, 1, tzinfo=UTC)
    assert year.before[1] == datetime(2025, 11, 21, 14, 45, tzinfo=UTC)


def test_weeks_begin_on_monday() -> None:
    period = of(date(2026, 5, 6), date(2026, 10, 1))
    assert period.step is Step.WEEK
    assert [edge.weekday() for edge in period.edges[1:-1]] == [0] * (len(period.edges) - 2)


def test_the_address_decides() -> None:
    period = periods.read({"range": ("2026-10-01..2026-10-31",), "zone": ("Asia/Kathmandu",)}, NOW, "Europe/Berlin")
    assert (period.zone, period.first, period.last) == ("Asia/Kathmandu", date(2026, 10, 1), date(2026, 10, 31))
    assert period.edges[0] == datetime(2026, 9, 30, 18, 15, tzinfo=UTC)
    assert periods.read({}, NOW, "Europe/Berlin").zone == "Europe/Berlin"
    assert periods.read({"range": ("2026-11-20..2027-01-01",)}, NOW).last == date(2026, 11, 21)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("zone", zone) for zone in ("Mars/Phobos", "../../etc/passwd", "Europe", "\0", "x" * 5_000)),
        *(("range", name) for name in ("forever", "..", "2026-13-01..2026-01-01", "2026-02-02..2026-02-01")),
        *(("range", name) for name in ("1815-01-01..2026-01-01", "2015-01-01..2026-01-01", "2027-01-01..2027-02-01")),
    ],
)
def test_garbage_is_refused_in_a_sentence(name: str, value: str) -> None:
    with pytest.raises(Invalid, match=r"Choose another|at most five years"):
        periods.read({name: (value,)}, NOW)


def test_days_of_utc_keep_their_dates() -> None:
    period = Period("today", "Pacific/Kiritimati", date(2026, 11, 22), date(2026, 11, 22), NOW)
    assert (period.in_utc().first, period.in_utc().last, period.in_utc().step) == (NOW.date(), NOW.date(), Step.DAY)
