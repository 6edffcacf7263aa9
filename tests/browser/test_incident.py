"""An incident: 500 jobs fail for three reasons. Somebody finds a cause, repairs it, and settles what failed so."""

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from app.ids import uuid7
from tests.browser.conftest import OpenPage, Report, Screenshot
from tests.product import Product

pytestmark = pytest.mark.timeout(240)

MOST_CLICKS = 12
NO_LANGUAGE, NO_FOLDER, NO_TEMPLATE = 310, 120, 70
GOOD = {"template": "report", "title": "Contract", "language": "en", "pages": 1}
_SUBMIT = """
    INSERT INTO jobs (id, team_id, kind, input, queue, priority, status, epoch, attempts, max_attempts, run_after,
                      deliveries, progress, progress_done, progress_text, cost_micros, created_at)
    VALUES ($1, $2, 'document.generate', $3, 'documents', 0, 'queued', 0, 0, 1, now(), 0, 0, 0, '', 0, now())
"""
_ALIKE = """
    INSERT INTO jobs (id, team_id, kind, input, queue, priority, status, epoch, attempts, max_attempts, run_after,
                      deliveries, progress, progress_done, progress_text, cost_micros, created_at, started_at,
                      finished_at, error_code, error, error_signature)
    SELECT alike, team_id, kind, input, queue, priority, status, epoch, attempts, max_attempts, run_after, deliveries,
        progress, progress_done, progress_text, cost_micros, created_at, started_at, finished_at, error_code, error,
        error_signature
    FROM jobs, unnest($2::uuid[]) AS alike WHERE id = $1
"""
_OF_ACT = "SELECT job_id FROM bulk_items WHERE bulk_id = (SELECT id FROM bulk_acts WHERE verb = $1)"


class Person:
    """Somebody at a page, whose clicks are counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks = page, 0

    async def click(self, target: Locator) -> None:
        self.clicks += 1
        await target.click()

    async def consents(self, verb: str, jobs: int, reason: str, *, rate: str) -> None:
        """Fill in the dialog of a bulk act, and see it through."""
        dialog = self.page.get_by_role("dialog", name=f"{verb} {jobs} jobs?")
        await self.click(dialog.get_by_label("Reason"))
        await self.page.keyboard.type(reason)
        self.clicks += 1  # a select is opened by one
        await dialog.get_by_label("How fast").select_option(rate)
        await self.click(dialog.get_by_role("button", name=f"{verb} {jobs} jobs"))
        await expect(self.page.get_by_role("heading", level=1)).to_contain_text(f"{verb} {jobs} jobs")


async def test_five_hundred_jobs_fail_and_are_settled(
    product: Product, open_page: OpenPage, axe: Report, screenshot: Screenshot
) -> None:
    documents = await everything_fails(product)
    page = await open_page()
    await product.enter(page.context, product.company.ann)
    await page.goto(product.origin)
    ann = Person(page)

    await ann.click(page.get_by_role("navigation").get_by_role("link", name="Failures"))
    groups = page.get_by_role("table", name="Failures").locator("tbody tr[data-id]")
    await expect(groups).to_have_count(3)
    for row, failed in enumerate((NO_LANGUAGE, NO_FOLDER, NO_TEMPLATE)):  # most jobs first
        await expect(groups.nth(row)).to_contain_text(re.compile(rf"\b{failed}\b"))
        await expect(groups.nth(row)).to_contain_text("New")
    assert await axe(page) == []
    await screenshot(page, "incident-failures-light-1440")

    await ann.click(groups.nth(1).get_by_role("link").first)
    cause = page.get_by_role("main")
    await expect(cause).to_contain_text("FileExistsError")
    await expect(cause).to_contain_text("app/worker/tasks/documents.py:keep")
    await expect(cause).to_contain_text(str(documents))  # the sample says which folder it is
    await screenshot(page, "incident-cause-light-1440")
    documents.unlink()  # what stood in the way is put away

    await ann.click(page.get_by_role("button", name="Retry all"))
    await ann.consents("Retry", NO_FOLDER, "The folder of documents is repaired, incident 12", rate="50")
    await product.until(
        f"SELECT count(*) = {NO_FOLDER} FROM jobs WHERE status = 'succeeded' AND id IN ({_OF_ACT})", "retry"
    )
    await screenshot(page, "incident-retried-light-1440")

    await ann.click(page.get_by_role("navigation").get_by_role("link", name="Failures"))
    await expect(groups).to_have_count(2)
    await ann.click(groups.nth(1).get_by_role("button", name="Actions"))
    await ann.click(page.get_by_role("button", name="Cancel all"))
    await ann.consents("Cancel", NO_TEMPLATE, "Ordered with a template that was withdrawn, incident 12", rate="50")
    await product.until(
        f"SELECT count(*) = {NO_TEMPLATE} FROM jobs WHERE status = 'cancelled' AND id IN ({_OF_ACT})", "cancel"
    )
    assert ann.clicks <= MOST_CLICKS

    await the_log_tells_the_story(page, product)
    assert (
        await product.value("SELECT count(*) FROM jobs WHERE status = 'failed'") == NO_LANGUAGE
    )  # nobody touched them
    assert len(list(documents.glob("*.txt"))) == NO_FOLDER


async def everything_fails(product: Product) -> Path:
    """The worker really fails the first of each kind; the others failed alike. Returns the folder that is none."""
    documents = product.settings.data_dir / "documents"
    documents.parent.mkdir(parents=True, exist_ok=True)
    documents.write_text("A file stands where the folder should be.")
    orders: tuple[tuple[int, dict[str, str]], ...] = (
        (NO_FOLDER, {}),
        (NO_TEMPLATE, {"template": "wedding"}),
        (NO_LANGUAGE, {"language": "tlh"}),
    )
    for many, wrong in orders:
        first = uuid7()
        await product.fetch(_SUBMIT, first, product.company.acme, json.dumps(GOOD | wrong))
        await product.until("SELECT status = 'failed' FROM jobs WHERE id = $1", first)
        await product.fetch(_ALIKE, first, [uuid7() for _ in range(many - 1)])
    # What is no refusal leaves a traceback in the log, which otherwise has none.
    assert product.log.read_text().count("Traceback") == 1
    product.log.write_text("")
    return documents


async def the_log_tells_the_story(page: Page, product: Product) -> None:
    """Who decided what about how many jobs, and why; each of the jobs is told of, too."""
    await page.goto(f"{product.origin}/audit?action=bulk.started")
    entries = page.get_by_role("table", name="Audit log").locator("tbody tr[data-id]")
    await expect(entries).to_have_count(2)
    for entry, reason in ((0, "template that was withdrawn, incident 12"), (1, "folder of documents is repaired")):
        await expect(entries.nth(entry)).to_contain_text("Ann Adler")
        await expect(entries.nth(entry)).to_contain_text(reason)
    told = await product.fetch("SELECT action, count(*) AS n FROM audit_entries WHERE target_type = 'job' GROUP BY 1")
    assert {row["action"]: row["n"] for row in told} == {"job.retried": NO_FOLDER, "job.cancelled": NO_TEMPLATE}
