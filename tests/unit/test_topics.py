"""What is told live: payloads and listeners."""

from collections.abc import Callable
from uuid import UUID

import pytest

from app.ids import uuid7
from app.topics import TOPICS, Change, Topic


@pytest.mark.parametrize("id_", [None, uuid7()], ids=["many", "one"])
def test_a_change_survives_the_payload(id_: UUID | None) -> None:
    change = Change("rows", id_, f"{uuid7()}:{'k' * 40}")
    assert Change.decode(change.encode()) == change
    assert len(change.encode()) < 8000


def test_who_subscribes_hears_until_they_stop() -> None:
    topic, heard = Topic("jobs"), list[Change]()
    stop = topic.subscribe(heard.append)
    topic.tell(Change("jobs"))
    assert topic.listeners == 1
    stop()
    stop()
    topic.tell(Change("jobs"))
    assert (heard, topic.listeners) == ([Change("jobs")], 0)


def test_a_listener_may_stop_while_it_hears() -> None:
    topic, heard = Topic("jobs"), list[str]()
    stops: list[Callable[[], None]] = []

    def once(change: Change) -> None:
        heard.append(change.topic)
        stops[0]()

    stops.append(topic.subscribe(once))
    topic.subscribe(lambda change: heard.append(change.kind))
    topic.tell(Change("jobs"))
    topic.tell(Change("jobs"))
    assert sorted(heard) == ["changed", "changed", "jobs"]


def test_topics_go_by_their_names() -> None:
    assert all(topic.name == name for name, topic in TOPICS.items())


def test_who_listens_late_hears_what_was_told_meanwhile() -> None:
    topic = Topic("jobs")
    topic.tell(Change("jobs"))
    mark, told = topic.told, [Change("jobs", uuid7()) for _ in range(3)]
    assert topic.since(mark) == []
    for change in told:
        topic.tell(change)
    assert topic.since(mark) == told
    assert topic.since(mark + 2) == told[2:]
    for _ in range(300):
        topic.tell(told[0])
    assert topic.since(mark) == [Change("jobs")], "more than is kept: many changed"
