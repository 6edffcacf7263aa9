"""The whole journey of a person through the real product: with the mouse in light, with the keyboard alone in dark."""

import json
import re
from dataclasses import dataclass
from uuid import UUID

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import OpenPage, Theme
from tests.browser.hands import Hand, Keys, Mouse
from tests.factories import AIRPORT_ROWS, AIRPORTS
from tests.people import PASSWORD
from tests.product import Product

FIELDS = ("faa", "name", "lat", "lon", "alt", "tz", "dst", "tzone")
WAYS: tuple[tuple[Theme, type[Mouse] | type[Keys]], ...] = (("light", Mouse), ("dark", Keys))


@dataclass
class Journey:
    """One person on the way; ``name`` is the dataset that they make."""

    product: Product
    page: Page
    hand: Hand
    name: str
    dataset_id: UUID | None = None

    def cell(self, row: int, field: str) -> Locator:
        """The cell of a field in the row at this index of the grid's order."""
        return self.page.locator(f'[row-index="{row}"] [col-id="f{FIELDS.index(field)}"]')

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    async def screen(self, name: str) -> None:
        """Wait until the screen with this h1 is on."""
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(name)

    async def go(self, name: str) -> None:
        """Use the navigation."""
        await self.hand.press(self.page.get_by_role("navigation", name="Main").get_by_role("link", name=name))
        await self.screen(name)

    async def actions(self) -> list[str]:
        """What the audit log holds of this dataset's import and rows, oldest first."""
        rows = await self.product.fetch(
            "SELECT action FROM audit_entries WHERE target_id IN (SELECT id::text FROM datasets WHERE id = $1"
            " UNION SELECT id::text FROM imports WHERE dataset_id = $1 UNION SELECT r.id::text FROM dataset_rows r"
            " JOIN datasets d ON d.number = r.dataset_number WHERE d.id = $1) ORDER BY id",
            self.dataset_id,
        )
        return [row["action"] for row in rows]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("theme", "way"), WAYS, ids=["light, mouse", "dark, keyboard"])
async def test_journey(product: Product, open_page: OpenPage, theme: Theme, way: type[Mouse] | type[Keys]) -> None:
    page = await open_page(theme=theme)
    journey = Journey(product, page, way(page), f"Airports {theme}")
    await sign_in(journey)
    assert await page.evaluate("document.documentElement.dataset.theme") == theme
    await start_an_import(journey)
    await watch_it(journey)
    await browse(journey)
    await filter_and_sort(journey)
    await edit_a_cell(journey)
    await look_at_the_row(journey)
    await look_at_the_job(journey)
    await look_at_the_audit_log(journey)
    await sign_out(journey)


async def sign_in(j: Journey) -> None:
    await j.page.goto(f"{j.product.origin}/datasets")
    await expect(j.page).to_have_url(f"{j.product.origin}/login?next=/datasets")
    await j.screen("Sign in")
    await j.hand.write(j.page.get_by_label("E-mail"), "ann@example.com")
    await j.hand.write(j.page.get_by_label("Password"), "not this one")
    await j.hand.press(j.button("Sign in"))
    await expect(j.page.get_by_role("alert")).to_have_text(
        "The e-mail or the password is wrong. Check both and try again."
    )
    await expect(j.page.get_by_label("E-mail")).to_have_value("ann@example.com")
    await expect(j.page.get_by_label("Password")).to_have_value("")
    await expect(j.page.get_by_label("Password")).to_be_focused()
    await j.hand.write(j.page.get_by_label("Password"), PASSWORD)
    await j.hand.press(j.button("Sign in"))
    await j.screen("Datasets")
    await j.go("Home")
    await expect(j.page.get_by_text("Hello, Ann Adler.")).to_be_visible()


async def start_an_import(j: Journey) -> None:
    await j.go("Datasets")
    await j.hand.press(j.link("New dataset").first)
    await j.screen("New dataset")
    await j.hand.choose_file(j.page.get_by_label("File", exact=True), AIRPORTS)
    columns = j.page.get_by_role("table", name="Columns")
    await expect(columns).to_be_visible()
    await expect(j.page.get_by_text("1,458 rows in 8 columns")).to_be_visible()
    await expect(columns.get_by_label("Type of lat")).to_have_value("number")
    await expect(columns.get_by_label("Type of alt")).to_have_value("integer")
    await expect(columns.get_by_label("Type of name")).to_have_value("text")
    await expect(
        j.page.get_by_role("table", name="Preview").get_by_role("cell", name="Lansdowne Airport")
    ).to_be_visible()
    await expect(j.page.get_by_label("Name", exact=True)).to_have_value("Airports")
    await j.hand.write(j.page.get_by_label("Name", exact=True), j.name)
    await j.hand.pick(columns.get_by_label("Type of alt"), "Number")
    await expect(columns.get_by_label("Type of alt")).to_have_value("number")
    await j.hand.press(j.button("Start import"))


async def watch_it(j: Journey) -> None:
    """The import's own page gets to its result by itself."""
    await j.screen("airports.csv")
    await expect(j.page.get_by_role("heading", name="1,458 rows imported")).to_be_visible()
    await expect(j.page.get_by_text("Imported", exact=True)).to_be_visible()
    j.dataset_id = await j.product.value("SELECT id FROM datasets WHERE name = $1", j.name)
    rows = await j.product.value(
        "SELECT count(*) FROM dataset_rows r JOIN datasets d ON d.number = r.dataset_number WHERE d.id = $1",
        j.dataset_id,
    )
    assert rows == AIRPORT_ROWS
    first = await j.product.value(
        "SELECT data FROM dataset_rows r JOIN datasets d ON d.number = r.dataset_number"
        " WHERE d.id = $1 AND position = 1",
        j.dataset_id,
    )
    assert json.loads(first) == {
        "faa": "04G", "name": "Lansdowne Airport", "lat": 41.1304722, "lon": -80.6195833,
        "alt": 1044, "tz": -5, "dst": "A", "tzone": "America/New_York",
    }  # fmt: skip
    assert await j.actions() == ["dataset.created", "import.started", "import.finished"]


async def browse(j: Journey) -> None:
    await j.hand.press(j.link("Open the dataset").first)
    await j.screen(j.name)
    grid = j.page.get_by_role("grid", name=j.name)
    await expect(grid).to_be_visible()
    await expect(j.page.get_by_text("Acme · 1,458 rows · 8 fields")).to_be_visible()
    await expect(j.cell(0, "name")).to_have_text("Lansdowne Airport")
    await j.hand.scroll_to_end(grid)
    await expect(j.cell(AIRPORT_ROWS - 1, "name")).to_have_text("Penn Station")
    await expect(j.cell(AIRPORT_ROWS - 1, "name")).to_be_in_viewport()


async def filter_and_sort(j: Journey) -> None:
    place = j.page.locator(".qd-place")
    before = (await place.inner_text()).split(" · ")[0]
    assert before.endswith(" of 1,458")
    await j.hand.press(j.button("+ Filter"))
    await j.hand.pick(j.page.get_by_label("Field", exact=True), "tzone")
    await j.hand.pick(j.page.get_by_label("Condition", exact=True), "contains")
    await j.hand.write(j.page.get_by_label("Value", exact=True), "Honolulu")
    await j.hand.press(j.button("Add filter"))
    chip = j.page.get_by_role("button", name="Remove filter tzone contains Honolulu")
    await expect(chip).to_be_visible()
    await expect(j.page).to_have_url(re.compile(r"\?f=tzone\.contains\.Honolulu$"))
    matching = sum("Honolulu" in line for line in AIRPORTS.read_text().splitlines())
    await expect(j.page.locator(".qd-place")).to_contain_text(f"Row 1 of {matching} ")
    await j.page.reload()
    await expect(chip).to_be_visible()
    await expect(j.page.locator(".qd-place")).to_contain_text(f"Row 1 of {matching} ")
    await j.page.go_back()
    await expect(chip).to_have_count(0)
    await expect(place).to_contain_text(before)
    await j.hand.press(j.page.get_by_role("columnheader", name="alt"))
    await expect(j.page).to_have_url(re.compile(r"\?sort=alt$"))
    await j.hand.press(j.page.get_by_role("columnheader", name="alt"))
    await expect(j.page).to_have_url(re.compile(r"\?sort=-alt$"))
    await expect(j.cell(0, "name")).to_have_text("Telluride")
    await expect(j.page.get_by_role("columnheader", name="alt")).to_have_attribute("aria-sort", "descending")


async def edit_a_cell(j: Journey) -> None:
    await j.hand.edit(j.cell(0, "alt"), "high")
    await expect(j.page.get_by_text("Type a number, such as 4.2.")).to_be_visible()
    await j.page.keyboard.press("Enter")
    await expect(j.page.get_by_label("alt", exact=True)).to_have_value("high")
    await j.page.keyboard.press("Control+A")
    await j.page.keyboard.type("9070.5")
    await j.page.keyboard.press("Enter")
    await expect(j.cell(0, "alt")).to_have_text("9070.5")
    await expect(j.page.locator(".qd-saving")).to_have_count(0)
    kept = await j.product.until(
        "SELECT data->'alt' FROM dataset_rows r JOIN datasets d ON d.number = r.dataset_number"
        " WHERE d.id = $1 AND data->>'faa' = 'TEX' AND r.version > 1",
        j.dataset_id,
    )
    assert json.loads(kept) == 9070.5
    assert (await j.actions())[3:] == ["row.edited"]


async def look_at_the_row(j: Journey) -> None:
    position = await j.product.value(
        "SELECT position FROM dataset_rows r JOIN datasets d ON d.number = r.dataset_number"
        " WHERE d.id = $1 AND data->>'faa' = 'TEX'",
        j.dataset_id,
    )
    await j.hand.open_row(j.page.get_by_role("link", name=f"Open row {position:,}", exact=True))
    await j.screen(f"Row {position:,}")
    await expect(j.page.get_by_text("Telluride")).to_be_visible()
    line = j.page.get_by_role("region", name="What happened")
    changed = f"Ann Adler edited row {position:,} of {j.name}: alt from 9,078 to 9,070.5"
    await expect(line).to_contain_text(changed)


async def look_at_the_job(j: Journey) -> None:
    await j.go("Jobs")
    table = j.page.get_by_role("table", name="Jobs")
    await expect(table).to_be_visible()
    job_id = await j.product.value("SELECT job_id FROM imports WHERE dataset_id = $1", j.dataset_id)
    row = table.locator(f'[data-id="{job_id}"]')
    await expect(row.get_by_text("Succeeded")).to_be_visible()
    await j.hand.press(row.get_by_role("link").nth(1))
    await expect(j.page).to_have_url(f"{j.product.origin}/jobs/{job_id}")
    await expect(j.page.get_by_text("Succeeded", exact=True).first).to_be_visible()
    await expect(j.page.get_by_role("region", name="What happened").get_by_role("listitem")).not_to_have_count(0)


async def look_at_the_audit_log(j: Journey) -> None:
    await j.go("Audit log")
    table = j.page.get_by_role("table", name="Audit log")
    await expect(table).to_be_visible()
    await j.hand.press(j.page.get_by_role("button", name="Action any"))
    await j.hand.press(j.page.get_by_role("checkbox", name="Edited", exact=True))
    await expect(j.page).to_have_url(re.compile(r"/audit\?action=row\.edited$"))
    await j.page.keyboard.press("Escape")
    entries = table.get_by_role("row").filter(has_text=f"of {j.name}")
    await expect(entries).to_have_count(1)
    await expect(table.get_by_role("row").filter(has_text="signed in")).to_have_count(0)
    await j.hand.press(entries.get_by_role("link").first)
    await expect(j.page.get_by_role("heading", level=1)).to_contain_text("Entry ")
    await expect(j.page.get_by_role("deletion")).to_contain_text("9,078")
    await expect(j.page.get_by_role("insertion")).to_contain_text("9,070.5")


async def sign_out(j: Journey) -> None:
    left = j.page.url
    await j.hand.press(j.button("Account of Ann Adler"))
    await j.hand.press(j.button("Sign out"))
    await j.screen("Sign in")
    await j.page.goto(left)
    await expect(j.page).to_have_url(re.compile(r"/login\?next=/audit/\d+$"))
    await expect(j.page.get_by_text("Entry ")).to_have_count(0)
    ended = "SELECT count(*) FROM audit_entries WHERE action = 'session.ended' AND actor_name = 'Ann Adler'"
    assert await j.product.value(ended) >= 1
