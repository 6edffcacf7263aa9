"""Garbage on the live wire: whatever a page's own client sends to any listener is refused, and never a bug of ours."""

import json
import logging
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from nicegui.element import Element

from app.errors import Invalid
from app.logs import expect_refusals
from components.page.ticking import Ticking
from components.page.wire import chosen, shaped
from tests.factories import Made, add_values, make_dataset
from tests.pages.test_screens import FIELDS, addresses
from tests.pages.visitor import Visit, Visitor
from tests.people import Company
from tests.security.clicks import dialogs, settled, standing

DEEP: Any = json.loads("[" * 240 + "]" * 240)
GARBAGE: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 7, 10**9, 2**63, 1.5, -1e300, "", "0", "x", "\0", "ü" * 3000, "__proto__"),
    *([], [None], [0], ["x"], ["x", 0], [0, None], [0, [0]], [0, "x"], ["x", None], [["x"], {}], DEEP, {"x": DEEP}),
    *({}, {"": ""}, {"reason": None}, {"row_id": 1, "field": []}, {"row_id": "x", "field": "x"}, {"id": {}}, [{}]),
)
"""One or more of every type of JSON, and what nearly has the shape that somebody waits for."""
LEAVES = ("sub_pages_open", "sub_pages_navigate")
ASKS = "locked"
"""Its listener takes nothing that was sent, and waits for a person."""


def _throw(visitor: Visitor, elements: Sequence[Element]) -> int:
    """Send garbage to every kind of listener on a page, as one value, as several and as none."""
    assert visitor.page is not None
    listeners = {
        (type(element), getattr(element, "kind", ""), listener.type): (element, listener)
        for element in elements
        for listener in element._event_listeners.values()
        if listener.type != ASKS
    }
    sent = 0
    for element, listener in listeners.values():
        heard = {"id": element.id, "client_id": visitor.page.id, "listener_id": listener.id}
        for args in ([], [None, None], *([one] for one in GARBAGE)):
            if listener.type in LEAVES and isinstance(args[0] if args else None, str):
                continue  # an address, which is no garbage: tests of the shell go there
            visitor.page.handle_event({**heard, "args": [json.dumps(one) for one in args]})
            sent += 1
    return sent


async def test_garbage_to_every_listener_of_every_screen_leaves_no_traceback(
    visit: Visit,
    people: Company,
    admin: asyncpg.Connection,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Ticking, "_tick", _never)  # it would never be over
    made: Made = await make_dataset(admin, people.acme, "Cities", FIELDS)
    await add_values(admin, made, [{"city": "Ulm", "people": 1}])
    where = [*(await addresses(admin, made)).values(), "/nowhere"]
    expect_refusals()
    always = standing()
    sent = 0
    for address in where:
        sue = await visit(people.sue, address)
        caplog.clear()
        sent += _throw(sue, sue.elements)
        await settled(always)
        sent += _throw(sue, dialogs(sue))
        await settled(always)
        _assert_calm(caplog, address)
    assert sent > len(where) * len(GARBAGE)


async def _never(_ticking: Ticking, _seconds: float) -> None:
    """No time passes."""


def _assert_calm(caplog: pytest.LogCaptureFixture, address: str) -> None:
    loud = [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]
    assert [f"{address}: {record.getMessage()} {record.exc_info}" for record in loud] == []


async def test_who_sends_garbage_is_told(visit: Visit, people: Company) -> None:
    ann = await visit(people.ann, "/users")
    ann.send(ann.find(label="Users"), "act", 7)
    await ann.hears("cannot be read. Reload it")


@pytest.mark.parametrize("sent", [*GARBAGE])
def test_only_what_has_the_shape_arrives(sent: Any) -> None:
    fits = isinstance(sent, list) and len(sent) == 2 and isinstance(sent[0], str) and sent[1] == 0
    if fits:
        assert shaped(tuple[str, int], list)(sent) == sent
    else:
        with pytest.raises(Invalid):
            shaped(tuple[str, int], list)(sent)


@pytest.mark.parametrize("index", [-1, 2, 10**9])
def test_a_place_that_nothing_has_is_refused(index: int) -> None:
    assert chosen("ab", 1) == "b"
    with pytest.raises(Invalid):
        chosen("ab", index)
