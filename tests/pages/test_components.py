"""The components in Chromium: what they show, how they behave by mouse and by keyboard, and whom they keep out."""

import re

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.browser
SCREENS = ("/", "/jobs", "/states", "/jobs?status=failed&q=nothing+like+this", "/nope")


def rows(page: Page) -> Locator:
    return page.get_by_role("table", name="Jobs").locator("tbody tr")


async def open_jobs(page: Page, query: str = "") -> None:
    await page.goto(f"/jobs{query}")
    await expect(rows(page).first).to_be_visible()


async def serious(page: Page) -> list[str]:
    found = await Axe().run(page)
    return [
        f"{v['id']}: {[n['html'][:120] for n in v['nodes'][:3]]}"
        for v in found.response["violations"]
        if v["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("path", SCREENS)
async def test_no_serious_finding_of_axe(browser: Browser, gallery: str, path: str) -> None:
    context = await browser.new_context(viewport={"width": 1440, "height": 844}, base_url=gallery)
    page = await context.new_page()
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")
    await page.goto(path)
    await expect(page.get_by_role("heading", level=1)).to_have_count(1)
    await expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert await serious(page) == []
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert await serious(page) == []
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await serious(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    await context.close()


async def test_open_menus_and_dialogs_have_no_serious_finding(page: Page) -> None:
    await open_jobs(page)
    await page.get_by_role("button", name="Account of").click()
    assert await serious(page) == []
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="+ Filter").click()
    assert await serious(page) == []
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Retry").first.click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await serious(page) == []


async def test_filters_stand_in_the_address_and_back_works(page: Page) -> None:
    await open_jobs(page)
    await page.get_by_role("button", name="Status any").click()
    await page.get_by_role("checkbox", name="Failed").check()
    await expect(page).to_have_url(re.compile(r"status=failed"))
    await expect(page.get_by_role("status").filter(has_text="24 shown · 24 match")).to_be_visible()
    await expect(rows(page).locator(".st:not(.bad)")).to_have_count(0)
    await page.go_back()
    await expect(rows(page)).to_have_count(50)
    await page.go_forward()
    await page.get_by_role("button", name="Remove filter Status").click()
    await expect(page).not_to_have_url(re.compile("status"))
    await expect(rows(page)).to_have_count(50)


async def test_pages_are_turned_by_buttons(page: Page) -> None:
    await open_jobs(page)
    first = await rows(page).first.get_attribute("data-id")
    await expect(page.get_by_role("button", name="Previous page")).to_be_disabled()
    await page.get_by_role("button", name="Next page").click()
    await expect(rows(page).first).not_to_have_attribute("data-id", first or "")
    await page.get_by_role("button", name="Next page").click()
    await expect(rows(page)).to_have_count(20)
    await expect(page.get_by_role("button", name="Next page")).to_be_disabled()


async def test_search_and_what_hides_everything(page: Page) -> None:
    await open_jobs(page)
    await page.get_by_role("searchbox").fill("nothing like this")
    await page.get_by_role("searchbox").press("Enter")
    await expect(page.get_by_role("heading", name="Nothing matches these filters")).to_be_visible()
    await page.get_by_role("button", name="Clear filters").click()
    await expect(rows(page)).to_have_count(50)
    await expect(page.get_by_role("searchbox")).to_have_value("")


async def test_the_list_is_sorted_by_keyboard(page: Page) -> None:
    await open_jobs(page)
    head = page.get_by_role("columnheader", name="Created")
    await expect(head).to_have_attribute("aria-sort", "ascending")
    await head.get_by_role("button").press("Enter")
    await expect(head).to_have_attribute("aria-sort", "descending")
    await expect(page).to_have_url(re.compile("sort=-number"))


async def test_a_record_is_opened_by_keyboard_and_the_trail_leads_back(page: Page) -> None:
    await open_jobs(page)
    await rows(page).first.focus()
    await page.keyboard.press("j")
    second = await rows(page).nth(1).get_attribute("data-id")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(f"/jobs/{second}"))
    await expect(page.get_by_role("heading", level=1, name="dataset.import")).to_be_visible()
    await expect(page).to_have_title("dataset.import · Quarterdeck")
    await page.get_by_label("You are here").get_by_role("link", name="Jobs").click()
    await expect(rows(page)).to_have_count(50)


async def test_a_reason_is_asked_and_focus_returns(page: Page) -> None:
    await open_jobs(page)
    retry = page.get_by_role("button", name="Retry").first
    await retry.focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Why retry this job?")
    await expect(dialog.get_by_label("Reason")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(retry).to_be_focused()
    await page.keyboard.press("Enter")
    await dialog.get_by_label("Reason").fill("The model is back")
    await dialog.get_by_role("button", name="Retry").click()
    await expect(page.get_by_text("is queued again: The model is back")).to_be_visible()


async def test_a_refusal_in_a_click_becomes_a_toast(page: Page) -> None:
    await open_jobs(page, "?status=running")
    await page.get_by_role("button", name="Cancel").first.click()
    await expect(page.get_by_text("This job has ended already.")).to_be_visible()
    await page.goto("/states")
    await page.get_by_role("button", name="Break").click()
    await expect(
        page.get_by_text(re.compile(r"Something went wrong on our side\. Reference \w{4}-\w{2}"))
    ).to_be_visible()


async def test_what_a_dialog_refuses_stays_in_it(page: Page) -> None:
    await open_jobs(page)
    await rows(page).first.locator("td.main a").click()
    await page.get_by_role("button", name="Rename").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("taken")
    await dialog.get_by_role("button", name="Rename").click()
    await expect(dialog.get_by_text("Another job has this name.")).to_be_visible()
    await expect(dialog.get_by_label("Name")).to_be_focused()
    await expect(dialog.get_by_label("Name")).to_have_value("taken")
    await dialog.get_by_label("Name").fill("free")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Renamed to free.")).to_be_visible()


async def test_what_cannot_be_undone_needs_the_name(page: Page) -> None:
    await open_jobs(page)
    await rows(page).first.locator("td.main a").click()
    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("button", name="Delete job").click()
    dialog = page.get_by_role("dialog")
    go = dialog.get_by_role("button", name="Delete job")
    await dialog.get_by_label("Reason").fill("Made by mistake")
    await expect(go).to_be_disabled()
    await dialog.get_by_label("Type “document.generate” to confirm").fill("document.generate")
    await go.click()
    await expect(page.get_by_text("Deleted.")).to_be_visible()


async def test_a_conflict_is_decided_field_by_field(page: Page) -> None:
    await open_jobs(page)
    await rows(page).first.locator("td.main a").click()
    await page.get_by_role("button", name="Meet a conflict").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text("Tom Reyes changed it 20 s ago.")).to_be_visible()
    await dialog.get_by_role("radio", name="Take theirs").check()
    await dialog.get_by_role("button", name="Save my choice").click()
    await expect(page.get_by_text("Chosen: {'delay': 'theirs'}")).to_be_visible()


async def test_new_rows_announce_themselves_and_move_nothing(page: Page) -> None:
    await open_jobs(page)
    first = await rows(page).first.get_attribute("data-id")
    await page.get_by_role("button", name="Add seven").click()
    show = page.get_by_role("button", name="7 new, show")
    await expect(show).to_be_visible()
    await expect(rows(page).first).to_have_attribute("data-id", first or "")
    await page.get_by_role("searchbox").fill("half a wo")
    await page.get_by_role("button", name="Add seven").click()
    await expect(page.get_by_role("button", name="14 new, show")).to_be_visible()
    await expect(page.get_by_role("searchbox")).to_have_value("half a wo")
    show = page.get_by_role("button", name="14 new, show")
    await show.click()
    await expect(show).to_have_count(0)
    await expect(rows(page).first).not_to_have_attribute("data-id", first or "")


async def test_a_screen_that_takes_long_shows_bars_then_itself_and_can_be_stopped(page: Page) -> None:
    await page.goto("/")
    await page.get_by_role("link", name="Slow").click()
    await expect(page.get_by_role("status", name="Loading")).to_be_attached()
    await expect(page.get_by_role("heading", level=1, name="Slow")).to_be_visible()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("heading", name="Stopped")).to_be_visible()


async def test_the_theme_and_the_narrow_navigation_are_remembered(page: Page) -> None:
    await page.goto("/")
    await page.get_by_role("button", name="Account of").click()
    await page.get_by_role("radio", name="Dark").check()
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Narrow navigation").click()
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(page.get_by_role("button", name="Widen navigation")).to_be_visible()
    await page.get_by_role("link", name="Jobs", exact=True).click()
    await expect(rows(page)).to_have_count(50)


async def test_the_navigation_is_a_menu_on_a_narrow_screen(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto("/")
    link = page.get_by_role("navigation", name="Main").get_by_role("link", name="Jobs")
    await expect(link).not_to_be_visible()
    await page.get_by_role("button", name="Menu").click()
    await link.click()
    await expect(rows(page).first).to_be_visible()
    await expect(link).not_to_be_visible()


async def test_a_direct_open_answers_with_its_status(page: Page) -> None:
    for path, status in (("/jobs", 200), ("/jobs/none", 404), ("/nope", 404), ("/slow?s=0", 200)):
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status == status, path
    await page.goto("/jobs/none")
    await expect(page.get_by_text("There is no such job, or it belongs to a team")).to_be_visible()


async def test_a_viewer_reads_whom_to_ask(browser: Browser, gallery_of_viewer: str) -> None:
    page = await browser.new_page(base_url=gallery_of_viewer)
    answer = await page.goto("/slow")
    assert answer is not None
    assert answer.status == 403
    await expect(
        page.get_by_text("Your role, Viewer, does not include “audit:read”. Ask an administrator")
    ).to_be_visible()
    await expect(page.get_by_role("link", name="Slow")).to_have_count(0)
    await page.close()


async def test_a_person_without_rights_sees_home_with_one_sentence(browser: Browser, gallery_of_nobody: str) -> None:
    page = await browser.new_page(base_url=gallery_of_nobody)
    answer = await page.goto("/")
    assert answer is not None
    assert answer.status == 200
    await expect(page.get_by_role("heading", level=1, name="Home")).to_be_visible()
    await expect(page.get_by_text("no role has been given to you yet")).to_be_visible()
    await expect(page.get_by_role("navigation", name="Main").get_by_role("link")).to_have_count(1)
    refused = await page.goto("/jobs")
    assert refused is not None
    assert refused.status == 403
    await page.close()


async def test_a_form_shows_what_is_wrong_under_its_field(page: Page) -> None:
    await page.goto("/states")
    await page.get_by_role("textbox", name="Name").fill("ab")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("A name has at least 3 letters.")).to_be_visible()
    await expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    await expect(page.get_by_role("textbox", name="Name")).to_have_value("ab")


async def test_a_frame_and_a_screen_take_few_elements(page: Page) -> None:
    for path in ("/", "/jobs", "/states"):
        await page.goto(path)
        elements = re.findall(r'"(\d+)":\{"tag"', await (await page.request.get(path)).text())
        assert 0 < len(elements) <= 60, path


async def test_a_lost_connection_is_said_and_typed_text_stays(page: Page) -> None:
    await page.goto("/states")
    await page.get_by_role("textbox", name="Name").fill("half a na")
    await page.wait_for_function("() => window.socket?.connected")
    await page.evaluate("window.socket.disconnect()")
    await expect(page.locator("#popup")).to_have_attribute("aria-hidden", "false")
    await page.evaluate("window.socket.connect()")
    await expect(page.locator("#popup")).to_have_attribute("aria-hidden", "true")
    await expect(page.get_by_role("textbox", name="Name")).to_have_value("half a na")
