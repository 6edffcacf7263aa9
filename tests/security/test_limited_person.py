"""Tess sees one team only. Everything of another team is asked for by her, by every way that leads in from outside:
each plain route, each screen with each id, each list with filters and search, the live wire, other people's pages.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from itertools import product
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from app.actor import Staff
from app.config import Settings
from app.database import engine
from app.ids import uuid7
from app.services import datasets, exports, jobs, users
from app.web import websocket
from components.lists.table import DataTable
from pages import SCREENS
from tests.pages.visitor import Visitor, application, visiting
from tests.services.test_isolation import Theirs, theirs
from tests.untouched import picture

__all__ = ["theirs"]

PATIENCE = 400


class Console:
    """The running application, and people who open it."""

    def __init__(self, guarded: Any, settings: Settings, theirs: Theirs, stack: AsyncExitStack) -> None:
        self.guarded, self.settings, self.theirs, self._stack = guarded, settings, theirs, stack

    async def comes(self, person: Staff) -> Visitor:
        """Somebody with a browser."""
        return await self._stack.enter_async_context(visiting(self.guarded, self.settings, person))

    async def opens(self, person: Staff, address: str) -> Visitor:
        """Somebody who has opened this address."""
        visitor = await self.comes(person)
        await visitor.open(address)
        return visitor

    @property
    def routes(self) -> list[APIRoute]:
        """Every plain route of the application, however deep it is included."""
        api: FastAPI = self.guarded._app
        return list(_routes(api.router))

    def secrets(self) -> list[str]:
        """Words and ids of the other team that no answer may hold."""
        t = self.theirs
        ids = (t.made.id, t.import_id, t.job_id, t.row_id, t.team_id, t.user_id, t.payment_id)
        return ["secret", "nordlicht", *map(str, ids)]


def _routes(router: APIRouter) -> Iterator[APIRoute]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif isinstance(inner := getattr(route, "original_router", None), APIRouter):
            yield from _routes(inner)


@pytest.fixture
async def console(theirs: Theirs, settings: Settings) -> AsyncIterator[Console]:
    await engine.dispose()  # the application makes an engine of its own
    async with AsyncExitStack() as stack:
        guarded = await stack.enter_async_context(application(settings))
        yield Console(guarded, settings, theirs, stack)


async def test_no_route_and_no_screen_hands_out_anything_of_another_team(
    console: Console, admin: asyncpg.Connection
) -> None:
    before = await picture(admin)
    asked = await _every_route(console)
    assert len(asked) > 8, asked
    await _every_screen(console)
    await _every_list(console)
    after = await picture(admin)
    exported = {"public.audit_entries"}  # that she took her own lists away
    assert {place for place, found in after.items() if found != before[place]} <= exported


async def _every_route(console: Console) -> list[str]:
    """Each route that names something in its path, with the ids of the other team."""
    tess, ann = await console.comes(console.theirs.tess), await console.comes(console.theirs.ann)
    asked = []
    for route in console.routes:
        for path in _filled(route.path, console.theirs):
            for method in sorted((route.methods or set()) & {"GET", "POST", "PUT", "DELETE"}):
                asked.append(f"{method} {path}")
                answer = await _request(tess, method, path)
                _is_clean(console, answer.text, asked[-1])
                if "/export/" not in path:
                    assert answer.status_code in {401, 404}, (asked[-1], answer.status_code)
        if "dataset_id" in route.path:
            [path] = _filled(route.path, console.theirs)
            assert "SECRET" in (await _request(ann, "GET", path)).text, "there is something to see"
    return asked


def _filled(path: str, theirs: Theirs) -> list[str]:
    """The addresses of a route; one without a name in it asks for no record."""
    known: dict[str, list[Any]] = {
        "dataset_id": [theirs.made.id], "import_id": [theirs.import_id], "job_id": [theirs.job_id],
        "part": ["input", "result", "checkpoint"], "name": sorted(exports.LISTS), "token": [],
        "rest": ["users", f"teams/{theirs.team_id}"],
    }  # fmt: skip
    names = [name.partition(":")[0] for name in re.findall(r"{([^}]+)}", path)]
    assert set(names) <= set(known), f"{path}: say here what it names"
    if not names:
        return []
    pattern = re.sub(r"{([^}:]+)[^}]*}", r"{\1}", path) + "?from=0&to=10" * ("/rows" in path)
    return [
        pattern.format(**dict(zip(names, values, strict=True))) for values in product(*(known[name] for name in names))
    ]


async def _request(visitor: Visitor, method: str, path: str) -> Any:
    body = {"reason": "To see what comes of it"} if method == "POST" else None
    origin = str(visitor.http.base_url).rstrip("/")
    return await visitor.http.request(method, path, headers={"origin": origin}, json=body)


async def _every_screen(console: Console) -> None:
    """Each screen of a record, with the other team's record."""
    t = console.theirs
    ids = {"datasets": t.made.id, "imports": t.import_id, "jobs": t.job_id, "audit": t.entry_id, "users": t.user_id}
    ids |= {"teams": t.team_id, "payments": t.payment_id, "staff": t.ann.staff_id, "schedules": uuid7()}
    ids |= {"failures": t.failure_id, "bulk": t.bulk_id}
    for screen in SCREENS:
        noun = screen.path.split("/")[1]
        if "{" in screen.path:
            address = screen.path.replace("{id}", str(ids[noun])).replace("{row}", str(t.row_id))
            page = await console.opens(t.tess, address)
            assert page.status == (403 if noun in {"staff", "schedules"} else 404), address
            said = " ".join(page.texts()).replace(address, "").lower()
            assert "secret" not in said, address
            assert "nordlicht" not in said, address


async def _every_list(console: Console) -> None:
    """Each screen without a record: as it is, searched for their words, filtered by their ids."""
    t = console.theirs
    for screen in SCREENS:
        if "{" in screen.path:
            continue
        for query in ("", "?q=secret", f"?team={t.team_id}&dataset={t.made.id}&person={t.ann.staff_id}"):
            page = await console.opens(t.tess, screen.path + query)
            for table in (element for element in page.elements if isinstance(element, DataTable)):
                _is_clean(console, json.dumps(table.contents["rows"], default=str), screen.path + query)
            if not query:
                _is_clean(console, " ".join(page.texts()), screen.path)


def _is_clean(console: Console, text: str, where: str) -> None:
    assert [secret for secret in console.secrets() if secret in text.lower()] == [], where


async def test_the_live_wire_tells_nothing_of_another_team(
    console: Console, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change there moves nothing on her open pages, its notices hold no contents, others' pages do not hear her."""
    await _a_page_of_another_takes_no_message(console, monkeypatch)
    t = console.theirs
    told: list[str] = []
    await admin.add_listener("quarterdeck", lambda *heard: told.append(heard[-1]))
    pages = [await console.opens(t.tess, path) for path in ("/datasets", "/users", "/jobs", "/audit", "/")]
    tables = [e for page in pages for e in page.elements if isinstance(e, DataTable)]
    stamps = [table.contents["stamp"] for table in tables]
    await datasets.rename(t.ann, t.made.id, "Secret arrivals", "Secret departures")
    await users.change_plan(t.ann, t.user_id, "premium", "Secret reason")
    await jobs.retry(t.ann, t.job_id, "Secret reason")
    for _ in range(PATIENCE):
        if all(table.contents["stamp"] > stamp for table, stamp in zip(tables, stamps, strict=True)):
            break
        await asyncio.sleep(0.02)
    assert all(table.contents["stamp"] > stamp for table, stamp in zip(tables, stamps, strict=True)), (
        "they looked again"
    )
    for page in pages:
        _is_clean(console, " ".join(page.texts()), "a page that stood open")
    assert not any(table.contents.get("fresh") for table in tables)
    assert len(told) >= 6
    for payload in told:
        topic, id_, kind = json.loads(payload)
        assert re.fullmatch(r"[a-z_]+", topic)
        assert id_ is None or str(UUID(id_)) == id_
        assert re.fullmatch(r"[a-z_]+", kind), payload


async def _a_page_of_another_takes_no_message(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = await console.opens(console.theirs.ann, f"/datasets/{console.theirs.made.id}")
    assert ann.page is not None
    wire = websocket.Wire(None)  # type: ignore[arg-type] # asks for nobody's session here
    for person, may in ((console.theirs.tess, False), (console.theirs.ann, True)):
        monkeypatch.setattr(websocket, "_session_of_socket", lambda _sid, person=person: person.session_id)
        assert wire.may_join("a socket", ann.page.id) is may
