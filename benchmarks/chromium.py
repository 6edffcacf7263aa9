"""Chromium on the running product: one tab, what it measures of itself, and the bytes that reach it."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, CDPSession, Page, ViewportSize, async_playwright

from app.errors import StartupProblem
from tests import chromium

_PAINTING = (Path(__file__).parent / "painting.js").read_text(encoding="utf-8")
_WIDE = ViewportSize(width=1440, height=900)


@dataclass(slots=True)
class Tab:
    """One open page. ``received`` counts what reached it: bodies and heads as they were sent, frames of the socket."""

    page: Page
    origin: str
    received: int = 0

    async def open(self, screen: Mapping[str, Any]) -> float:
        """Open an address as from a bookmark; ms from the beginning until it is painted."""
        await self.page.goto(self.origin + screen["path"], wait_until="commit")
        return float(await self.page.evaluate("screen => painting.open(screen)", screen))

    async def measured(self, what: str, argument: Any = None) -> float:  # noqa: ANN401 - what painting.js takes
        """Milliseconds of one of the acts of ``painting.js``."""
        return float(await self.page.evaluate(f"argument => painting.{what}(argument)", argument))


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A Chromium, ended with the block."""
    path = await asyncio.to_thread(chromium.find)
    if path is None:
        raise StartupProblem(chromium.advice())
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=chromium.LAUNCH_ARGS)
        try:
            yield started
        finally:
            await started.close()


@asynccontextmanager
async def person(started: Browser, origin: str, cookie: tuple[str, str]) -> AsyncIterator[BrowserContext]:
    """A browser of somebody who is signed in, with an empty cache."""
    context = await started.new_context(viewport=_WIDE, locale="en-GB", timezone_id="UTC", reduced_motion="reduce")
    try:
        address = origin.replace("http:", "https:")
        await context.add_cookies([{"name": cookie[0], "value": cookie[1], "url": address, "secure": True}])
        await context.add_init_script(_PAINTING)
        yield context
    finally:
        await context.close()


@asynccontextmanager
async def tab(context: BrowserContext, origin: str) -> AsyncIterator[Tab]:
    """A new tab, closed with the block."""
    page = await context.new_page()
    opened = Tab(page, origin)
    wire = await context.new_cdp_session(page)
    await _count(wire, opened)
    try:
        yield opened
    finally:
        await page.close()


async def _count(wire: CDPSession, opened: Tab) -> None:
    def loaded(event: Mapping[str, Any]) -> None:
        opened.received += int(event["encodedDataLength"])

    def frame(event: Mapping[str, Any]) -> None:
        content = event["response"]
        binary = content["opcode"] == 2
        opened.received += len(base64.b64decode(content["payloadData"]) if binary else content["payloadData"].encode())

    await wire.send("Network.enable")
    wire.on("Network.loadingFinished", loaded)
    wire.on("Network.webSocketFrameReceived", frame)
