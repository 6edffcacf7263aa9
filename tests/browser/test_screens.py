"""Every screen of the real product with real records: its name, accessibility, width, size and refusals."""

import html
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect

from app.ids import uuid7
from pages import SCREENS
from tests.browser.conftest import Report, new_context
from tests.browser.fitting import misfits
from tests.factories import (
    Made,
    add_bulk_act,
    add_engine_room,
    add_failure,
    add_job,
    add_payment,
    add_user,
    add_values,
    make_dataset,
)
from tests.product import Product, drawn, status

PHONE, DESK, SMALL_DESK = (390, 844), (1440, 900), (1280, 800)
MOST_ELEMENTS = 60
TABLES = {
    "/users": "Users",
    "/teams": "Teams",
    "/payments": "Payments",
    "/datasets": "Datasets",
    "/datasets/{id}/imports": "Imports",
    "/imports/{id}": "Bad rows",
    "/jobs": "Jobs",
    "/staff": "Staff",
    "/audit": "Audit log",
}
LONG = "A long name without any sense, only there to be too long for what it stands in, and longer still"
UNBROKEN = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"


@dataclass(frozen=True)
class Records:
    """One record of each kind, somewhere in the product."""

    dataset: Made
    row: UUID
    import_: UUID
    job: UUID
    entry: int
    staff: UUID
    user: UUID
    payment: UUID
    schedule: UUID
    failure: UUID
    bulk: UUID

    def address(self, path: str) -> str:
        """The address of a screen, with a real record in its path."""
        ids = {"datasets": self.dataset.id, "imports": self.import_, "jobs": self.job, "audit": self.entry,
               "staff": self.staff, "users": self.user, "teams": self.dataset.team_id,
               "payments": self.payment, "schedules": self.schedule, "failures": self.failure,
               "bulk": self.bulk}  # fmt: skip
        return path.replace("{id}", str(ids.get(path.split("/")[1]))).replace("{row}", str(self.row))


@pytest.fixture
async def records(product: Product) -> Records:
    """Made once per product: a dataset with many kinds of fields, an import with bad rows, a failed job, an entry."""
    async with product.behind() as admin:
        found = await admin.fetchrow("SELECT id, number, schema_id, team_id FROM datasets WHERE name = $1", LONG)
        made = Made(**found) if found else await _make(admin, product)
        return Records(
            made,
            await admin.fetchval("SELECT id FROM dataset_rows WHERE dataset_number = $1 AND position = 2", made.number),
            await admin.fetchval("SELECT id FROM imports WHERE dataset_id = $1", made.id),
            await admin.fetchval("SELECT id FROM jobs ORDER BY id LIMIT 1"),
            await admin.fetchval("SELECT max(id) FROM audit_entries"),
            product.company.tess.staff_id,
            await admin.fetchval("SELECT id FROM users WHERE name = $1", LONG),
            await admin.fetchval("SELECT id FROM payments LIMIT 1"),
            await add_engine_room(admin, UNBROKEN),
            await admin.fetchval("SELECT id FROM failures LIMIT 1"),
            await admin.fetchval("SELECT id FROM bulk_acts LIMIT 1"),
        )


async def _make(admin: asyncpg.Connection, product: Product) -> Made:
    acme = product.company.acme
    fields = {
        "name": "text", "people": "integer", "share": "number", "open": "boolean", "since": "date", "at": "datetime",
        "kind": {"type": "choice", "enum": ["a", "b"]}, "home": "url", "extra": "json", "words": "long_text",
    }  # fmt: skip
    await admin.execute("UPDATE teams SET name = $2 WHERE id = $1", acme, UNBROKEN)
    await admin.execute("UPDATE staff SET name = $2 WHERE id = $1", product.company.tess.staff_id, UNBROKEN)
    made = await make_dataset(admin, acme, LONG, fields)
    row = {"name": LONG, "people": 12, "share": 0.5, "open": True, "since": "2024-02-29", "at": "2024-02-29T12:00:00Z",
           "kind": "a",
           "home": "https://example.com/" + "x" * 80, "extra": {"deep": [1, 2]}, "words": LONG * 3}  # fmt: skip
    await add_values(admin, made, [row, {"name": "only a name"}, row])
    job = await add_job(admin, acme, kind="dataset.import")
    user = await add_user(admin, acme, LONG, f"{'x' * 60}@example.com", options=json.dumps({LONG: row}))
    intent = {"stripe_payment_intent": f"pi_{'x' * 60}", "failure": LONG, "description": LONG, "amount_minor": 2**60}
    await add_payment(admin, acme, user_id=user, status="failed", **intent)
    await admin.execute("UPDATE jobs SET error = $2, attempts = 3, finished_at = now() WHERE id = $1", job, LONG)
    await add_failure(admin, job, f"dataset.import ValueError app/{'x' * 60}.py:read {LONG}")
    await add_bulk_act(admin, product.company.ann.staff_id, job, LONG)
    groups = json.dumps([{"field": "people", "code": "not_a_number", "count": 1}])
    await admin.execute(
        "UPDATE imports SET rows_bad = 1, error_groups = $2, job_id = $3, started_at = now(), finished_at = now(),"
        " filename = $4 WHERE dataset_id = $1",
        *(made.id, groups, job, "-".join(LONG.split()) + ".csv"),
    )
    await admin.execute(
        "INSERT INTO import_errors (import_id, team_id, n, line, field, code, message, raw)"
        " SELECT id, team_id, 1, 7, 'people', 'not_a_number', 'This is no whole number.', $2 FROM imports"
        " WHERE dataset_id = $1",
        *(made.id, LONG),
    )
    await admin.execute(
        "INSERT INTO audit_entries (team_id, actor_id, actor_name, actor_kind, action, target_type, target_id,"
        " target_label, reason, before, after) SELECT team_id, $2, 'Ann Adler', 'staff', 'dataset.renamed', 'dataset',"
        " id::text, name, $3, $4, $5 FROM datasets WHERE id = $1",
        *(made.id, product.company.ann.staff_id, LONG, json.dumps({"name": "Before"}), json.dumps({"name": LONG})),
    )
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def visit(browser: Browser, product: Product) -> AsyncIterator[BrowserContext]:
    """The browser of ann, who looks at one screen after the other."""
    context = await new_context(browser)
    await product.enter(context, product.company.ann)
    yield context
    await context.close()


@pytest.mark.parametrize("path", [screen.path for screen in SCREENS])
async def test_screen(product: Product, records: Records, visit: BrowserContext, axe: Report, path: str) -> None:
    problems: list[str] = []

    def console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            problems.append(message.text)

    def script_error(error: Error) -> None:
        problems.append(f"Script error: {error}")

    for viewport, themes in ((DESK, ("light", "dark")), (PHONE, ("dark",))):
        page = await visit.new_page()
        await page.set_viewport_size({"width": viewport[0], "height": viewport[1]})
        page.on("console", console)
        page.on("pageerror", script_error)
        answer = await page.goto(product.origin + records.address(path))
        assert answer is not None
        assert answer.status == 200
        await _settled(page, path)
        for theme in themes:
            await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            await expect(page.locator("html")).to_have_attribute("data-theme", theme)
            problems += [f"{theme} {viewport[0]} {found}" for found in await axe(page)]
        for width, height in (viewport, *([SMALL_DESK] if viewport == DESK else [])):
            await page.set_viewport_size({"width": width, "height": height})
            problems += [f"{width}: {found}" for found in await misfits(page)]
        await page.close()
    assert not problems, "\n".join(problems)


async def _settled(page: Page, path: str) -> None:
    """One h1 with the screen's name, and what it loads is there, under an accessible name."""
    heading = page.get_by_role("heading", level=1)
    await expect(heading).to_have_count(1)
    await expect(heading).not_to_be_empty()
    title = next(screen.title for screen in SCREENS if screen.path == path)
    if "{" not in path:
        await expect(heading).to_have_text(title)
    name = await heading.inner_text()
    await expect(page).to_have_title(f"{name.strip()} · Quarterdeck")
    await expect(page.locator(".bones, .qd-skeleton")).to_have_count(0)
    if path in TABLES:
        await expect(page.get_by_role("table", name=TABLES[path], exact=True)).to_have_attribute("aria-busy", "false")
    if path == "/datasets/{id}":
        await expect(page.get_by_role("grid", name=LONG)).to_be_visible()
        await expect(page.locator('[row-index="0"] [col-id="f0"]')).to_contain_text("A long name")


@pytest.mark.parametrize("path", [screen.path for screen in SCREENS])
async def test_screen_is_small(product: Product, records: Records, path: str) -> None:
    """Each element costs time at every opening: shell and screen have at most sixty each."""
    session = await product.session(product.company.ann)
    async with session.http(accept="text/html") as client:
        text = (await drawn(client, records.address(path))).text
    found = re.search(r"String\.raw`(.*?)`", html.unescape(text), re.DOTALL)
    assert found, text
    elements: dict[str, Any] = json.loads(found[1])
    assert len(elements) <= 2 * MOST_ELEMENTS
    screen = next(id_ for id_, element in elements.items() if "screen" in element.get("class", []))
    inside = _below(elements, screen)
    assert 0 < inside <= MOST_ELEMENTS
    assert len(elements) - inside <= MOST_ELEMENTS


def _below(elements: dict[str, Any], id_: str) -> int:
    children = [child for slot in elements[id_].get("slots", {}).values() for child in slot.get("ids", [])]
    return 1 + sum(_below(elements, str(child)) for child in [*children, *elements[id_].get("children", [])])


UNKNOWN = [screen.path for screen in SCREENS if "{" in screen.path]


@pytest.mark.parametrize("path", UNKNOWN)
@pytest.mark.parametrize("id_", [str(uuid7()), "not-an-id", "999999999999"], ids=["unknown", "strange", "number"])
async def test_unknown_record_is_404_in_the_frame(product: Product, path: str, id_: str) -> None:
    session = await product.session(product.company.ann)
    async with session.http(accept="text/html") as client:
        answer = await drawn(client, re.sub(r"\{\w+\}", id_, path))
    assert answer.status_code == 404
    said = html.unescape(answer.text).replace('\\"', '"')
    assert '"kind":"error"' in said
    assert "There is no such record. Check the address." in said or "does not exist, or you may not see it." in said


@pytest.mark.parametrize("path", [screen.path for screen in SCREENS if screen.path != "/"])
async def test_forbidden_screen_is_403(product: Product, records: Records, path: str) -> None:
    session = await product.session(product.company.nil)
    async with session.http(accept="text/html") as client:
        assert (await drawn(client, records.address(path))).status_code == 403


@pytest.mark.parametrize("path", ["/nowhere", "/datasets/x/y/z", "/jobs/1/2"])
async def test_unknown_address_is_404_and_leads_home(product: Product, page: Page, path: str) -> None:
    await product.enter(page.context, product.company.ann)
    assert await status(page, product.origin + path) == 404
    await expect(page.get_by_role("heading", level=1)).to_have_count(1)
    await page.get_by_role("link", name="Home").first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Home")
