"""A screen that was left is freed at once, without the collector of garbage: it would hold up everybody."""

import asyncio
import gc
import types
import weakref
from collections import Counter
from collections.abc import Iterator

import asyncpg
import pytest
from nicegui import Client
from nicegui.element import Element

from components.page import frame, waiting_pages
from components.page.frame import Root
from tests.factories import Made, make_dataset
from tests.pages.test_screens import FIELDS, addresses
from tests.pages.visitor import TRIES, Visit, Visitor
from tests.people import Company

OURS = ("app", "components", "nicegui", "pages")
ELSEWHERE = "/profile"


@pytest.fixture
async def made(admin: asyncpg.Connection, people: Company) -> Made:
    return await make_dataset(admin, people.acme, "Cities", FIELDS)


@pytest.fixture
def uncollected() -> Iterator[None]:
    """The collector rests, and what it would have freed is kept to be looked at."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


async def test_every_screen_that_was_left_is_freed_without_the_collector(
    visit: Visit, people: Company, admin: asyncpg.Connection, made: Made, uncollected: None
) -> None:
    where = await addresses(admin, made)
    ann = await visit(people.ann, ELSEWHERE)
    for address in (where[path] for path in where if path != ELSEWHERE):
        await _go(ann, address)
        left = _elements(ann)
        assert left
        gc.collect()  # what opening it cost is not what leaving it costs
        gc.garbage.clear()
        await _go(ann, ELSEWHERE)
        for _ in range(TRIES):
            if not left:
                break
            await asyncio.sleep(0.01)
        assert not left, (address, Counter(type(element).__name__ for element in left))
        gc.collect()
        found = Counter(name for thing in gc.garbage if (name := _ours(thing)))
        assert not found, address


async def test_a_tab_that_was_closed_is_kept_by_nothing(visit: Visit, people: Company) -> None:
    ann = await visit(people.ann, "/users")
    await ann.finds(label="Users")
    assert ann.page is not None
    page, elements = weakref.ref(ann.page), _elements(ann)
    ann.page.delete()
    ann.page = None
    for _ in range(TRIES):
        gc.collect()
        if page() is None and not elements:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{page()} and {len(elements)} elements are kept")


def _elements(visitor: Visitor) -> "weakref.WeakSet[Element]":
    return weakref.WeakSet(_root(visitor).descendants(include_self=True))


def _root(visitor: Visitor) -> Root:
    assert visitor.page is not None
    here = frame.of(visitor.page)
    assert here is not None
    assert here.root is not None
    return here.root


async def _go(visitor: Visitor, address: str) -> None:
    """Open another screen in the same tab, until all that it asks for has come."""
    assert visitor.page is not None
    before = id(_root(visitor))
    with visitor.page:
        await visitor.page.sub_pages_router._handle_open(address)
    for _ in range(TRIES):
        root = _root(visitor)
        if id(root) != before and all(load.done() for load in root.first_loads):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{address} does not come")


def _ours(thing: object) -> str:
    """The name of an object's kind, if it is one of ours or of NiceGUI's."""
    code = thing.__func__ if isinstance(thing, types.MethodType) else thing
    kind = code if isinstance(code, types.FunctionType) else type(thing)
    return f"{kind.__module__}.{kind.__qualname__}" if kind.__module__.partition(".")[0] in OURS else ""


async def test_pages_that_no_browser_comes_back_for_are_bounded(
    visit: Visit, people: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_pages, "OF_ONE_SESSION", 3)
    monkeypatch.setattr(waiting_pages, "OF_ALL", 4)
    ann, tess = await visit(people.ann, ELSEWHERE), await visit(people.tess, ELSEWHERE)
    open_before = set(Client.instances)

    async def waiting() -> list[str]:
        return [id_ for id_ in Client.instances if id_ not in open_before]

    for _ in range(5):
        assert (await ann.http.get(ELSEWHERE)).status_code == 200
    mine = await waiting()
    assert len(mine) == 3
    for _ in range(2):
        assert (await tess.http.get(ELSEWHERE)).status_code == 200
    left = await waiting()
    assert (len(left), set(left) & set(mine)) == (4, set(mine[1:]))
    assert open_before <= set(Client.instances), "a page that a browser has is never too many"
