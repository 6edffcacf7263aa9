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
