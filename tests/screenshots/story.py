"""What invented people do with the product, from the empty company on; each stop is a picture."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import Locator, Page, Route, expect

from tests.factories import AIRPORTS
from tests.screenshots import files
from tests.screenshots.camera import SIZES, Camera
from tests.screenshots.stage import Stage

NAME, ALT = "f1", "f4"
"""Columns of the airports' grid."""
TOO_SLOW = '{"code": "TIMEOUT", "message": "This took longer than 10 seconds and was stopped."}'


@dataclass
class Story:
    """Who is where."""

    stage: Stage
    camera: Camera
    folder: Path
    ana: Page
    airports: str = ""

    async def shoot(self, name: str) -> None:
        """Ana's page as it is."""
        await self.camera.shoot(self.ana, name)

    async def open(self, path: str, heading: str | re.Pattern[str]) -> None:
        """Ana opens a path."""
        await self.camera.open(self.ana, path, heading)

    def button(self, name: str) -> Locator:
        """A button on Ana's page."""
        return self.ana.get_by_role("button", name=name, exact=True)

    def cell(self, row: int, column: str, page: Page | None = None) -> Locator:
        """A cell of the grid."""
        return (page or self.ana).locator(f'[row-index="{row}"] [col-id="{column}"]')

    def here(self) -> str:
        """The path that Ana's page shows."""
        return urlsplit(self.ana.url).path

    async def drop(self, path: Path) -> None:
        """Choose a file and wait for its columns."""
        await self.ana.get_by_label("File", exact=True).set_input_files(path)
        await expect(self.ana.get_by_role("table", name="Columns")).to_be_visible()

    async def start(self, file: Path) -> str:
        """Start the import, and say where its page is."""
        await self.button("Start import").click()
        await expect(self.ana.get_by_role("heading", level=1)).to_have_text(file.name)
        return self.here()

    async def dialog(self, button: str) -> Locator:
        """Open a dialog by its button."""
        await self.button(button).first.click()
        opened = self.ana.get_by_role("dialog")
        await expect(opened).to_be_visible()
        return opened


async def sign_in(story: Story) -> None:
    """Before anybody is signed in."""
    page = await story.camera.person()
    await story.camera.shoot(page, "sign-in")
    await page.get_by_label("E-mail").fill("ana@example.com")
    await page.get_by_label("Password").fill("not this one")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await story.camera.shoot(page, "sign-in-refused")
    await page.context.close()


async def empty(story: Story) -> None:
    """A company on its first day."""
    await story.shoot("home-first-steps")
    await story.open("/datasets", "Datasets")
    await story.shoot("datasets-empty")
    await story.open("/jobs", "Jobs")
    await story.shoot("jobs-empty")


async def first_import(story: Story) -> None:
    """The airports come in."""
    await story.open("/datasets/new", "New dataset")
    await story.shoot("new-dataset-empty")
    await story.drop(AIRPORTS)
    await story.shoot("new-dataset")
    await story.ana.get_by_role("table", name="Preview").scroll_into_view_if_needed()
    await story.shoot("new-dataset-preview")
    path = await story.start(AIRPORTS)
    await expect(story.ana.get_by_text("Waiting for a worker")).to_be_visible()
    await story.shoot("import-waiting")
    story.stage.start_worker()
    await expect(story.ana.get_by_role("heading", name="1,458 rows imported")).to_be_visible()
    await story.open(path, AIRPORTS.name)
    await story.shoot("import-done")
    await story.ana.get_by_role("link", name="Open the dataset").first.click()
    await expect(story.ana.get_by_role("grid")).to_be_visible()
    story.airports = story.here()


async def bad_rows(story: Story) -> None:
    """A file with values that do not fit: first left out, then all or nothing."""
    file = files.damaged(story.folder)
    await story.open(f"{story.airports}/import", "Import")
    await story.drop(file)
    await story.shoot("import-into")
    await story.start(file)
    await expect(story.ana.get_by_role("table", name="Bad rows")).to_be_visible()
    await story.shoot("import-bad-rows")
    await story.open(f"{story.airports}/import", "Import")
    await story.drop(file)
    await story.ana.get_by_label("Bad rows").select_option("all")
    await story.shoot("import-again")
    await story.start(file)
    await expect(story.ana.get_by_role("heading", name="Nothing was imported")).to_be_visible()
    await story.shoot("import-refused")
    await story.ana.get_by_role("link", name="Job", exact=True).click()
    await expect(story.button("Retry job")).to_be_visible()
    await story.shoot("job-failed")


async def large_import(story: Story) -> None:
    """One that can be watched; it is held in its middle, then stopped, then put back."""
    file = files.flights(story.folder)
    await story.open("/datasets/new", "New dataset")
    await story.drop(file)
    path = await story.start(file)
    await expect(story.ana.get_by_text(re.compile(r"^Loading rows"))).to_be_visible()
    await expect(story.ana.get_by_text(re.compile(r" left$"))).to_be_visible()
    story.stage.freeze()
    await story.shoot("import-running")
    await story.ana.get_by_role("link", name="Job", exact=True).click()
    await expect(story.button("Cancel job")).to_be_visible()
    await story.shoot("job-running")
    await story.open("/jobs", "Jobs")
    await expect(story.ana.get_by_role("table", name="Jobs")).to_be_visible()
    await story.shoot("jobs")
    await story.open("/", "Home")
    await story.shoot("home")
    await story.open(path, file.name)
    dialog = await story.dialog("Cancel import")
    await dialog.get_by_label("Reason").fill("The wrong year.")
    await story.shoot("import-cancel-dialog")
    story.stage.thaw()
    await dialog.get_by_role("button", name="Cancel import").click()
    await expect(story.ana.get_by_role("heading", name="The import was cancelled")).to_be_visible()
    await story.open(path, file.name)
    await story.shoot("import-cancelled")
    dialog = await story.dialog("Retry import")
    await dialog.get_by_label("Reason").fill("It was the right one after all.")
    await dialog.get_by_role("button", name="Retry import").click()
    await expect(story.ana.get_by_role("heading", name="300,000 rows imported")).to_be_visible()
    await story.ana.get_by_role("link", name="Job", exact=True).click()
    await expect(story.ana.get_by_role("heading", name="What happened")).to_be_visible()
    await story.shoot("job-succeeded")


async def grid(story: Story) -> None:
    """Look, filter, edit."""
    await story.open(story.airports, "Airports")
    await expect(story.cell(0, NAME)).to_have_text("Lansdowne Airport")
    await story.shoot("dataset")
    await story.button("+ Filter").click()
    await story.ana.get_by_label("Field", exact=True).select_option(label="tzone")
    await story.ana.get_by_label("Condition", exact=True).select_option(label="contains")
    await story.ana.get_by_label("Value", exact=True).fill("Honolulu")
    await story.shoot("dataset-filter-dialog")
    await story.open(f"{story.airports}?f=tzone.contains.Honolulu&f=alt.gt.100&sort=-alt", "Airports")
    await expect(story.ana.locator(".qd-place")).to_contain_text("Row 1 of")
    await story.shoot("dataset-filtered")
    await story.open(f"{story.airports}?f=name.is.Atlantis", "Airports")
    await expect(story.ana.get_by_text("No row matches these filters")).to_be_visible()
    await story.shoot("dataset-no-match")
    await story.ana.route("**/api/datasets/*/rows*", _too_slow)
    await story.open(f"{story.airports}?f=name.contains.a", "Airports")
    await expect(story.ana.get_by_text("This took too long and was stopped")).to_be_visible()
    await story.shoot("dataset-too-slow")
    await story.ana.unroute("**/api/datasets/*/rows*")


async def _too_slow(route: Route) -> None:
    """What the server answers after ten seconds; a table that takes that long would be too large for pictures."""
    await route.fulfill(status=504, content_type="application/json", body=TOO_SLOW)


async def edits(story: Story) -> None:
    """A cell, a wrong value, and somebody who was quicker."""
    for size in SIZES:
        await story.ana.set_viewport_size(size)
        await story.open(story.airports, "Airports")
        await story.ana.locator(".ag-center-cols-viewport").evaluate("(viewport) => { viewport.scrollLeft = 500 }")
        await _type(story.ana, story.cell(2, ALT), "802")
        await story.camera.shoot(story.ana, "dataset-editing", sizes=[size])
        await story.ana.set_viewport_size(size)
        await _type(story.ana, None, "high")
        await expect(story.ana.get_by_text("Type a whole number, such as 42.")).to_be_visible()
        await story.camera.shoot(story.ana, "dataset-invalid", sizes=[size])
        await story.ana.keyboard.press("Escape")
    await story.ana.set_viewport_size(SIZES[0])
    await story.open(story.airports, "Airports")
    await _type(story.ana, story.cell(2, ALT), "802")
    await story.ana.keyboard.press("Enter")
    await expect(story.cell(2, ALT)).to_have_text("802")
    await expect(story.ana.locator(".qd-saving")).to_have_count(0)
    await _type(story.ana, story.cell(4, NAME), "Jekyll Island")
    tom = await story.camera.person("tom")
    await story.camera.open(tom, story.airports, "Airports")
    await _type(tom, story.cell(4, NAME, tom), "Jekyll Island Airport (closed)")
    await tom.keyboard.press("Enter")
    await expect(tom.locator(".qd-saving")).to_have_count(0)
    await story.ana.keyboard.press("Enter")
    await expect(story.ana.get_by_role("dialog")).to_contain_text("Somebody changed this meanwhile")
    await story.shoot("dataset-conflict")
    await story.ana.keyboard.press("Escape")
    await story.button("Discard").click()
    await tom.context.close()


async def _type(page: Page, cell: Locator | None, text: str) -> None:
    if cell is not None:
        await cell.dblclick()
    await page.keyboard.press("Control+A")
    await page.keyboard.type(text)


async def records(story: Story) -> None:
    """One row, the imports, the dialogs of a dataset, a toast."""
    await story.open(story.airports, "Airports")
    await story.ana.get_by_role("link", name="Open row 3", exact=True).click()
    await expect(story.ana.get_by_role("heading", level=1)).to_have_text("Row 3")
    await story.shoot("row")
    await story.open(f"{story.airports}/imports", "Imports")
    await expect(story.ana.get_by_role("table", name="Imports")).to_be_visible()
    await story.shoot("imports")
    await story.open(story.airports, "Airports")
    await story.button("More actions").click()
    await story.dialog("Delete dataset")
    await story.shoot("dataset-delete-dialog")
    await story.ana.keyboard.press("Escape")
    dialog = await story.dialog("Rename")
    await dialog.get_by_label("Name").fill("Airports of the United States")
    await story.shoot("dataset-rename-dialog")
    await dialog.get_by_role("button", name="Rename").click()
    await expect(story.ana.get_by_role("heading", level=1)).to_have_text("Airports of the United States")
    await story.camera.shoot(story.ana, "toast", toast=True)
    await story.open("/datasets", "Datasets")
    await expect(story.ana.get_by_role("table", name="Datasets")).to_be_visible()
    await story.shoot("datasets")


async def watching(story: Story) -> None:
    """Jobs and the audit log."""
    await story.open("/jobs?status=failed", "Jobs")
    await expect(story.ana.get_by_role("table", name="Jobs")).to_be_visible()
    await story.shoot("jobs-filtered")
    await story.open("/audit", "Audit log")
    table = story.ana.get_by_role("table", name="Audit log")
    await expect(table).to_be_visible()
    await story.shoot("audit")
    await story.open("/audit?action=row.edited", "Audit log")
    await expect(table).to_be_visible()
    await story.shoot("audit-filtered")
    await table.get_by_role("row").filter(has_text="Ana Kovács").first.get_by_role("link").first.click()
    await expect(story.ana.get_by_role("heading", level=1)).to_contain_text("Entry")
    await story.shoot("audit-entry")


async def refusals(story: Story) -> None:
    """What is not there, what one may not do, and a lost connection."""
    await story.open("/jobs/00000000-0000-7000-8000-000000000000", "Job")
    await story.shoot("not-found")
    vic = await story.camera.person("vic")
    await story.camera.open(vic, "/audit", "Audit log")
    await story.camera.shoot(vic, "forbidden")
    await vic.context.close()
    nil = await story.camera.person("nil")
    await story.camera.shoot(nil, "no-rights")
    await nil.context.close()
    await story.open("/", "Home")
    await story.ana.get_by_role("button", name="Account of Ana Kovács").click()
    await story.shoot("account")
    await story.open("/jobs", "Jobs")
    await story.ana.context.set_offline(True)
    await expect(story.ana.get_by_text(re.compile("connection", re.IGNORECASE)).first).to_be_visible()
    await story.shoot("offline")
    await story.ana.context.set_offline(False)


SCENES: tuple[Callable[[Story], Awaitable[None]], ...] = (
    sign_in, empty, first_import, bad_rows, large_import, grid, edits, records, watching, refusals,
)  # fmt: skip
