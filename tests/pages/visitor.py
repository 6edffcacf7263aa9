"""The product's own application in this process, and people who open its screens without a browser."""

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from nicegui import Client
from nicegui.element import Element
from nicegui.nicegui import _on_handshake
from nicegui.testing.general import nicegui_reset_globals

from app import clock
from app.actor import Staff
from app.config import Settings
from app.crypto import tokens
from app.main import build
from components.lists.table import DataTable
from components.page.element import texts_in
from tests.product import COOKIE, drawn

TRIES = 400


@dataclass
class Visitor:
    """Somebody with one open page; events go to its elements as the browser would send them."""

    http: httpx.AsyncClient
    page: Client | None = None
    status: int = 0
    toasts: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    async def open(self, address: str) -> None:
        """Open an address; what the page says to the browser from now on is kept."""
        answer = await drawn(self.http, address)
        self.status = answer.status_code
        text = html.unescape(answer.text)
        found = re.search(r"['\"]client_id['\"]: ['\"]([0-9a-f-]{36})", text)
        assert found, text
        self.page = Client.instances[found[1]]
        self._listen(self.page)
        here = {"client_id": self.page.id, "tab_id": str(uuid4()), "document_id": str(uuid4())}
        assert await _on_handshake(f"test-{uuid4()}", here)
        await self._listed()

    async def _listed(self) -> None:
        """On a busy machine a page goes out before its lists are answered: wait until they are, as a person does."""
        for _ in range(TRIES):
            if not any(isinstance(e, DataTable) and e.contents["rows"] is None for e in self.elements):
                return
            await asyncio.sleep(0.02)

    def _listen(self, page: Client) -> None:
        emit = page.outbox._emit

        async def heard(message: Any) -> None:
            _, kind, data = message
            if kind == "notify":
                self.toasts.append(data["message"])
            elif kind == "open":
                self.opened.append(data["path"])
            await emit(message)

        page.outbox._emit = heard  # type: ignore[method-assign] # what a browser would receive is read here

    @property
    def elements(self) -> list[Element]:
        """What stands on the page, from its top."""
        assert self.page is not None
        return list(self.page.layout.descendants(include_self=True))

    def texts(self) -> list[str]:
        """Every text that components were given."""
        return [text for e in self.elements if hasattr(e, "contents") for text in texts_in(e.contents)]

    def find(self, **contents: Any) -> Any:
        """The one component whose contents say this (``kind="head"``, ``label="Jobs"``)."""
        found = [e for e in self.elements if contents.items() <= _contents(e).items()]
        assert len(found) == 1, f"{len(found)} elements have {contents}"
        return found[0]

    async def sees(self, *wanted: str) -> None:
        """Wait until all of these texts stand somewhere on the page."""
        for _ in range(TRIES):
            if all(any(words in text for text in self.texts()) for words in wanted):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{wanted} is not all in {self.texts()}")

    async def finds(self, **contents: Any) -> Any:
        """Wait for the one component whose contents say this."""
        for _ in range(TRIES):
            if any(contents.items() <= _contents(e).items() for e in self.elements):
                return self.find(**contents)
            await asyncio.sleep(0.02)
        raise AssertionError(f"nothing has {contents}")

    async def hears(self, words: str) -> None:
        """Wait for a toast."""
        for _ in range(TRIES):
            if any(words in toast for toast in self.toasts):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{words!r} is not in {self.toasts}")

    async def refuses(self, dialog: Any) -> dict[str, str]:
        """Wait until a dialog says what is wrong, by field."""
        for _ in range(TRIES):
            if dialog.contents["errors"]:
                return dict(dialog.contents["errors"])
            await asyncio.sleep(0.02)
        raise AssertionError("the dialog refuses nothing")

    async def goes_to(self, address: str) -> None:
        """Wait until the page is sent to an address of ours."""
        for _ in range(TRIES):
            if any(address in path for path in self.opened):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{address!r} is not in {self.opened}")

    def send(self, element: Element, event: str, args: Any = None) -> None:
        """Let an element hear an event, as the browser sends it."""
        assert self.page is not None
        listeners = [one for one in element._event_listeners.values() if one.type == event]
        assert listeners, f"{element} does not listen to {event}"
        for listener in listeners:
            heard = {"id": element.id, "client_id": self.page.id, "listener_id": listener.id}
            self.page.handle_event(heard | {"args": [json.dumps(args)]})

    def press(self, label: str) -> None:
        """A button in the head of the screen."""
        head = self.find(kind="head")
        index = [action["label"] for action in head.contents["actions"]].index(label)
        self.send(head, "act", index)

    async def answer(self, title: str, **values: str) -> Any:
        """Fill in the dialog with this title and send it; returns the dialog."""
        dialog = await self.finds(label=title, dialog=True)
        self.send(dialog, "submit", values)
        return dialog

    async def closes(self, dialog: Element) -> None:
        """Wait until a dialog is gone."""
        for _ in range(TRIES):
            if dialog.is_deleted:
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the dialog stays open")


def _contents(element: Element) -> dict[str, Any]:
    contents = getattr(element, "contents", None)
    return {"kind": getattr(element, "kind", "")} | contents if isinstance(contents, dict) else {}


@asynccontextmanager
async def application(settings: Settings) -> AsyncIterator[Any]:
    """The whole application in this process, started; NiceGUI's global state is put back behind it."""
    with nicegui_reset_globals(), pytest.MonkeyPatch.context() as environment:
        environment.setenv("NICEGUI_USER_SIMULATION", "true")
        guarded = build(settings)
        api = guarded._app  # type: ignore[attr-defined] # the guard keeps what it guards to itself
        try:
            async with api.router.lifespan_context(api):
                yield guarded
        finally:
            # The reset would take the modules of page functions out of sys.modules, and so make classes twice.
            Client.page_routes.clear()


@asynccontextmanager
async def visiting(application: Any, settings: Settings, person: Staff) -> AsyncIterator[Visitor]:
    """A visitor with the session that the company has made for this person."""
    assert settings.session_key
    now = clock.now().replace(microsecond=0)
    claims = tokens.Claims(person.staff_id, person.session_id, now, now + timedelta(days=365))
    cookie = f"{COOKIE}={tokens.sign(claims, settings.session_key.get_secret_value())}"
    headers = {"cookie": cookie, "accept": "text/html"}
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url=settings.browser_origin, headers=headers) as client:
        yield Visitor(client)


Visit = Callable[[Staff, str], Awaitable[Visitor]]
"""Opens a screen as somebody."""
