"""Several people at once on the real product: edits that collide, edits that do not, and what each may see and do."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from app.actor import Staff
from tests.browser.conftest import OpenPage
from tests.factories import Made, add_values, make_dataset
from tests.product import Product, status

FIELDS = {"city": "text", "people": "integer", "note": "text"}
KEYS = tuple(FIELDS)
CITIES = [{"city": name, "people": n * 1000, "note": f"note {n}"} for n, name in enumerate(("Ulm", "Jena", "Kiel"), 1)]


@dataclass
class Seat:
    """Somebody before an open page of the product."""

    product: Product
    page: Page

    def cell(self, row: int, key: str) -> Locator:
        return self.page.locator(f'[row-index="{row}"] [col-id="f{KEYS.index(key)}"]')

    async def go(self, path: str) -> None:
        await self.page.goto(self.product.origin + path)

    async def h1(self, name: str) -> None:
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(name)

    async def begin(self, row: int, key: str, text: str) -> None:
        """Type into a cell; the editor stays open, so what was seen is what stood there now."""
        await self.cell(row, key).dblclick()
        await self.page.keyboard.press("Control+A")
        await self.page.keyboard.type(text)

    async def save(self, row: int, key: str, text: str) -> None:
        await self.begin(row, key, text)
        await self.page.keyboard.press("Enter")
        await expect(self.cell(row, key)).to_have_text(text)
        await expect(self.page.locator(".qd-saving")).to_have_count(0)

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog", name="Somebody changed this meanwhile")


class Room:
    """The people of a test, each with a browser of their own."""

    def __init__(self, product: Product, open_page: OpenPage) -> None:
        self.product, self._open_page = product, open_page

    async def dataset(self, name: str, rows: Sequence[dict[str, Any]] = CITIES) -> Made:
        """A dataset of Acme with these rows."""
        async with self.product.behind() as admin:
            made = await make_dataset(admin, self.product.company.acme, name, FIELDS)
            await add_values(admin, made, rows)
        return made

    async def seat(self, person: Staff, path: str) -> Seat:
        page = await self._open_page()
        await self.product.enter(page.context, person)
        seat = Seat(self.product, page)
        await seat.go(path)
        return seat

    async def two(self, made: Made) -> tuple[Seat, Seat]:
        """Ann and sue with the same grid open."""
        company, path = self.product.company, f"/datasets/{made.id}"
        seats = await self.seat(company.ann, path), await self.seat(company.sue, path)
        for seat in seats:
            await expect(seat.cell(0, "city")).to_have_text("Ulm")
        return seats

    async def kept(self, made: Made, row: int) -> dict[str, Any]:
        """A row as the database holds it."""
        question = "SELECT data FROM dataset_rows WHERE dataset_number = $1 AND position = $2"
        data: dict[str, Any] = json.loads(await self.product.value(question, made.number, row + 1))
        return data


@pytest.fixture
def room(product: Product, open_page: OpenPage) -> Room:
    return Room(product, open_page)


async def collide(room: Room, made: Made) -> tuple[Seat, Seat]:
    """Sue has typed into a cell when ann saves another value in it; then sue saves, and meets the conflict."""
    ann, sue = await room.two(made)
    await sue.begin(1, "city", "Weimar")
    await ann.save(1, "city", "Gera")
    # Below the open editor the cell is up to date; what sue saw when she began still counts.
    await expect(sue.cell(1, "city")).to_have_text("Gera")
    await sue.page.keyboard.press("Enter")
    await expect(sue.dialog).to_be_visible()
    await expect(sue.dialog.get_by_role("group", name="city")).to_contain_text("was Jena")
    await expect(sue.dialog.get_by_label("Keep mine")).to_be_visible()
    await expect(sue.dialog).to_contain_text("Weimar")
    await expect(sue.dialog).to_contain_text("Gera")
    await expect(sue.dialog.get_by_role("button", name="Save my choice")).to_be_disabled()
    assert (await room.kept(made, 1))["city"] == "Gera"
    return ann, sue


async def test_conflict_keep_mine(room: Room) -> None:
    made = await room.dataset("Keep mine")
    ann, sue = await collide(room, made)
    await sue.dialog.get_by_label("Keep mine").check()
    await sue.dialog.get_by_role("button", name="Save my choice").click()
    await expect(sue.dialog).to_have_count(0)
    await expect(sue.cell(1, "city")).to_have_text("Weimar")
    await expect(ann.cell(1, "city")).to_have_text("Weimar")
    assert await room.kept(made, 1) == {"city": "Weimar", "people": 2000, "note": "note 2"}
    entries = await room.product.fetch(
        "SELECT actor_name, before->>'data.city' AS before, after->>'data.city' AS after FROM audit_told()"
        " WHERE action = 'row.edited' AND target_label = 'row 2 of Keep mine' ORDER BY id"
    )
    assert [entry["actor_name"] for entry in entries] == ["Ann Adler", "Sue Super"]


async def test_conflict_take_theirs(room: Room) -> None:
    made = await room.dataset("Take theirs")
    _, sue = await collide(room, made)
    await sue.dialog.get_by_label("Take theirs").check()
    await sue.dialog.get_by_role("button", name="Save my choice").click()
    await expect(sue.dialog).to_have_count(0)
    await expect(sue.cell(1, "city")).to_have_text("Gera")
    await expect(sue.page.get_by_text("is not saved")).to_have_count(0)
    assert (await room.kept(made, 1))["city"] == "Gera"


async def test_conflict_closed_without_a_choice_loses_nothing(room: Room) -> None:
    made = await room.dataset("Later")
    _, sue = await collide(room, made)
    await sue.page.keyboard.press("Escape")
    await expect(sue.dialog).to_have_count(0)
    await expect(sue.page.get_by_role("alert")).to_contain_text("Row 2, city: “Weimar” is not saved.")
    await sue.page.reload()
    await expect(sue.cell(1, "city")).to_contain_text("Weimar")
    await sue.page.get_by_role("button", name="Save mine").click()
    await expect(sue.cell(1, "city")).to_have_text("Weimar")
    await expect(sue.page.locator(".qd-saving")).to_have_count(0)
    assert (await room.kept(made, 1))["city"] == "Weimar"


async def test_different_cells_of_a_row_do_not_collide_and_appear_live(room: Room) -> None:
    made = await room.dataset("Peaceful")
    ann, sue = await room.two(made)
    await sue.begin(2, "people", "77")
    await ann.save(2, "note", "from ann")
    await sue.page.keyboard.press("Enter")
    await expect(sue.cell(2, "people")).to_have_text("77")
    await expect(sue.cell(2, "note")).to_have_text("from ann")
    await expect(ann.cell(2, "people")).to_have_text("77")
    await expect(sue.dialog).to_have_count(0)
    assert await room.kept(made, 2) == {"city": "Kiel", "people": 77, "note": "from ann"}


async def test_conflict_on_the_row_page(room: Room) -> None:
    made = await room.dataset("By row")
    row_id = await room.product.value(
        "SELECT id FROM dataset_rows WHERE dataset_number = $1 AND position = 1", made.number
    )
    company = room.product.company
    sue = await room.seat(company.sue, f"/datasets/{made.id}/rows/{row_id}")
    await sue.h1("Row 1")
    await sue.page.get_by_role("button", name="Edit a value").click()
    picking = sue.page.get_by_role("dialog", name="Edit a value")
    await picking.get_by_label("Field").select_option(label="city")
    await picking.get_by_role("button", name="Choose").click()
    editing = sue.page.get_by_role("dialog", name="Edit city")
    await editing.get_by_label("city").fill("Erfurt")
    ann = await room.seat(company.ann, f"/datasets/{made.id}")
    await ann.save(0, "city", "Suhl")
    await editing.get_by_role("button", name="Save").click()
    await expect(sue.dialog).to_contain_text("Suhl")
    await sue.dialog.get_by_label("Keep mine").check()
    await sue.dialog.get_by_role("button", name="Save my choice").click()
    await expect(sue.page.get_by_role("dialog")).to_have_count(0)
    await expect(sue.page.get_by_text("Erfurt").first).to_be_visible()
    assert (await room.kept(made, 0))["city"] == "Erfurt"


async def test_rename(room: Room) -> None:
    made = await room.dataset("Old name")
    ann, sue = await room.two(made)
    await ann.page.get_by_role("button", name="Rename").click()
    dialog = ann.page.get_by_role("dialog", name="Rename the dataset")
    await expect(dialog.get_by_label("Name")).to_have_value("Old name")
    await dialog.get_by_label("Name").fill("New name")
    await dialog.get_by_role("button", name="Rename").click()
    await ann.h1("New name")
    await sue.h1("New name")
    await expect(ann.cell(0, "city")).to_have_text("Ulm")
    assert await room.product.value("SELECT name FROM datasets WHERE id = $1", made.id) == "New name"


async def test_rename_by_somebody_else_keeps_what_is_being_typed(room: Room) -> None:
    made = await room.dataset("Before")
    ann, sue = await room.two(made)
    await sue.begin(1, "note", "half a sen")
    await ann.page.get_by_role("button", name="Rename").click()
    dialog = ann.page.get_by_role("dialog", name="Rename the dataset")
    await dialog.get_by_label("Name").fill("After")
    await dialog.get_by_role("button", name="Rename").click()
    await sue.h1("After")
    await expect(sue.page.get_by_role("alert")).to_contain_text("Row 2, note: “half a sen” is not saved.")
    await sue.page.get_by_role("button", name="Try again").click()
    await expect(sue.cell(1, "note")).to_have_text("half a sen")
    await expect(sue.page.locator(".qd-saving")).to_have_count(0)
    assert (await room.kept(made, 1))["note"] == "half a sen"


async def test_delete_by_typing_the_name(room: Room) -> None:
    made = await room.dataset("Doomed")
    ann = await room.seat(room.product.company.ann, f"/datasets/{made.id}")
    await ann.h1("Doomed")
    await ann.page.get_by_role("button", name="More actions").click()
    await ann.page.get_by_role("button", name="Delete dataset").click()
    dialog = ann.page.get_by_role("dialog", name="Delete Doomed?")
    await expect(dialog).to_contain_text("3 rows and all imports of Doomed are deleted.")
    delete = dialog.get_by_role("button", name="Delete dataset")
    await dialog.get_by_label("Reason").fill("Not needed")
    await dialog.get_by_label("Type “Doomed” to confirm").fill("doomed")
    await expect(delete).to_be_disabled()
    await dialog.get_by_label("Type “Doomed” to confirm").fill("Doomed")
    await delete.click()
    await ann.h1("Datasets")
    await expect(ann.page.get_by_text("Doomed is deleted; a job removes its rows.")).to_be_visible()
    await expect(ann.page.get_by_role("table", name="Datasets").get_by_text("Doomed", exact=True)).to_have_count(0)
    await room.product.until("SELECT count(*) = 0 FROM dataset_rows WHERE dataset_number = $1", made.number)
    entry = await room.product.fetch("SELECT reason FROM audit_told() WHERE action = 'dataset.deleted'")
    assert [row["reason"] for row in entry] == ["Not needed"]
    assert await status(ann.page, f"{room.product.origin}/datasets/{made.id}") == 404


async def test_viewer_sees_and_cannot_act(room: Room) -> None:
    made = await room.dataset("Looked at")
    vic = await room.seat(room.product.company.vic, f"/datasets/{made.id}")
    await vic.h1("Looked at")
    await expect(vic.cell(0, "city")).to_have_text("Ulm")
    await expect(vic.page.get_by_role("link", name="Imports")).to_be_visible()
    for name in ("Rename", "More actions", "Import", "Delete dataset"):
        await expect(vic.page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    await expect(vic.page.get_by_role("link", name="Import", exact=True)).to_have_count(0)
    await vic.cell(0, "city").dblclick()
    await vic.page.keyboard.type("x")
    await expect(vic.page.locator(".qd-editor")).to_have_count(0)
    for path in ("/datasets/new", f"/datasets/{made.id}/import", "/audit"):
        assert await status(vic.page, room.product.origin + path) == 403, path
        await expect(vic.page.get_by_role("alert")).to_contain_text("Your role, Viewer, does not include")
    await expect(vic.page.get_by_role("navigation", name="Main").get_by_role("link", name="Audit log")).to_have_count(0)
    assert (await room.kept(made, 0))["city"] == "Ulm"


async def test_nil_reads_one_sentence(room: Room) -> None:
    nil = await room.seat(room.product.company.nil, "/")
    await nil.h1("Home")
    await expect(nil.page.get_by_role("main")).to_contain_text(
        "You are signed in as nil@example.com, but no role has been given to you yet."
        " Ask an administrator of Quarterdeck to give you one."
    )
    assert await nil.page.get_by_role("navigation", name="Main").get_by_role("link").all_inner_texts() == ["Home"]
    assert await status(nil.page, f"{room.product.origin}/datasets") == 403


async def test_tess_sees_only_her_team(room: Room) -> None:
    mine = await room.dataset("Acme's own")
    async with room.product.behind() as admin:
        theirs = await make_dataset(admin, room.product.company.nordlicht, "Nordlicht's own", FIELDS)
        await add_values(admin, theirs, CITIES)
    tess = await room.seat(room.product.company.tess, "/datasets")
    table = tess.page.get_by_role("table", name="Datasets")
    await expect(table.get_by_role("link", name="Acme's own")).to_be_visible()
    await expect(table).not_to_contain_text("Nordlicht")
    await table.get_by_role("link", name="Acme's own").click()
    await expect(tess.cell(0, "city")).to_have_text("Ulm")
    assert tess.page.url.endswith(str(mine.id))
    assert await status(tess.page, f"{room.product.origin}/datasets/{theirs.id}") == 404
    await expect(tess.page.get_by_role("main")).not_to_contain_text("Nordlicht")
    await tess.go("/audit")
    await tess.h1("Audit log")
    await expect(tess.page.get_by_role("main")).not_to_contain_text("Nordlicht")
