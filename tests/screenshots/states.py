"""Third act, in the gallery of components: every state in which a screen, a list or a form may be."""

import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import httpx
from playwright.async_api import Page, expect

from app.permissions import Role
from tests.ports import free_port
from tests.screenshots.camera import Camera
from tests.warm import unmeasured

START_SECONDS = 30
Act = Callable[[Camera, Page], Awaitable[None]]


@contextmanager
def gallery(role: Role) -> Iterator[str]:
    """The gallery as this role sees it, and where it answers."""
    port = free_port()
    command = [sys.executable, "-m", "tests.gallery", str(port), role.value]
    process = subprocess.Popen(command, env=unmeasured(os.environ))
    origin, deadline = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS
    try:
        while time.monotonic() < deadline:
            try:
                httpx.get(origin, timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield origin
    finally:
        process.terminate()
        process.wait(10)


async def nothing_and_refused(camera: Camera, page: Page) -> None:
    """Nothing exists yet, too slow, broken with its reference, no rights, not there, progress, a form."""
    await camera.open(page, "/states", "States")
    await page.get_by_text("No jobs yet").wait_for()
    await camera.shoot(page, "states")
    await page.get_by_role("textbox", name="Name").fill("ab")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("A name has at least 3 letters.").scroll_into_view_if_needed()
    await camera.shoot(page, "states-form")


async def hidden_by_the_filter(camera: Camera, page: Page) -> None:
    """There are rows, and the filter hides all of them."""
    await camera.open(page, "/jobs?status=failed&q=nothing+like+this", "Jobs")
    await camera.shoot(page, "states-filter-hides-all")


async def loading(camera: Camera, page: Page) -> None:
    """Bars of the height of rows; then how long it takes, and a way to stop it; then that it was stopped."""
    await camera.open(page, "/slow?s=0", "Slow")
    stop = page.get_by_role("button", name="Cancel", exact=True)
    await stop.wait_for()
    await camera.shoot(page, "states-loading")
    await stop.click()
    await page.get_by_text("You stopped this question").wait_for()
    await camera.shoot(page, "states-stopped")


async def asking_again(camera: Camera, page: Page) -> None:
    """Old rows stay, dimmed, while the list is asked anew."""
    await camera.open(page, "/jobs", "Jobs")
    await page.get_by_role("row").nth(3).wait_for()
    await page.get_by_role("searchbox").fill("slow question")
    await page.get_by_role("searchbox").press("Enter")
    await page.locator("button.btn.small:not(.danger)", has_text="Cancel").wait_for()
    await camera.shoot(page, "states-asking-again")


async def new_rows(camera: Camera, page: Page) -> None:
    """What is new announces itself and moves nothing."""
    await camera.open(page, "/jobs", "Jobs")
    await page.get_by_role("button", name="Add seven").click()
    await page.get_by_role("button", name="7 new, show").wait_for()
    await camera.shoot(page, "states-new-rows")


async def dialogs(camera: Camera, page: Page) -> None:
    """A plan before it is destroyed, a conflict field by field, a success, a refusal."""
    await camera.open(page, "/jobs", "Jobs")
    await page.get_by_role("table", name="Jobs").locator("tbody tr td.main a").first.click()
    await page.get_by_role("button", name="Meet a conflict").click()
    await page.get_by_role("dialog").wait_for()
    await camera.shoot(page, "states-conflict")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("button", name="Delete job").click()
    await page.get_by_role("dialog").wait_for()
    await camera.shoot(page, "states-destructive")
    await page.keyboard.press("Escape")
    await camera.open(page, "/states", "States")
    await page.get_by_role("button", name="Be refused").click()
    await page.locator(".q-notification").wait_for()
    await camera.shoot(page, "states-refused", toast=True)
    await camera.open(page, "/states", "States")
    await page.get_by_role("button", name="Confirm").click()
    await page.get_by_role("button", name="Cancel import").click()
    await page.locator(".q-notification").wait_for()
    await camera.shoot(page, "states-success", toast=True)


async def offline(camera: Camera, page: Page) -> None:
    """The connection is lost: a bar says so, and what was typed stays."""
    await camera.open(page, "/states", "States")
    await page.get_by_role("textbox", name="Name").fill("typed before the connection was lost")
    await page.evaluate("window.socket.disconnect()")
    await expect(page.locator("#popup")).to_have_attribute("aria-hidden", "false")
    await camera.shoot(page, "states-offline")


async def forbidden(camera: Camera, page: Page) -> None:
    """A screen whose permission one does not have: which, and whom to ask."""
    await page.goto(f"{camera.origin}/slow")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Slow")
    await camera.shoot(page, "states-forbidden")


ACTS: tuple[tuple[Role, tuple[Act, ...]], ...] = (
    (
        Role.ADMIN,
        (nothing_and_refused, hidden_by_the_filter, loading, asking_again, new_rows, dialogs, offline),
    ),
    (Role.VIEWER, (forbidden,)),
)
