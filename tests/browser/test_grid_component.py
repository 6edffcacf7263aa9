"""The grid, its filters, the upload and the column table, in Chromium, over invented rows."""

import re
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from tests.browser.grid_hands import cell, go_to, seen, top_numbers
from tests.ports import free_port
from tests.warm import Warm

pytestmark = pytest.mark.browser

Open = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="module")
def harness() -> Iterator[str]:
    """The address of the harness, a process of its own."""
    port = free_port()
    process = Warm("tests.browser.grid_harness", str(port))
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(address + "/login").close()  # noqa: S310  # our own address
                break
            except OSError:
                assert process.poll() is None, "the harness ended"
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest_asyncio.fixture(loop_scope="session")
async def visit(harness: str, browser: Browser) -> AsyncIterator[Open]:
    """Open a path of the harness in a context of its own; a script error fails the test."""

    opened: list[Page] = []

    async def open_(path: str, width: int = 1280, height: int = 760, theme: str = "light") -> Page:
        page = await browser.new_page(base_url=harness, viewport={"width": width, "height": height})
        opened.append(page)
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        await page.goto(path)
        await page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        return page

    yield open_
    for page in opened:
        await page.close()


async def test_first_rows_are_text_only(visit: Open) -> None:
    page = await visit("/grid/336776")
    await expect(page.get_by_role("grid", name="Flights")).to_be_visible()
    await expect(page.get_by_text("Row 1 of 336,776 · 0.003 s")).to_be_visible()
    await expect(cell(page, 0, "year")).to_have_text("2013")
    await expect(cell(page, 0, "dep_delay")).to_have_text("–")
    await expect(cell(page, 0, "time_hour")).to_have_text("2013-09-01 00:00Z")
    await expect(cell(page, 0, "notes")).to_contain_text("<b>bold</b>")
    await page.get_by_role("grid").hover()
    await page.mouse.wheel(2000, 0)
    await expect(cell(page, 1, "home")).to_have_text("javascript:window.hacked=1")
    assert await cell(page, 1, "home").locator("a").count() == 0
    assert await page.evaluate("window.hacked") is None


@pytest.mark.parametrize(
    ("total", "row"),
    [(336_776, 336_776), (336_776, 200_000), (900_000, 900_000), (5_000_000, 5_000_000), (5_000_000, 2_400_000)],
)
async def test_every_row_is_reached_at_once(visit: Open, total: int, row: int) -> None:
    page = await visit(f"/grid/{total}")
    await expect(cell(page, 0, "flight")).to_have_text("UA0")
    await go_to(page, row)
    await expect(page.get_by_role("link", name=f"Open row {row:,}", exact=True)).to_be_in_viewport()
    assert f"of {total:,}" in await page.locator(".qd-place").inner_text()


async def test_the_wheel_skips_no_row_where_the_window_moves(visit: Open) -> None:
    page = await visit("/grid/5000000")
    await expect(cell(page, 0, "flight")).to_have_text("UA0")
    await go_to(page, 2_000_000)
    await expect(page.get_by_role("link", name="Open row 2,000,000")).to_be_in_viewport()
    # Near the end of the window, without any jump of ours: as if somebody had scrolled that far.
    await page.evaluate("document.querySelector('.ag-body-viewport').scrollTop += 120000 * 36")
    await expect(page.locator(".qd-place")).to_contain_text("Row 2,120,000 ")
    await expect(page.locator('[row-index="200099"]')).not_to_have_count(0)
    await page.locator(".ag-center-cols-viewport").hover()
    numbers: set[int] = set(await top_numbers(page))
    for turn in range(1, 13):  # a turn is ten rows; the next one comes when this one has arrived, however slow it was
        await page.mouse.wheel(0, 360)
        await expect(page.locator(".qd-place")).to_contain_text(f"Row {2_120_000 + 10 * turn:,} ")
        await expect(page.get_by_role("link", name=f"Open row {2_120_000 + 10 * turn:,}")).to_have_count(1)
        numbers.update(await top_numbers(page))
    assert numbers == set(range(min(numbers), max(numbers) + 1))
    assert 2_120_120 in numbers


async def test_the_rail_and_the_keyboard_reach_both_ends(visit: Open) -> None:
    page = await visit("/grid/5000000")
    await cell(page, 2, "flight").click()
    await page.keyboard.press("Control+End")
    await expect(page.get_by_role("link", name="Open row 5,000,000")).to_be_in_viewport()
    await page.keyboard.press("Control+Home")
    await expect(page.get_by_role("link", name="Open row 1", exact=True)).to_be_in_viewport()
    rail = page.get_by_role("scrollbar", name="Position among all rows")
    box = await rail.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 7, box["y"] + 10)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 7, box["y"] + box["height"] / 2, steps=6)
    await page.mouse.move(box["x"] + 7, box["y"] + box["height"], steps=6)
    await page.mouse.up()
    await expect(page.get_by_role("link", name="Open row 5,000,000")).to_be_in_viewport()
    await rail.press("Home")
    await expect(page.get_by_role("link", name="Open row 1", exact=True)).to_be_in_viewport()


async def test_sort_and_filters_live_in_the_url(visit: Open) -> None:
    page = await visit("/grid/1000")
    await page.get_by_role("columnheader", name="year").click()
    await page.wait_for_url(re.compile(r"\?sort=year$"))
    await page.get_by_role("columnheader", name="year").click()
    await page.wait_for_url(re.compile(r"\?sort=-year$"))
    await expect(cell(page, 0, "flight")).to_have_text("UA999")
    await expect(page.get_by_role("columnheader", name="year")).to_have_attribute("aria-sort", "descending")
    await page.get_by_role("button", name="+ Filter").press("Enter")
    await page.get_by_label("Field", exact=True).select_option("origin")
    await page.get_by_role("checkbox", name="EWR").check()
    await page.get_by_role("button", name="Add filter").press("Enter")
    await page.wait_for_url(re.compile(r"\?sort=-year&f=origin\.in\.EWR$"))
    await expect(page.get_by_text("Row 1 of the first 10,000 of more · 0.003 s · read every row")).to_be_visible()
    await page.get_by_role("button", name="Remove filter Origin is EWR").click()
    await page.wait_for_url(re.compile(r"\?sort=-year$"))
    await expect(page.get_by_text("Row 1 of 1,000")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_role("button", name="Remove filter Origin is EWR")).to_be_visible()


async def test_a_filter_is_checked_and_changed(visit: Open) -> None:
    page = await visit("/grid/1000?f=year.gt.2000")
    await page.get_by_role("button", name="year over 2000", exact=True).click()
    await expect(page.get_by_role("dialog", name="Change a filter")).to_be_visible()
    await page.get_by_label("Value", exact=True).fill("soon")
    await page.get_by_role("button", name="Change filter").click()
    await expect(page.get_by_text("“soon” is not a whole number.")).to_be_visible()
    await page.get_by_label("Condition", exact=True).select_option("between")
    await page.get_by_label("From", exact=True).fill("1")
    await page.get_by_label("To", exact=True).fill("2")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Remove filter year between 1 and 2")).to_be_visible()
    await page.get_by_role("button", name="+ Filter").click()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("button", name="+ Filter")).to_be_focused()


async def test_states_name_the_way_out(visit: Open) -> None:
    page = await visit("/grid/1000?f=flight.is.slow")
    await expect(page.get_by_role("alert")).to_contain_text("The filter “flight is slow” has to read too many rows.")
    await page.get_by_role("button", name="Clear filters").click()
    await expect(cell(page, 0, "flight")).to_have_text("UA0")
    page = await visit("/grid/1000?f=flight.is.broken")
    await expect(page.get_by_role("alert")).to_contain_text("The database does not answer.")
    await page.get_by_role("button", name="Try again").click()
    await expect(cell(page, 0, "flight")).to_have_text("UA0")
    page = await visit("/grid/1000?f=flight.is.nothing")
    await expect(page.get_by_text("No row matches these filters")).to_be_visible()
    page = await visit("/grid/0")
    await expect(page.get_by_text("No rows yet")).to_be_visible()


async def test_a_lost_session_leads_to_the_sign_in(visit: Open) -> None:
    page = await visit("/grid/1000")
    await expect(cell(page, 0, "flight")).to_have_text("UA0")
    await page.evaluate("emitEvent('sub_pages_navigate', '/grid/1000?f=flight.is.signedout')")
    await page.wait_for_url("**/login?next=%2Fgrid%2F1000%3Ff%3Dflight.is.signedout")


async def test_cancel_stops_the_question_on_the_server(visit: Open) -> None:
    page = await visit("/grid/336776?f=flight.is.forever")
    before = (await seen(page))["gone"]
    await expect(page.get_by_text("This filter reads all 336,776 rows; it may take a moment.")).to_be_visible()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_text("Stopped", exact=True)).to_be_visible()
    while (await seen(page))["gone"] == before:
        await page.wait_for_timeout(50)


async def test_a_newer_view_wins_over_an_older_answer(visit: Open) -> None:
    page = await visit("/grid/1000")
    await expect(cell(page, 0, "flight")).to_have_text("UA0")
    await page.evaluate("emitEvent('sub_pages_navigate', '/grid/1000?f=flight.is.forever')")
    await expect(page.get_by_role("button", name="Remove filter flight is forever")).to_be_visible()
    await page.evaluate("emitEvent('sub_pages_navigate', '/grid/1000?sort=-year')")
    await expect(cell(page, 0, "flight")).to_have_text("UA999")


async def test_edit_is_saved_by_keyboard_and_cancelled_by_escape(visit: Open) -> None:
    page = await visit("/grid/1001")
    await cell(page, 10, "flight").click()
    await page.keyboard.type("ZZ9")
    await page.keyboard.press("Enter")
    await expect(cell(page, 10, "flight")).to_have_text("ZZ9")
    await expect(page.locator(".qd-saving")).to_have_count(0)
    assert ["row-10", "flight", "UA10", "ZZ9"] in (await seen(page))["edits"]
    await cell(page, 11, "flight").dblclick()
    await page.keyboard.type("lost on purpose")
    await page.keyboard.press("Escape")
    await expect(cell(page, 11, "flight")).to_have_text("UA11")


async def test_each_type_has_its_editor(visit: Open) -> None:
    page = await visit("/grid/1002", width=2200)
    await cell(page, 4, "cancelled").dblclick()
    await page.get_by_label("cancelled").select_option("Yes")
    await page.keyboard.press("Enter")
    await expect(cell(page, 4, "cancelled")).to_have_text("Yes")
    await cell(page, 4, "day").dblclick()
    await page.get_by_label("day").fill("2020-02-29")
    await page.keyboard.press("Enter")
    await expect(cell(page, 4, "day")).to_have_text("2020-02-29")
    await cell(page, 4, "time_hour").dblclick()
    await page.get_by_label("time_hour").fill("2020-02-29T13:14:15")
    await page.keyboard.press("Enter")
    await expect(cell(page, 4, "time_hour")).to_have_text("2020-02-29 13:14:15Z")
    await cell(page, 5, "tags").dblclick()
    await page.get_by_role("checkbox", name="early").check()
    await page.keyboard.press("Enter")
    await expect(cell(page, 5, "tags")).to_have_text("late, very; early; night")
    await cell(page, 4, "dep_delay").dblclick()
    await page.get_by_label("dep_delay").fill("")
    await page.keyboard.press("Enter")
    await expect(cell(page, 4, "dep_delay")).to_have_text("–")
    edits = (await seen(page))["edits"]
    assert ["row-4", "time_hour", "2013-09-05T04:00:00Z", "2020-02-29T13:14:15Z"] in edits
    assert ["row-5", "tags", ["late, very", "night"], ["late, very", "early", "night"]] in edits
    assert ["row-4", "dep_delay", -5.5, None] in edits


async def test_a_wrong_number_stays_in_the_editor(visit: Open) -> None:
    page = await visit("/grid/1003")
    await cell(page, 20, "year").dblclick()
    await page.keyboard.type("20x3")
    await expect(page.get_by_text("Type a whole number, such as 42.")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("year")).to_have_value("20x3")
    await page.locator(".qd-foot").click(position={"x": 400, "y": 10})
    await expect(page.get_by_role("alert")).to_contain_text("“20x3” is not saved. Type a whole number")
    await cell(page, 20, "year").dblclick()
    await expect(page.get_by_label("year")).to_have_value("20x3")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Discard").click()
    await expect(cell(page, 20, "year")).to_have_text("2013")


async def test_what_was_typed_outlives_refusals_conflicts_and_a_reload(visit: Open) -> None:
    page = await visit("/grid/1004")
    await cell(page, 7, "flight").click()
    await page.keyboard.type("down")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("The database does not answer.")
    await page.reload()
    await expect(cell(page, 7, "flight")).to_contain_text("down")
    await page.get_by_role("button", name="Try again").click()
    await expect(cell(page, 7, "flight")).to_have_text("down")
    await expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    await cell(page, 8, "flight").click()
    await page.keyboard.type("conflict")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Somebody changed this cell meanwhile.")
    await page.get_by_role("button", name="Save mine").click()
    await expect(cell(page, 8, "flight")).to_have_text("conflict")
    assert ["row-8", "flight", "theirs", "conflict"] in (await seen(page))["edits"]


async def test_offline_keeps_what_was_typed(visit: Open) -> None:
    page = await visit("/grid/1005")
    await cell(page, 9, "flight").click()
    await page.keyboard.type("OFF")
    await page.context.set_offline(True)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("There is no connection to the server.")
    await page.context.set_offline(False)
    await expect(cell(page, 9, "flight")).to_contain_text("OFF")


async def test_a_change_by_somebody_else_shows_in_place(visit: Open) -> None:
    page = await visit("/grid/1006")
    await expect(cell(page, 2, "flight")).to_have_text("UA2")
    await page.get_by_role("button", name="Somebody else edits row 3").click()
    await expect(cell(page, 2, "flight")).to_have_text("LIVE")
    await expect(page.get_by_text("Row 1 of 1,006")).to_be_visible()


async def test_the_number_opens_the_row(visit: Open) -> None:
    page = await visit("/grid/1007")
    await page.get_by_role("link", name="Open row 4", exact=True).click()
    await expect(page.get_by_text("Page of row-3 in 1007")).to_be_visible()


async def test_upload_counts_and_is_heard(visit: Open) -> None:
    page = await visit("/upload")
    await page.get_by_label("File").set_input_files(
        {"name": "flights.csv", "mimeType": "text/csv", "buffer": b"a,b\n" * 1000}
    )
    await expect(page.get_by_text("Python heard of flights.csv, 4000 bytes")).to_be_visible()
    await expect(page.get_by_text("4,000 bytes")).to_be_visible()


async def test_upload_refusals_are_sentences(visit: Open, tmp_path: Path) -> None:
    page = await visit("/upload")
    file = page.get_by_label("File")
    big = tmp_path / "big.csv"
    big.write_bytes(b"x" * 31_000_000)
    await file.set_input_files(big)
    await expect(page.get_by_role("alert")).to_contain_text("This file has 31 MB; at most 30 MB can be sent.")
    await file.set_input_files({"name": "refused.png", "mimeType": "image/png", "buffer": b"x"})
    await expect(page.get_by_role("alert")).to_contain_text("This is a picture, not a table.")
    await page.context.set_offline(True)
    await file.set_input_files({"name": "later.csv", "mimeType": "text/csv", "buffer": b"x"})
    await expect(page.get_by_role("alert")).to_contain_text("The file is still chosen.")
    await page.context.set_offline(False)
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_text("Python heard of later.csv, 1 bytes")).to_be_visible()


async def test_upload_is_cancelled(visit: Open, tmp_path: Path) -> None:
    page = await visit("/upload")
    crawl = tmp_path / "crawl.csv"
    crawl.write_bytes(b"x" * 6_000_000)
    await page.get_by_label("File").set_input_files(crawl)
    await expect(page.get_by_role("progressbar", name="Upload")).to_be_visible()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_text("Drop a file here")).to_be_visible()


async def test_columns_can_be_changed(visit: Open) -> None:
    page = await visit("/columns")
    await expect(page.get_by_role("table", name="Columns")).to_be_visible()
    await expect(page.get_by_role("table", name="Preview").get_by_role("cell", name="20x3")).to_have_class(
        "qd-end qd-rejected"
    )
    await page.get_by_label("Type of dep time").select_option("text")
    await page.get_by_role("button", name="NA 8,255").click()
    await page.get_by_label("carrier is required").check()
    await expect(
        page.get_by_text("ColumnChoice(key='dep_time', label='dep time', type='text', missing=('',), required=False)")
    ).to_be_visible()
    await expect(
        page.get_by_text("ColumnChoice(key='carrier', label='carrier', type='text', missing=(), required=True)")
    ).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "path", ["/grid/5000000?f=origin.in.EWR", "/grid/5000000", "/grid/1000?f=flight.is.slow", "/upload", "/columns"]
)
async def test_axe_finds_nothing_serious(visit: Open, path: str, theme: str) -> None:
    page = await visit(path, theme=theme)
    await page.locator(":is(.ag-row,.qd-card,.qd-drop,.qd-columns)").first.wait_for()
    await expect(page.locator(".qd-skeleton")).to_have_count(0)
    results = await Axe().run(page, context=".nicegui-sub-pages :is(.qd-grid,.qd-filters,.qd-drop,.qd-columns)")
    serious = [
        (v["id"], v["nodes"][0]["html"][:200], v["nodes"][0].get("failureSummary"))
        for v in results.response["violations"]
        if v["impact"] in ("serious", "critical")
    ]
    assert not serious


async def test_a_phone_scrolls_inside_the_grid(visit: Open) -> None:
    page = await visit("/grid/5000000", width=390)
    await expect(cell(page, 0, "flight")).to_be_in_viewport()
    assert await page.evaluate("document.documentElement.scrollWidth <= 390")
