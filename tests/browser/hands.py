"""Two ways to use a screen: with the mouse, and with the keyboard alone."""

from pathlib import Path
from typing import Protocol

from playwright.async_api import Locator, Page, expect

MOST_TABS = 150


class Hand(Protocol):
    """What a person does to a page."""

    page: Page

    async def press(self, target: Locator) -> None:
        """Use a button, a link or a checkbox."""

    async def write(self, target: Locator, text: str) -> None:
        """Replace what stands in an input."""

    async def pick(self, target: Locator, label: str) -> None:
        """Choose an option of a select."""

    async def choose_file(self, target: Locator, path: Path) -> None:
        """Open the file chooser of an input and take a file."""

    async def scroll_to_end(self, grid: Locator) -> None:
        """Bring the last row of a grid into sight."""

    async def edit(self, cell: Locator, text: str) -> None:
        """Open the editor of a cell of a grid, and type over what stands in it. It stays open."""

    async def open_row(self, link: Locator) -> None:
        """Follow the number of a row of a grid."""


class Mouse:
    """Clicks, the wheel; keys only to type texts."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def press(self, target: Locator) -> None:
        await target.click()

    async def write(self, target: Locator, text: str) -> None:
        await target.click(click_count=3)
        await self.page.keyboard.type(text)

    async def pick(self, target: Locator, label: str) -> None:
        await target.select_option(label=label)

    async def choose_file(self, target: Locator, path: Path) -> None:
        async with self.page.expect_file_chooser() as chooser:
            await target.locator("xpath=ancestor::label").click()
        await (await chooser.value).set_files(path)

    async def scroll_to_end(self, grid: Locator) -> None:
        await grid.hover()
        await self.page.mouse.wheel(0, 10_000_000)

    async def edit(self, cell: Locator, text: str) -> None:
        await cell.dblclick()
        await self.page.keyboard.press("Control+A")
        await self.page.keyboard.type(text)

    async def open_row(self, link: Locator) -> None:
        await link.click()


class Keys:
    """Tab, arrows, Enter, typing: no pointer at all."""

    def __init__(self, page: Page) -> None:
        self.page = page
        # A listener from the start: the browser begins to hand out choosers some time after the first one listens.
        page.on("filechooser", lambda _: None)

    async def reach(self, target: Locator) -> None:
        """Press Tab until the target has the focus, which also proves that it can be reached."""
        await expect(target).to_be_visible()
        for _ in range(MOST_TABS):
            if await target.evaluate("element => element === document.activeElement"):
                return
            await self.page.keyboard.press("Tab")
        raise AssertionError(f"{target} is not reached by Tab.")

    async def press(self, target: Locator) -> None:
        await self.reach(target)
        checkbox = await target.get_attribute("type") in {"checkbox", "radio"}
        await self.page.keyboard.press("Space" if checkbox else "Enter")

    async def write(self, target: Locator, text: str) -> None:
        await self.reach(target)
        await self.page.keyboard.press("Control+A")
        await self.page.keyboard.type(text)

    async def pick(self, target: Locator, label: str) -> None:
        await self.reach(target)
        await self.page.keyboard.type(label)

    async def choose_file(self, target: Locator, path: Path) -> None:
        await self.reach(target)
        async with self.page.expect_file_chooser() as chooser:
            await self.page.keyboard.press("Enter")
        await (await chooser.value).set_files(path)

    async def scroll_to_end(self, grid: Locator) -> None:
        await self._into(grid)
        await self.page.keyboard.press("Control+End")

    async def edit(self, cell: Locator, text: str) -> None:
        await self._to_cell(cell)
        await self.page.keyboard.press("Enter")
        await self.page.keyboard.press("Control+A")
        await self.page.keyboard.type(text)

    async def open_row(self, link: Locator) -> None:
        await self._to_cell(link.locator("xpath=ancestor::*[@role='gridcell' or @role='rowheader']"))
        await self.page.keyboard.press("Enter")

    async def _into(self, grid: Locator) -> None:
        """Tab until the focus is somewhere in the table of the grid."""
        for _ in range(MOST_TABS):
            if await grid.evaluate("element => element.contains(document.activeElement)"):
                return
            await self.page.keyboard.press("Tab")
        raise AssertionError(f"{grid} is not reached by Tab.")

    async def _to_cell(self, cell: Locator) -> None:
        """Walk with the arrows from the focused cell to this one: first the row, then the column."""
        await self._into(cell.page.get_by_role("grid"))
        await expect(cell).to_be_attached()
        for _ in range(MOST_TABS):
            arrow = await cell.evaluate(_ARROW)
            if not arrow:
                return
            await self.page.keyboard.press(arrow)
        raise AssertionError(f"{cell} is not reached by arrows.")


_ARROW = """target => {
  const here = document.activeElement.closest("[role=gridcell],[role=columnheader],[role=rowheader]");
  if (here === target) return "";
  const row = (cell) => Number(cell.closest("[row-index]")?.getAttribute("row-index") ?? -1);
  const column = (cell) => Number(cell.getAttribute("aria-colindex"));
  if (!here) return "ArrowDown";
  if (row(here) !== row(target)) return row(here) < row(target) ? "ArrowDown" : "ArrowUp";
  return column(here) < column(target) ? "ArrowRight" : "ArrowLeft";
}"""
