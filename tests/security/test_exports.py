"""Taking lists away from the real product: who cannot, one at a time, and what a person sees of it in a browser."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
from playwright.async_api import Download, Page, expect

from tests.browser.conftest import OpenPage
from tests.factories import add_job
from tests.product import Product, http

CSV = "/export/datasets.csv"
WAITING = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'datasets'::regclass"


async def taken(product: Product) -> int:
    return int(await product.value("SELECT count(*) FROM audit_entries WHERE action = 'list.exported'"))


def told(answer: httpx.Response) -> str:
    """The sentence of a refusal."""
    assert answer.headers["content-type"] == "application/json"
    return str(answer.json()["message"])


async def test_nobody_and_no_other_site_takes_anything(product: Product) -> None:
    before = await taken(product)
    ann = await product.session(product.company.ann)
    async with http(product.origin) as nobody:
        assert (await nobody.post(CSV)).status_code == 401
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        async with ann.http(**headers) as client:
            assert (await client.post(CSV)).status_code == 403, headers
    async with ann.http() as client:
        answer = await client.get(CSV)  # as a link, an image or a reload would ask
        assert answer.status_code == 404
        assert "text/html" in answer.headers["content-type"]
    await ann.revoke()
    async with ann.http() as client:
        assert (await client.post(CSV)).status_code == 401
    assert await taken(product) == before


async def test_refusals_are_sentences_and_leave_no_entry(product: Product) -> None:
    before = await taken(product)
    vic, ann = await product.session(product.company.vic), await product.session(product.company.ann)
    async with vic.http() as client:
        answer = await client.post(CSV)
        assert answer.status_code == 403
        assert "lists:export" in told(answer)
    async with ann.http() as client:
        refused = {
            "/export/staff_sessions.csv": 404,
            "/export/%2e%2e.csv": 404,
            "/export/jobs.csv?status=eaten": 400,
            "/export/jobs.csv?sort=-input": 400,
            "/export/jobs.csv?page=nonsense": 400,
            "/export/jobs.csv?q=%00": 400,
            "/export/users.csv?team=x": 400,
        }
        for address, status in refused.items():
            answer = await client.post(address)
            assert answer.status_code == status, address
            assert told(answer)
    assert await taken(product) == before


async def test_the_entry_is_there_before_the_first_byte(product: Product) -> None:
    before = await taken(product)
    ann = await product.session(product.company.ann)
    async with ann.http() as client, client.stream("POST", CSV) as answer:
        assert answer.status_code == 200
        assert await taken(product) == before + 1
        head = answer.headers
        assert head["content-type"] == "text/csv; charset=utf-8"
        assert head["content-disposition"].startswith('attachment; filename="datasets-20')
        assert (head["cache-control"], head["x-content-type-options"]) == ("no-store", "nosniff")
        content = b"".join([piece async for piece in answer.aiter_raw()])
    assert len(content) == int(head["content-length"])
    assert len(list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))) == int(head["x-rows"])


@asynccontextmanager
async def waiting(product: Product) -> AsyncIterator[asyncpg.Connection]:
    """Whoever asks for datasets waits until the block ends."""
    async with product.behind() as admin, admin.transaction():
        await admin.execute("LOCK TABLE datasets IN ACCESS EXCLUSIVE MODE")
        yield admin


async def test_one_at_a_time_until_it_is_done_or_given_up(product: Product) -> None:
    before = await taken(product)
    one, two = await product.session(product.company.ann), await product.session(product.company.ann)
    async with one.http() as client, two.http() as other, asyncio.TaskGroup() as group, waiting(product):
        first = group.create_task(client.post(CSV))
        await product.until(WAITING)
        second = await other.post("/export/jobs.csv")
        assert (second.status_code, second.headers["retry-after"]) == (429, "2")
        assert "still running" in told(second)
        first.cancel()  # the browser hangs up
        await product.until(f"SELECT NOT ({WAITING})")
        while (again := await other.post("/export/jobs.csv")).status_code == 429:
            pass  # the server is told of it at its own pace
        assert again.status_code == 200
    assert await taken(product) == before + 1


async def test_a_download_that_is_broken_off_blocks_nobody(product: Product) -> None:
    ann = await product.session(product.company.ann)
    async with ann.http() as client:
        async with client.stream("POST", CSV) as answer:
            assert answer.status_code == 200
        while (again := await client.post(CSV)).status_code == 429:
            pass
        assert again.status_code == 200


async def _take(page: Page) -> None:
    await page.get_by_role("button", name="Export CSV").click()
    await page.get_by_role("dialog").get_by_role("button", name="Export CSV").click()


async def test_a_person_takes_a_filtered_list_away(product: Product, open_page: OpenPage) -> None:
    async with product.behind() as admin:
        for status in ("failed", "failed", "succeeded"):
            job_id = await add_job(admin, product.company.nordlicht, status)
            await admin.execute("UPDATE jobs SET error = '=cmd()' WHERE id = $1", job_id)
    page = await open_page()
    session = await product.enter(page.context, product.company.ann)
    await page.goto(f"{product.origin}/jobs?status=failed&created_at=24h&team={product.company.nordlicht}")
    button = page.get_by_role("button", name="Export CSV")
    await button.click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("All 2 rows that match go into the file.")
    async with page.expect_download() as download:
        await page.keyboard.press("Enter")  # the button that has the focus
    file = await download.value
    assert file.suggested_filename.startswith("jobs-20")
    rows = list(csv.DictReader(io.StringIO((await _content(file)).decode("utf-8-sig"))))
    assert [(row["status"], row["team"], row["error"]) for row in rows] == [("failed", "Nordlicht", "'=cmd()")] * 2
    await expect(page.get_by_text("Exported 2 rows.")).to_be_visible()
    await expect(button).to_be_focused()
    await page.goto(f"{product.origin}/audit?action=list.exported&at=24h")
    await page.get_by_role("link", name="exported Jobs (2 rows)").first.click()
    await expect(page.get_by_text("Nordlicht")).not_to_be_visible()
    await expect(page.get_by_role("definition").filter(has_text="24h")).to_be_visible()

    # What is refused is told beside the list, which stays.
    await page.goto(f"{product.origin}/jobs")
    staff = "UPDATE staff SET role = $2 WHERE id = $1"
    await product.fetch(staff, product.company.ann.staff_id, "viewer")
    try:
        await _take(page)
        await expect(page.get_by_text("does not include “lists:export”")).to_be_visible()
        await expect(page.get_by_role("table", name="Jobs")).to_be_visible()
        await session.revoke(told=False)
        await _take(page)
        await page.wait_for_url("**/login?next=%2Fjobs")
    finally:
        await product.fetch(staff, product.company.ann.staff_id, "admin")


async def _content(file: Download) -> bytes:
    return await asyncio.to_thread((await file.path()).read_bytes)


async def test_who_may_not_is_not_offered_it(product: Product, open_page: OpenPage) -> None:
    page = await open_page()
    await product.enter(page.context, product.company.vic)
    await page.goto(f"{product.origin}/jobs")
    await expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()
    await expect(page.get_by_role("search")).to_be_visible()
    await expect(page.get_by_role("button", name="Export CSV")).to_have_count(0)
