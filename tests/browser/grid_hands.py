"""How a test reaches into the grid."""

from typing import Any

from playwright.async_api import Locator, Page, expect

FIELDS = (
    "flight",
    "year",
    "dep_delay",
    "cancelled",
    "day",
    "time_hour",
    "origin",
    "tags",
    "notes",
    "home",
    "photo",
    "extra",
)


def cell(page: Page, row: int, field: str) -> Locator:
    """The cell of a field in the row with this index of the window."""
    return page.locator(f'[row-index="{row}"] [col-id="f{FIELDS.index(field)}"]')


async def top_numbers(page: Page) -> list[int]:
    """The row numbers on screen, from the top."""
    await expect(page.locator(".qd-table .qd-skeleton")).to_have_count(0)
    texts = await page.locator(".ag-pinned-left-cols-container .qd-position").all_inner_texts()
    return sorted(int(text.replace(",", "")) for text in texts)


async def go_to(page: Page, row: int) -> None:
    await page.get_by_role("textbox", name="Go to row").fill(str(row))
    await page.keyboard.press("Enter")


async def seen(page: Page) -> dict[str, Any]:
    """What the harness has heard."""
    answer: dict[str, Any] = await (await page.request.get("/api/seen")).json()
    return answer
