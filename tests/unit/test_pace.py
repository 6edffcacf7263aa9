"""Rate and time left, only as far as the open page has seen work move."""

from datetime import UTC, datetime, timedelta

from components.records.pace import Pace

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_the_first_sight_tells_nothing_and_the_next_what_was_seen() -> None:
    pace = Pace()
    assert pace.see((1, "Loading"), START, 900_000, 0.5) == (None, None)
    assert pace.see((1, "Loading"), at(0.5), 950_000, 0.6) == (None, None)
    assert pace.see((1, "Loading"), at(10), 1_000_000, 0.75) == (10_000, 10)


def test_a_retry_and_another_phase_begin_anew() -> None:
    pace = Pace()
    pace.see((1, "Loading"), START, 0, 0.0)
    assert pace.see((2, "Loading"), at(3600), 100, 0.01) == (None, None)
    assert pace.see((2, "Loading"), at(3610), 1_100, 0.11)[0] == 100
    assert pace.see((2, "Showing"), at(3620), 1_200, 0.12) == (None, None)


def test_work_that_went_back_begins_anew() -> None:
    pace = Pace()
    pace.see((1, "Loading"), START, 500, 0.5)
    assert pace.see((1, "Loading"), at(10), 100, 0.1) == (None, None)
    assert pace.see((1, "Loading"), at(20), 300, 0.3)[0] == 20


def test_work_that_does_not_move_has_no_rate() -> None:
    pace = Pace()
    pace.see((1, "Loading"), START, 500, 0.5)
    assert pace.see((1, "Loading"), at(60), 500, 0.5) == (None, None)
