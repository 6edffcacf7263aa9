"""The tools of the browser tests: a check that never finds anything would pass for ever."""

from playwright.async_api import Page

from tests.browser.conftest import OpenPage, Report, Screenshot

GOOD = "<!doctype html><html lang=en><title>Good</title><main><h1>Good</h1><button>Save</button></main></html>"
BAD = "<!doctype html><html lang=en><title>Bad</title><main><h1>Bad</h1><button></button></main></html>"


async def test_axe_names_an_element_without_an_accessible_name(page: Page, axe: Report) -> None:
    await page.set_content(BAD)
    violations = await axe(page)
    assert [line.split(" ")[0] for line in violations] == ["button-name"]


async def test_axe_accepts_a_good_page(page: Page, axe: Report) -> None:
    await page.set_content(GOOD)
    assert await axe(page) == []


async def test_pages_open_in_the_asked_theme_and_size(open_page: OpenPage, screenshot: Screenshot) -> None:
    page = await open_page(theme="dark", viewport=(390, 844))
    await page.set_content(GOOD)
    assert await page.evaluate("[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]") == [390, True]
    assert (await screenshot(page, "tools")).stat().st_size > 0
