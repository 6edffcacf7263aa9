"""A company and who visits it; the gallery of components, served by a process of its own, and a browser for it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import asyncpg
import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from app.actor import Staff
from app.config import Settings
from app.permissions import Role
from tests.pages.visitor import Visit, Visitor, application, visiting
from tests.people import Company, found_company
from tests.ports import free_port
from tests.warm import Warm

START = 30


@pytest.fixture
async def people(admin: asyncpg.Connection) -> Company:
    return await found_company(admin)


@pytest.fixture
async def visit(settings: Settings, people: Company) -> AsyncIterator[Visit]:
    """Open a screen as somebody, in this process."""
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(application(settings))

        async def opened(person: Staff, address: str) -> Visitor:
            visitor = await stack.enter_async_context(visiting(running, settings, person))
            await visitor.open(address)
            return visitor

        yield opened


def _serve(role: Role) -> Iterator[str]:
    port = free_port()
    process = Warm("tests.gallery", str(port), role.value)
    origin = f"http://127.0.0.1:{port}"
    try:
        for _ in range(START * 10):
            try:
                httpx.get(origin, timeout=5)
                break
            except httpx.TransportError:
                assert process.poll() is None, "The gallery did not start."
                asyncio.run(asyncio.sleep(0.1))
        yield origin
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def gallery() -> Iterator[str]:
    yield from _serve(Role.ADMIN)


@pytest.fixture(scope="session")
def gallery_of_nobody() -> Iterator[str]:
    yield from _serve(Role.NONE)


@pytest.fixture(scope="session")
def gallery_of_viewer() -> Iterator[str]:
    yield from _serve(Role.VIEWER)


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, gallery: str) -> AsyncIterator[Page]:
    """A page on which any error of a script fails the test."""
    context = await browser.new_context(viewport={"width": 1440, "height": 820}, base_url=gallery)
    opened = await context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda line: problems.append(line.text) if _is_ours(line.type, line.text) else None)
    yield opened
    await context.close()
    assert not problems


def _is_ours(kind: str, text: str) -> bool:
    return kind in {"error", "warning"} and "Failed to load resource" not in text
