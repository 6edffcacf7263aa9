"""A site to attack: a real server process with real sessions, once per test process; and people who sign in there."""

import asyncio
import html
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import asyncpg
import httpx
import pytest

from app.crypto.passwords import hash_password
from app.postgres.embedded import EmbeddedPostgres
from app.postgres.migrate import make_database
from tests.browser.conftest import open_page
from tests.conftest import PASSWORD as DATABASE_PASSWORD
from tests.conftest import TEMPLATE
from tests.people import PASSWORD, found_company
from tests.ports import free_port
from tests.product import START_SECONDS, TOTP_KEY, password_hash, product
from tests.warm import unmeasured

__all__ = ["open_page", "password_hash", "product"]

COOKIE = "__Host-quarterdeck"
SESSION_KEY = "one-that-only-tests-use-long-enough-for-HS256"
DATABASE = f"test_security_{os.getpid()}"


@dataclass(frozen=True)
class Site:
    """Where the server listens, what it wrote to its log, and its database from behind."""

    origin: str
    log: Path
    admin_url: str
    other_origins: list[str] = field(default_factory=lambda: ["https://evil.example", "null", "http://127.0.0.1:1"])

    @asynccontextmanager
    async def http(self, cookie: str | None = None, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        """Requests as a browser on one of our own pages makes them."""
        sent = {"origin": self.origin, **({"cookie": f"{COOKIE}={cookie}"} if cookie else {}), **headers}
        async with httpx.AsyncClient(base_url=self.origin, headers=sent, trust_env=False, timeout=20) as client:
            yield client

    async def sign_in(self, email: str = "ann@example.com", password: str = PASSWORD) -> str:
        """The cookie of a new session."""
        async with self.http() as client:
            answer = await client.post("/auth/login", data={"email": email, "password": password})
        assert answer.status_code == 303, answer.text
        return cookie_of(answer)

    async def open(self, cookie: str) -> "Opened":
        """Load the page and read from its HTML what anybody who sees it could read."""
        async with self.http(cookie) as client:
            text = html.unescape((await client.get("/")).text).replace("&quot;", '"')
        client_id = re.search(r'"client_id": "([0-9a-f-]{36})"', text) or re.search(r"'client_id': '([^']{36})'", text)
        elements = re.search(r"String\.raw`(.*?)`", text, re.DOTALL)
        assert client_id, text
        assert elements, text
        found = json.loads(elements[1])
        button = next(id_ for id_, element in found.items() if element["tag"] == "q-btn")
        return Opened(client_id[1], int(button), found[button]["events"][0]["listener_id"])

    async def logged(self, line: str) -> str:
        """The whole log, as soon as ``line`` stands in it: a request is logged after its answer has been sent."""
        for _ in range(1_000):
            if line in (log := self.log.read_text()):
                return log
            await asyncio.sleep(0.02)
        pytest.fail(f"The log does not say: {line}\n{log}")

    async def fired(self) -> int:
        """How often the button's handler ran, whoever pressed it."""
        async with self.http(await self.sign_in("sue@example.com")) as client:
            return int((await client.get("/api/fired")).json())

    @asynccontextmanager
    async def wire(
        self, client_id: str, cookie: str | None, origin: str | None = None, *, at_once: bool = True
    ) -> AsyncIterator["Wire"]:
        """A socket of our own making, as far as the server lets us."""
        query = {"client_id": client_id, "tab_id": "t", "document_id": "d", "implicit_handshake": str(at_once).lower()}
        url = f"{self.origin}/_nicegui_ws/socket.io/?{urlencode({**query, 'EIO': 4, 'transport': 'websocket'})}"
        headers = {} if origin == "" else {"origin": origin or self.origin}
        if cookie:
            headers["cookie"] = f"{COOKIE}={cookie}"
        async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=headers) as ws:
            yield Wire(ws)


@dataclass(frozen=True)
class Opened:
    """What a page's HTML gives away."""

    client_id: str
    button: int
    listener: str

    def click(self) -> str:
        """The frame that pressing the button sends."""
        values = {"id": self.button, "client_id": self.client_id, "listener_id": self.listener, "args": ["{}"]}
        return frame("event", values)


@dataclass(frozen=True)
class Wire:
    ws: aiohttp.ClientWebSocketResponse

    async def connect(self) -> str:
        """Say hello; returns the server's answer, ``40…`` for welcome and ``44…`` for a refusal."""
        await self.ws.receive_str()
        await self.ws.send_str("40")
        return await self.text("40", "44")

    async def text(self, *starts: str) -> str:
        """The next frame that begins in one of these ways."""
        while True:
            message = await self.ws.receive(timeout=10)
            assert message.type == aiohttp.WSMsgType.TEXT, f"the server hung up: {message}"
            if message.data == "2":
                await self.ws.send_str("3")
            if str(message.data).startswith(starts):
                return str(message.data)

    async def hung_up(self) -> bool:
        """Read until the server closes the connection."""
        while True:
            message = await self.ws.receive(timeout=10)
            if message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING}:
                return True


def frame(name: str, values: Any) -> str:
    return f"42{json.dumps([name, values])}"


def cookie_of(answer: httpx.Response) -> str:
    found = re.match(rf"{COOKIE}=([^;]+);", answer.headers["set-cookie"])
    assert found, answer.headers
    return found[1]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "stumbles: the server is meant to run into a bug, and to log it")


@pytest.fixture(scope="session")
def site(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    asyncio.run(_prepare(server))
    port = free_port()
    environment = {
        **unmeasured(os.environ),
        "QUARTERDECK_PORT": str(port),
        "QUARTERDECK_DATA_DIR": str(folder),
        "QUARTERDECK_DATABASE_URL": server.url("quarterdeck_app", DATABASE_PASSWORD, DATABASE),
        "QUARTERDECK_SESSION_KEY": SESSION_KEY,
        "QUARTERDECK_TOTP_KEY": TOTP_KEY,
        "QUARTERDECK_ENVIRONMENT": "Tests",
        "NICEGUI_STORAGE_PATH": str(folder / "storage"),
    }
    # NiceGUI behaves differently when it thinks that it runs under pytest; the product does not.
    environment.pop("PYTEST_CURRENT_TEST", None)
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "tests.security.harness"], env=environment, stderr=out)
    try:
        started = Site(f"http://127.0.0.1:{port}", log, server.superuser_url(DATABASE))
        _wait_until_ready(started, process)
        yield started
    finally:
        process.terminate()
        process.wait(10)


async def _prepare(server: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(server.superuser_url("postgres"))
    await make_database(connection, DATABASE, template=TEMPLATE)
    await connection.close()
    connection = await asyncpg.connect(server.superuser_url(DATABASE))
    await found_company(connection, await hash_password(PASSWORD))
    await connection.close()


def _wait_until_ready(site: Site, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{site.origin}/health/ready", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"The site did not start:\n{site.log.read_text()}")


@pytest.fixture(autouse=True)
def no_traceback(request: pytest.FixtureRequest) -> Iterator[None]:
    """No attack may make the server stumble, except where a test wants it to."""
    if "site" not in request.fixturenames:
        yield
        return
    log: Path = request.getfixturevalue("site").log
    before = log.stat().st_size
    yield
    added = log.read_text()[before:]
    if request.node.get_closest_marker("stumbles") is None:
        assert "Traceback" not in added, added
        assert "[error" not in added, added


@pytest.fixture
async def behind(site: Site) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to the site's database."""
    connection = await asyncpg.connect(site.admin_url)
    yield connection
    await connection.close()


@pytest.fixture
async def patience(behind: asyncpg.Connection) -> AsyncIterator[None]:
    """Nobody waits at first; then every wait takes a hundred times as long, so that no slow machine outlasts it."""
    original = await behind.fetchval("SELECT pg_get_functiondef('throttle_delay'::regproc)")
    body = await behind.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'throttle_delay'")
    await behind.execute("DELETE FROM sign_in_tries")
    await behind.execute(original.replace(body, f" SELECT 100 * ({body}) "))
    yield
    await behind.execute(original)
    await behind.execute("DELETE FROM sign_in_tries")
