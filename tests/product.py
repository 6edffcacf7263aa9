"""The real product for tests: web process and workers of their own, a database of its own, and people with cookies.

Import the fixture ``product`` into a ``conftest.py``: one running product per test module.
"""

import asyncio
import html
import itertools
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from playwright.async_api import BrowserContext, Page
from pydantic import SecretStr

from app import clock
from app.actor import Staff
from app.config import Settings
from app.crypto import tokens
from app.crypto.passwords import hash_password
from app.ids import uuid7
from app.postgres.embedded import EmbeddedPostgres
from app.postgres.migrate import make_database
from app.supervisor.process_settings import environment
from tests.conftest import PASSWORD as DATABASE_PASSWORD
from tests.conftest import TEMPLATE
from tests.people import PASSWORD, Company, found_company
from tests.ports import free_port
from tests.warm import Warm

COOKIE = "__Host-quarterdeck"
SESSION_KEY = "one-that-only-tests-use-long-enough-for-HS256"
TOTP_KEY = "another-that-only-tests-use-to-seal-their-factors"
SEAL_KEY = "a-third-that-only-tests-use-to-seal-their-audit-log"
START_SECONDS = 90
UPLOAD_BYTES = 20_000_000
_numbers = itertools.count(1)


@dataclass
class Product:
    """A running web process, its workers, its company, and its database from behind."""

    settings: Settings
    company: Company
    admin_url: str
    log: Path
    web: Warm
    workers: list[Warm] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return self.settings.browser_origin

    def start_worker(self) -> Warm:
        """A worker process with short intervals; it is on its way when this returns."""
        process = Warm("app", "worker", variables=environment(self.settings), log=self.log)
        self.workers.append(process)
        return process

    def kill_worker(self) -> None:
        """End the newest worker at once (SIGKILL), in the middle of whatever it does."""
        worker = self.workers.pop()
        worker.kill()
        worker.wait()

    def restart_web(self) -> None:
        """Another web process instead of the one that runs; it answers when this returns."""
        self.web.kill()
        self.web.wait()
        self.web = Warm("app", "serve", variables=environment(self.settings), log=self.log)
        _wait_until_ready(self)

    def stop(self) -> None:
        for process in (*self.workers, self.web):
            process.terminate()
        for process in (*self.workers, self.web):
            process.wait(30)

    @asynccontextmanager
    async def behind(self) -> AsyncIterator[asyncpg.Connection]:
        """A superuser's connection, to look behind the door."""
        connection = await asyncpg.connect(self.admin_url)
        try:
            yield connection
        finally:
            await connection.close()

    async def fetch(self, question: str, *values: Any) -> list[asyncpg.Record]:
        """Ask the database from behind."""
        async with self.behind() as admin:
            rows: list[asyncpg.Record] = await admin.fetch(question, *values)
            return rows

    async def value(self, question: str, *values: Any) -> Any:
        """The one value that the database answers from behind."""
        rows = await self.fetch(question, *values)
        return rows[0][0] if rows else None

    async def until(self, question: str, *values: Any) -> Any:
        """Ask from behind until the answer is something, and return it. The time limit of the test ends it."""
        async with self.behind() as admin:
            while not (answer := await admin.fetchval(question, *values)):  # noqa: ASYNC110 - of other processes
                await asyncio.sleep(0.05)
            return answer

    async def session(self, person: Staff) -> "Session":
        """A new session of this person, without typing a password."""
        now, session_id = clock.now().replace(microsecond=0), uuid7()
        ends = now + timedelta(days=1)
        await self.fetch(
            "INSERT INTO staff_sessions (id, staff_id, created_at, last_seen_at, expires_at, authenticated_at)"
            " VALUES ($1, $2, $3, $3, $4, $3)",
            *(session_id, person.staff_id, now, ends),
        )
        claims = tokens.Claims(person.staff_id, session_id, now, ends)
        return Session(self, session_id, tokens.sign(claims, SESSION_KEY))

    async def enter(self, context: BrowserContext, person: Staff) -> "Session":
        """Let a browser be signed in as this person."""
        session = await self.session(person)
        await context.add_cookies(
            [{"name": COOKIE, "value": session.cookie, "url": self.origin.replace("http:", "https:"), "secure": True}]
        )
        return session


@dataclass(frozen=True)
class Session:
    """Somebody who is signed in."""

    product: Product
    id: UUID
    cookie: str

    @asynccontextmanager
    async def http(self, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        """Requests as the browser of this person makes them."""
        async with http(self.product.origin, cookie=f"{COOKIE}={self.cookie}", **headers) as client:
            yield client

    async def revoke(self, *, told: bool = True) -> None:
        """End the session from elsewhere. Unless ``told``, no page hears of it: the next click meets the door."""
        async with self.product.behind() as admin:
            await admin.execute("UPDATE staff_sessions SET revoked_at = now() WHERE id = $1", self.id)
            if told:
                await admin.execute(
                    "SELECT pg_notify('quarterdeck', jsonb_build_array('sessions', $1::uuid, 'revoked')::text)", self.id
                )


@asynccontextmanager
async def http(address: str, /, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """Requests from one of our own pages, by nobody unless a cookie is given."""
    sent = {"origin": address, **headers}
    async with httpx.AsyncClient(base_url=address, headers=sent, trust_env=False, timeout=60) as client:
        yield client


async def drawn(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """A page's answer with its screen in it: on a busy machine the frame may be sent ahead, with grey bars."""
    while True:
        answer = await client.get(path)
        if answer.status_code != 200 or 'kind\\":\\"skeleton' not in html.unescape(answer.text):
            return answer


async def status(page: Page, address: str) -> int:
    """The HTTP status of a page once it is answered with its screen in it."""
    while True:
        answer = await page.goto(address)
        assert answer is not None
        if answer.status != 200 or 'kind\\":\\"skeleton' not in html.unescape(await answer.text()):
            return answer.status


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Hashing is slow on purpose: once is enough."""
    return asyncio.run(hash_password(PASSWORD))


@pytest.fixture(scope="module")
def product(
    server: EmbeddedPostgres, password_hash: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    """The product with one worker; a module's tests share it, and start from datasets of their own."""
    name = f"test_product_{os.getpid()}_{next(_numbers)}"
    company = asyncio.run(_prepare(server, name, password_hash))
    folder = tmp_path_factory.mktemp("product")
    settings = Settings(
        port=free_port(),
        data_dir=folder / "data",
        database_url=SecretStr(server.url("quarterdeck_app", DATABASE_PASSWORD, name)),
        engine_url=SecretStr(server.url("quarterdeck_worker", DATABASE_PASSWORD, name)),
        session_key=SecretStr(SESSION_KEY),
        totp_key=SecretStr(TOTP_KEY),
        seal_key=SecretStr(SEAL_KEY),
        environment="Tests",
        upload_max_bytes=UPLOAD_BYTES,
        heartbeat_seconds=0.3,
        sweep_seconds=0.3,
        redeliver_seconds=1,
        retry_seconds=0.1,
    )
    log = folder / "log"
    web = Warm("app", "serve", variables=environment(settings), log=log)
    running = Product(settings, company, server.superuser_url(name), log, web)
    try:
        running.start_worker()
        _wait_until_ready(running)
        yield running
    finally:
        running.stop()
    asyncio.run(_drop(server, name))
    assert "Traceback" not in log.read_text(), log.read_text()


def _wait_until_ready(product: Product) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and product.web.poll() is None:
        try:
            if httpx.get(f"{product.origin}/health/ready", trust_env=False, timeout=10).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"The product did not start:\n{product.log.read_text()}")


async def _prepare(server: EmbeddedPostgres, name: str, password_hash: str) -> Company:
    connection = await asyncpg.connect(server.superuser_url("postgres"))
    await make_database(connection, name, template=TEMPLATE)
    await connection.close()
    connection = await asyncpg.connect(server.superuser_url(name))
    company = await found_company(connection, password_hash)
    await connection.close()
    return company


async def _drop(server: EmbeddedPostgres, name: str) -> None:
    connection = await asyncpg.connect(server.superuser_url("postgres"))
    await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()
