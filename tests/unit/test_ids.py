"""Identifiers: version, order, and what people see of them."""

import threading
import time
from uuid import RFC_4122, UUID

import pytest

from app.ids import reference, short, uuid7


def test_ids_are_version_7_and_carry_their_time() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7()
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, RFC_4122)
    assert before <= made.int >> 80 <= after


def test_ids_of_one_process_keep_their_order_also_between_threads() -> None:
    found: list[list[UUID]] = []

    def make() -> None:
        found.append([uuid7() for _ in range(2000)])

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one == sorted(one) for one in found)
    assert len(set().union(*found)) == 8000


def test_a_clock_that_goes_back_does_not_bring_ids_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = uuid7()
    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: 0)
        assert uuid7() > first


def test_people_see_the_random_end() -> None:
    made = UUID("01a1fdf7-5457-754f-9e33-e782f705456a")
    assert short(made) == "f705456a"


def test_references_are_easy_to_read_aloud() -> None:
    made = {reference() for _ in range(200)}
    assert len(made) == 200
    for one in made:
        assert (len(one), one[4]) == (7, "-")
        assert not set(one) & set("01ILO")
