"""A real PostgreSQL for every test: one throwaway server per test process, a migrated template, a clone per test."""

import asyncio
import gc
import itertools
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import asyncpg
import hypothesis
import pytest
import pytest_asyncio
from coverage import Coverage
from playwright.async_api import Browser, async_playwright
from pydantic import SecretStr

from app import topics
from app.config import Settings
from app.database import engine
from app.postgres.embedded import SUPERUSER, EmbeddedPostgres
from app.postgres.migrate import LOGINS, make_database, prepare, upgrade
from tests import chromium, secret_watch
from tests.people import Company, found_company

TEMPLATE = "quarterdeck_template"
PASSWORD = "only for tests"
HERE = Path(__file__).parent
LONGEST_FIRST = ("processes", "browser", "security", "pages", "services", "migrations", "unit", "rules")
ELSEWHERE = {"processes", "browser", "pages"}
"""Folders of tests that start what they test in processes of its own, or that look at screens."""
ROOM = 3 << 30
# How long a case takes says nothing of the product on a busy machine, and the first one reads all of Unicode.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")
_numbers = itertools.count(1)
_measured: set[str] = set()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in Chromium share it, and so a loop; starting it anew for each costs more than most of them. What takes
    long comes first, so that no process of the run waits for another one at the end.
    """
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
    items.sort(key=lambda item: LONGEST_FIRST.index(_folder(item)))


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(HERE).parts[0]


def pytest_collection_finish() -> None:
    """What was imported lives as long as this process: no collection of garbage has to look at it again. NiceGUI asks
    for full ones at each start of an application.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measuring coverage takes as much time as what it measures. The further cases of a test run through the same
    lines as its first one, and tests of Chromium and of other processes through next to none: these run unmeasured.
    """
    test, coverage = item.nodeid.partition("[")[0], Coverage.current()
    if coverage is None or (test not in _measured and _folder(item) not in ELSEWHERE):
        _measured.add(test)
        return (yield)
    coverage.stop()
    try:
        return (yield)
    finally:
        coverage.start()


def pytest_sessionfinish() -> None:
    """Libraries in C look at their end whether anything of them was kept."""
    gc.unfreeze()


@dataclass(frozen=True)
class Database:
    """A database of its own for one test, and how each role reaches it."""

    server: EmbeddedPostgres
    name: str

    def url(self, user: str) -> str:
        return self.server.url(user, PASSWORD, self.name)

    @property
    def admin_url(self) -> str:
        return self.server.superuser_url(self.name)


@pytest.fixture(scope="session", autouse=True)
def no_secret_in_any_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What this run logs, everywhere, holds no password, cookie, token, code, key or link."""
    watch, root = secret_watch.Watch(), logging.getLogger()
    root.addHandler(watch)
    yield
    root.removeHandler(watch)
    found = [*watch.found, *secret_watch.secrets_of(tmp_path_factory.getbasetemp())]
    assert not found, "\n".join(found)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedPostgres]:
    with (
        tempfile.TemporaryDirectory(prefix="quarterdeck-", dir=_quick_folder()) as folder,
        EmbeddedPostgres(Path(folder) / "data", durable=False) as started,
    ):
        asyncio.run(_make_template(started))
        yield started
        assert not (found := list(secret_watch.secrets_of(Path(folder)))), "\n".join(found)


def _quick_folder() -> Path | None:
    """In memory where there is room: making a database for each test takes a third of the time. Else the usual one."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM
    return memory if roomy else None


async def _make_template(server: EmbeddedPostgres) -> None:
    await _sign_in_quickly(server)
    await prepare(server.superuser_url("postgres"), dict.fromkeys(LOGINS, PASSWORD), database=TEMPLATE)
    await upgrade(server.url("quarterdeck_owner", PASSWORD, TEMPLATE))
    await keep_silent(server.superuser_url("postgres"))


async def keep_silent(superuser_url: str) -> None:
    """What tests set up behind the door leaves no entries in the audit log."""
    connection = await asyncpg.connect(superuser_url)
    for role in ("CURRENT_USER", "quarterdeck_owner"):
        await connection.execute(f"ALTER ROLE {role} SET app.unrecorded = 'on'")
    await connection.close()


async def _sign_in_quickly(server: EmbeddedPostgres) -> None:
    """Thousands of connections: the thousands of rounds that protect a password would cost more than the rest."""
    connection = await asyncpg.connect(server.superuser_url())
    await connection.execute("SET scram_iterations = 1")
    password = await connection.fetchval("SELECT quote_literal($1::text)", server.secrets.get(f"database_{SUPERUSER}"))
    await connection.execute(f"ALTER ROLE {SUPERUSER} PASSWORD {password}")
    await connection.execute(f"ALTER ROLE {SUPERUSER} SET scram_iterations = 1")
    await connection.close()


@asynccontextmanager
async def cloned(server: EmbeddedPostgres) -> AsyncIterator[Database]:
    """A database of its own, as empty as the template."""
    made = Database(server, f"test_{os.getpid()}_{next(_numbers)}")
    connection = await asyncpg.connect(server.superuser_url("postgres"))
    await make_database(connection, made.name, template=TEMPLATE)
    yield made
    await connection.execute(f'DROP DATABASE "{made.name}" WITH (FORCE)')
    await connection.close()


@pytest.fixture
async def database(server: EmbeddedPostgres) -> AsyncIterator[Database]:
    async with cloned(server) as made:
        yield made


@pytest.fixture
async def admin(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection, to look behind the door and to break things."""
    connection = await asyncpg.connect(database.admin_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    path = chromium.find()
    if path is None:
        pytest.fail(chromium.advice(), pytrace=False)
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium_path: Path) -> AsyncIterator[Browser]:
    """One Chromium for all tests of this process, which is why they share a loop."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium_path, args=chromium.LAUNCH_ARGS)
        yield started
        await started.close()


@pytest.fixture(autouse=True)
def nobody_listens_on() -> Iterator[None]:
    """A screen that a test leaves open would hear of the next test's changes, on a loop that is closed."""
    yield
    for topic in topics.TOPICS.values():
        topic._listeners.clear()


@cache
def _usual_settings() -> Settings:
    return Settings(
        session_key=SecretStr("one-that-only-tests-use-long-enough-for-HS256"),
        totp_key=SecretStr("another-that-only-tests-use-to-seal-their-factors"),
        environment="Tests",
    )


def settings_for(database: Database, folder: Path) -> Settings:
    """Settings of an application on this database, with its files in this folder."""
    own = {
        "data_dir": folder / "data",
        "database_url": SecretStr(database.url("quarterdeck_app")),
        "engine_url": SecretStr(database.url("quarterdeck_worker")),
    }
    return _usual_settings().model_copy(update=own)


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return settings_for(database, tmp_path)


@pytest.fixture
async def bound(settings: Settings) -> AsyncIterator[Settings]:
    """The application's own engine, bound to the test's database."""
    engine.configure(settings)
    yield settings
    await engine.dispose()


@pytest.fixture
async def company(bound: Settings, admin: asyncpg.Connection) -> Company:
    """Two teams and the four people of every test."""
    return await found_company(admin)
