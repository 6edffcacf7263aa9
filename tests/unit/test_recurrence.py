"""When something happens again, above all on the two days a year on which the clocks change."""

from datetime import UTC, datetime

import pytest

from app.errors import Invalid
from app.values import cron as recurrence

BERLIN = "Europe/Berlin"
BEFORE_SPRING = datetime(2026, 3, 28, 12, tzinfo=UTC)
BEFORE_AUTUMN = datetime(2026, 10, 24, 12, tzinfo=UTC)


def _ahead(cron: str, start: datetime, n: int) -> list[str]:
    return [f"{run:%d %H:%M%z}" for run in recurrence.upcoming(cron, BERLIN, start, n)]


def test_a_time_that_spring_leaves_out_comes_when_the_clocks_have_jumped_and_once() -> None:
    assert _ahead("30 2 * * *", BEFORE_SPRING, 3) == ["29 03:00+0200", "30 02:30+0200", "31 02:30+0200"]
    assert _ahead("0 3 * * *", BEFORE_SPRING, 2) == ["29 03:00+0200", "30 03:00+0200"]


def test_a_time_that_autumn_has_twice_comes_once() -> None:
    assert _ahead("30 2 * * *", BEFORE_AUTUMN, 2) == ["25 02:30+0200", "26 02:30+0100"]
    between = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)
    assert _ahead("30 2 * * *", between, 1) == ["26 02:30+0100"], "asked again after the first of both"
    assert _ahead("15 1-3 * * *", BEFORE_AUTUMN, 4) == [
        *("25 01:15+0200", "25 02:15+0200", "25 03:15+0100", "26 01:15+0100"),
    ]


def test_what_runs_through_the_hours_leaves_no_gap_in_autumn_and_none_in_spring() -> None:
    start = datetime(2026, 10, 25, 0, 15, tzinfo=UTC)
    assert _ahead("*/30 * * * *", start, 4) == ["25 02:30+0200", "25 02:00+0100", "25 02:30+0100", "25 03:00+0100"]
    start = datetime(2026, 3, 29, 0, 15, tzinfo=UTC)
    assert _ahead("*/30 * * * *", start, 3) == ["29 01:30+0100", "29 03:00+0200", "29 03:30+0200"]


def test_the_next_run_lies_after_the_moment_in_utc() -> None:
    assert recurrence.next_after("0 3 * * *", BERLIN, datetime(2026, 7, 1, 1, tzinfo=UTC)) == datetime(
        2026, 7, 2, 1, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("cron", "zone", "field", "words"),
    [
        ("0 0 30 2 *", "UTC", "cron", "No such day ever comes"),
        ("* * * * * *", "UTC", "cron", "6 fields"),
        ("@daily", "UTC", "cron", "five fields"),
        ("H * * * *", "UTC", "cron", "five fields"),
        ("61 * * * *", "UTC", "cron", "out of its range"),
        ("*/0 * * * *", "UTC", "cron", "out of its range"),
        ("", "UTC", "cron", "five fields"),
        ("0 0 * * *" + " " * 3 + "1," * 200 + "1", "UTC", "cron", "five fields"),
        ("0 3 * * *", "Mars/Base", "time_zone", "no time zone “Mars/Base”"),
        ("0 3 * * *", "../../etc/passwd", "time_zone", "no time zone"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_a_sentence(cron: str, zone: str, field: str, words: str) -> None:
    with pytest.raises(Invalid) as refusal:
        recurrence.checked(cron, zone)
    assert words in refusal.value.fields[field]


def test_spaces_are_tidied_and_names_are_understood() -> None:
    assert recurrence.checked("  0  3 * MAR  thu ", BERLIN) == ("0 3 * MAR thu", BERLIN)


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("* * * * *", "Every minute"),
        ("*/15 * * * *", "Every 15 minutes"),
        ("0 * * * *", "Every hour at :00"),
        ("17 * * * *", "Every hour at :17"),
        ("5 3 * * *", "Every day at 03:05"),
        ("0 22 * * 0", "Every Sunday at 22:00"),
        ("0 22 * * 7", "Every Sunday at 22:00"),
        ("30 6 1 * *", "On day 1 of every month at 06:30"),
        ("1,2 * * * *", "1,2 * * * *"),
        ("0 9 * * 1-5", "0 9 * * 1-5"),
        ("0 9 13 * 5", "0 9 13 * 5"),
    ],
)
def test_common_expressions_are_said_as_people_say_them(cron: str, words: str) -> None:
    assert recurrence.words(cron) == words
