"""Two hundred open tabs of four sessions, 36 changes of screen a second: how long everybody waits, and the memory.

``tabs/wait_max`` and ``tabs/wait_p99``: what ``/health/live`` takes, asked ten times a second. ``tabs/loop_busy_max``:
the longest that anything waited for the event loop, by processor time. ``tabs/memory_open`` and ``tabs/memory_after``:
what the web process holds at the end of the changes and when all tabs are long closed; the reference is the memory when
they were opened, before the first change. ``tabs/updates``: how many messages brought a screen.
"""

import asyncio
import html
import itertools
import json
import os
import random
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import websockets

from app import clock
from app.actor import Staff
from app.config import Settings
from app.ids import uuid7
from app.web.sign_in.password import cookie_name
from benchmarks import company, watched
from benchmarks.database import Bench, bench
from benchmarks.options import Options
from benchmarks.processes import memory_mb
from benchmarks.report import Aim, Measure
from benchmarks.web import running, token

USERS = 2_000
TABS, SESSIONS, RATE = 200, 4, 36
SECONDS = 30.0
CLOSED_SECONDS = 45.0
"""NiceGUI keeps a tab that was closed for 30 seconds."""
_SCREENS = ("/users", "/jobs", "/teams", "/payments", "/datasets", "/audit", "/", "/stats", "/failures")
_CLIENT = re.compile(r"[\"']client_id[\"']: [\"']([0-9a-f-]{36})[\"']")


@dataclass(eq=False)
class _Tab:
    """An open page as a browser holds it: it says what it has received, and where somebody goes."""

    socket: websockets.ClientConnection
    client_id: str
    element: int
    listener: str
    answers: int = 0

    async def read(self) -> None:
        """Take what comes, until the socket is closed."""
        with suppress(websockets.ConnectionClosed):
            async for message in self.socket:
                if message == "2":
                    await self.socket.send("3")
                elif isinstance(message, str) and message.startswith("42"):
                    await self._acknowledge(message)

    async def _acknowledge(self, message: str) -> None:
        kind, *data = json.loads(message[2:])
        self.answers += kind == "update" and "screen" in message
        ids = [one["_id"] for one in data if isinstance(one, dict) and "_id" in one]
        if ids:
            await self._say("ack", {"client_id": self.client_id, "next_message_id": max(ids) + 1})

    async def go(self, address: str) -> None:
        """Open a screen."""
        where = {"id": self.element, "client_id": self.client_id, "listener_id": self.listener}
        await self._say("event", where | {"args": [json.dumps(address)]})

    async def _say(self, *words: object) -> None:
        await self.socket.send("42" + json.dumps(words))


async def run(options: Options) -> Sequence[Measure]:
    """Make ``options.rows`` users, open the tabs and let people change screens."""
    async with bench() as made:
        at = replace(made, settings=made.settings.model_copy(update={"log_level": "WARNING"}))
        await company.make(at, options.rows or USERS)
        async with running(at, "benchmarks.watched") as (settings, process):
            people = [await _session(at) for _ in range(SESSIONS)]
            tabs = [await _opened(settings, people[n % SESSIONS]) for n in range(TABS)]
            before, since = memory_mb(process.pid), time.monotonic()
            waits: list[float] = []
            async with asyncio.TaskGroup() as group:
                reading = [group.create_task(tab.read()) for tab in tabs]
                asking = group.create_task(_ask(settings, waits))
                await _change(tabs)
                lag = watched.worst(settings.data_dir, since, time.monotonic())
                changed = memory_mb(process.pid)
                for task in (asking, *reading):
                    task.cancel()
            for tab in tabs:
                await tab.socket.close()
            await asyncio.sleep(CLOSED_SECONDS)
            after = memory_mb(process.pid)
    waits.sort()
    return [
        Measure("tabs/wait_p99", waits[int(len(waits) * 0.99)], "ms"),
        Measure("tabs/wait_max", waits[-1], "ms", aim=Aim(most=200)),
        Measure("tabs/loop_busy_max", lag.busy, "ms"),
        Measure("tabs/memory_open", changed, "MB", before),
        Measure("tabs/memory_after", after, "MB", before, Aim(most_ratio=1)),
        Measure("tabs/updates", sum(tab.answers for tab in tabs), "messages", RATE * SECONDS),
    ]


async def _session(at: Bench) -> Staff:
    now, session_id = clock.now(), uuid7()
    await at.admin.execute(
        "INSERT INTO staff_sessions (id, staff_id, created_at, last_seen_at, expires_at, authenticated_at)"
        " VALUES ($1, $2, $3, $3, $4, $3)",
        *(session_id, at.ann.staff_id, now, now + timedelta(days=1)),
    )
    return replace(at.ann, session_id=session_id)


async def _opened(settings: Settings, actor: Staff) -> _Tab:
    cookie = {"cookie": f"{cookie_name(settings)}={token(settings, actor)}"}
    async with httpx.AsyncClient(base_url=settings.browser_origin, headers=cookie, timeout=60) as client:
        text = html.unescape((await client.get(random.choice(_SCREENS))).text)  # noqa: S311 - any of them
    found, elements = _CLIENT.search(text), re.search(r"String\.raw`(.*?)`", text, re.DOTALL)
    if found is None or elements is None:
        raise RuntimeError(f"This is no page: {text[:200]}")
    element, listener = _opener(json.loads(re.sub("&#(36|96);", lambda m: chr(int(m[1])), elements[1])))
    query = {"client_id": found[1], "tab_id": os.urandom(8).hex(), "document_id": os.urandom(8).hex()}
    query |= {"implicit_handshake": "true", "EIO": "4", "transport": "websocket"}
    socket = await websockets.connect(
        f"{settings.browser_origin.replace('http', 'ws', 1)}/_nicegui_ws/socket.io/?{urlencode(query)}",
        additional_headers=cookie, origin=websockets.Origin(settings.browser_origin), max_size=None, proxy=None,
    )  # fmt: skip
    await socket.recv()
    await socket.send("40")
    while not str(await socket.recv()).startswith("40"):
        pass
    return _Tab(socket, found[1], element, listener)


def _opener(elements: dict[str, Any]) -> tuple[int, str]:
    return next(
        (int(id_), event["listener_id"])
        for id_, element in elements.items()
        for event in element.get("events", [])
        if event["type"] == "sub_pages_open"
    )


async def _change(tabs: Sequence[_Tab]) -> None:
    """One tab after the other goes somewhere, at the rate, however long the answers take."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for n, tab in enumerate(itertools.cycle(tabs)):
        due = began + n / RATE
        if due > began + SECONDS:
            return
        await asyncio.sleep(max(0.0, due - loop.time()))
        await tab.go(_SCREENS[(n + n // len(tabs)) % len(_SCREENS)])


async def _ask(settings: Settings, waits: list[float]) -> None:
    async with httpx.AsyncClient(base_url=settings.browser_origin, timeout=60) as client:
        while True:
            began = time.perf_counter()
            (await client.get("/health/live")).raise_for_status()
            waits.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.1)
