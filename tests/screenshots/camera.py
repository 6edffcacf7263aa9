"""Takes each picture four times: light and dark, on a desktop and on a phone, without leaving the state on screen."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.people import PASSWORD

SIZES = (ViewportSize(width=1440, height=900), ViewportSize(width=390, height=844))
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
QUALITY = 82
"""Of WebP: flat colours and letters stay sharp, at a third of the size of a PNG."""

_SETTLED = """() => document.fonts.ready.then(() => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 120)))))"""
# Chromium needs a moment to lay a grid out anew, and two frames alone are sometimes too early for it.


@dataclass
class Camera:
    """Writes pictures into a folder."""

    browser: Browser
    origin: str
    folder: Path

    async def person(self, short: str = "") -> Page:
        """A page of this member of staff, signed in on Home; of nobody without a name."""
        context = await self.browser.new_context(
            viewport=SIZES[0], color_scheme="light", locale="en-GB", timezone_id="UTC", reduced_motion="reduce"
        )
        page = await context.new_page()
        await page.goto(f"{self.origin}/login")
        if short:
            await page.get_by_label("E-mail").fill(f"{short}@example.com")
            await page.get_by_label("Password").fill(PASSWORD)
            await page.get_by_role("button", name="Sign in").click()
            await expect(page.get_by_role("heading", level=1)).to_have_text("Home")
        return page

    async def open(self, page: Page, path: str, heading: str | re.Pattern[str]) -> None:
        """Open a path, and wait for its screen and its first rows."""
        await page.goto(f"{self.origin}{path}")
        await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        await page.wait_for_function("() => !window.socket || window.socket.connected")

    async def shoot(self, page: Page, name: str, *, toast: bool = False, sizes: Sequence[ViewportSize] = SIZES) -> None:
        """What is in the viewport now; short messages first have their time, unless one is what is to be seen."""
        if not toast:
            await expect(page.locator(".q-notification")).to_have_count(0)
        session = await page.context.new_cdp_session(page)
        for size in sizes:
            await page.set_viewport_size(size)
            for theme in THEMES:
                await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
                await page.evaluate(_SETTLED)
                taken = await session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
                path = self.folder / f"{name}-{theme}-{size['width']}.webp"
                path.write_bytes(base64.b64decode(taken["data"]))
        await session.detach()
        await page.set_viewport_size(SIZES[0])
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")
