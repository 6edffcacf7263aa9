"""Chromium for the tests: fresh contexts per test, accessibility by axe, screenshots in test-results/."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal, Protocol

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    WebError,
    expect,
)

from tests.product import password_hash, product

__all__ = ["password_hash", "product"]

HERE = Path(__file__).parent
SCREENSHOTS = HERE.parents[1] / "test-results" / "screenshots"
DESKTOP = (1440, 900)
AXE = Axe()
SERIOUS = {"serious", "critical"}
PATIENCE = 20_000
"""Milliseconds that a page may take on a busy machine; a test waits only as long as it must."""

expect.set_options(timeout=PATIENCE)

Theme = Literal["light", "dark"]


class OpenPage(Protocol):
    """Opens a page with cookies of its own; for a second tab of the same person: ``page.context.new_page()``."""

    async def __call__(
        self, *, theme: Theme = "light", viewport: tuple[int, int] = DESKTOP, strict: bool = True
    ) -> Page:
        """``viewport`` in CSS pixels; ``strict`` fails the test for script errors and refusals of the page's CSP."""


Report = Callable[[Page], Awaitable[list[str]]]
Screenshot = Callable[[Page, str], Awaitable[Path]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


async def new_context(browser: Browser, theme: Theme = "light", viewport: tuple[int, int] = DESKTOP) -> BrowserContext:
    """Cookies and caches of its own, and the same settings wherever the tests run."""
    return await browser.new_context(
        color_scheme=theme,
        viewport=ViewportSize(width=viewport[0], height=viewport[1]),
        locale="en-GB",
        timezone_id="UTC",
        reduced_motion="reduce",
    )


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    problems: list[str] = []
    async with AsyncExitStack() as contexts:

        async def opened(*, theme: Theme = "light", viewport: tuple[int, int] = DESKTOP, strict: bool = True) -> Page:
            context = await new_context(browser, theme, viewport)
            contexts.push_async_callback(context.close)
            if strict:
                _collect(context, problems)
            return await context.new_page()

        yield opened
    assert not problems, "\n".join(problems)


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_page: OpenPage) -> Page:
    """A page on a desktop, in light."""
    return await open_page()


@pytest.fixture
def axe() -> Report:
    """Serious and critical accessibility violations: one line per element, none for a good page."""

    async def report(page: Page) -> list[str]:
        found = await AXE.run(page)
        return [
            f"{violation['id']} ({violation['impact']}): {violation['help']}: {node['html']}"
            for violation in found.response["violations"]
            if violation["impact"] in SERIOUS
            for node in violation["nodes"]
        ]

    return report


@pytest.fixture
def screenshot() -> Screenshot:
    """Writes ``test-results/screenshots/NAME.png`` of what is in the viewport."""

    async def taken(page: Page, name: str) -> Path:
        path = SCREENSHOTS / f"{name}.png"
        await page.screenshot(path=path, animations="disabled")
        return path

    return taken


def _collect(context: BrowserContext, problems: list[str]) -> None:
    def script_error(error: WebError) -> None:
        problems.append(f"Script error: {error.error}")

    def console(message: ConsoleMessage) -> None:
        if message.type == "error" and "Content Security Policy" in message.text:
            problems.append(message.text)

    context.on("weberror", script_error)
    context.on("console", console)
