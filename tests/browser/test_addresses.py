"""The address is the truth: whoever clicks a link, goes back, forward, loads anew or opens a tab, sees what it says."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import BrowserContext, Page, expect

from app.ids import uuid7
from pages import SCREENS
from tests.browser import test_screens
from tests.browser.test_screens import Records
from tests.factories import add_job, add_payment, add_user, add_values, make_dataset
from tests.product import Product

records, visit = test_screens.records, test_screens.visit
PATIENCE = 30
LINKS = """() => [...document.querySelectorAll('main a[href^="/"][href*="?"]:not([download])')]
    .filter((link) => link.checkVisibility()).map((link) => link.getAttribute("href"))"""
SHOWN = """() => {
    if (document.querySelector(".bones, .qd-skeleton, .page-bones, [aria-busy=true]")) return null;
    const texts = (where) => [...document.querySelectorAll(`main ${where}`)].map((one) => one.innerText.trim());
    return {
        title: texts("h1"),
        rows: [...document.querySelectorAll("main tr[data-id]")].map((row) => row.dataset.id),
        counts: texts(".foot [role=status]").map((text) => text.split(" · ").slice(0, 2)),
        filters: texts(".tools, .qd-filters"),
        tallies: [...document.querySelectorAll("main .tally[aria-pressed=true]")].map((one) => one.innerText),
        errors: texts("[role=alert]"),
        ranges: texts(".period .on"),
        grid: texts(".qd-place").map((text) => text.split(" · ")[0]),
    };
}"""


async def shown(page: Page) -> dict[str, Any]:
    """What the screen says, once everything it asks for is there."""
    found = await page.wait_for_function(SHOWN)
    return dict(await found.json_value())


async def says(page: Page, address: str, wanted: dict[str, Any]) -> str:
    """Wait until the page stands at this address and shows this; what is different, if it never does."""
    end, found = time.monotonic() + PATIENCE, None
    while time.monotonic() < end:
        found = await shown(page)
        if found == wanted and _stands(page.url, address):
            return ""
    return f"stands at {page.url} and shows {found}, not {wanted}"


def _stands(url: str, address: str) -> bool:
    """A screen may add to its address what it took for granted, such as the time zone."""
    here, there = urlsplit(url), urlsplit(address)
    said, asked = parse_qs(here.query, keep_blank_values=True), parse_qs(there.query, keep_blank_values=True)
    return here.path == there.path and asked.items() <= said.items()


async def strangers(product: Product) -> None:
    """Of each kind of record, one that no link from the others' pages may show."""
    async with product.behind() as admin:
        other = product.company.nordlicht
        user = await add_user(admin, other, "Somebody Else", f"{uuid7().hex}@example.com")
        await add_payment(admin, other, user_id=user, status="succeeded")
        await add_job(admin, other, kind="documents.generate", status="succeeded")
        await add_values(admin, await make_dataset(admin, other, "Elsewhere", {"name": "text"}), [{"name": "no"}])


@pytest.mark.timeout(600)
async def test_every_link_with_a_query_leads_to_what_it_says(
    product: Product, records: Records, visit: BrowserContext
) -> None:
    """Found by walking the screens; tried by click, Back, Forward, loading anew and in a new tab."""
    await strangers(product)
    page, tab = await visit.new_page(), await visit.new_page()
    tried, narrower, problems = set(), 0, []
    for screen in SCREENS:
        source = records.address(screen.path)
        await page.goto(product.origin + source)
        before = await shown(page)
        for href in await page.evaluate(LINKS):
            kind = (screen.path, urlsplit(href).path, *parse_qs(urlsplit(href).query))
            if kind in tried:
                continue
            tried.add(kind)
            await tab.goto(product.origin + href)
            wanted = await shown(tab)
            await tab.goto(product.origin + urlsplit(href).path)
            narrower += (await shown(tab))["rows"] != wanted["rows"]
            await page.locator(f'main a[href="{href}"]').locator("visible=true").first.click()
            ways = [("a click", href, wanted, None), ("Back", source, before, page.go_back)]
            ways += [("Forward", href, wanted, page.go_forward), ("loading anew", href, wanted, page.reload)]
            ways += [("Back again", source, before, page.go_back)]
            for way, address, there, go in ways:
                if go is not None:
                    await go()
                if wrong := await says(page, address, there):
                    problems.append(f"{source}: {href} after {way} {wrong}")
                    await page.goto(product.origin + source)
                    await shown(page)
                    break
    assert not problems, "\n".join(problems)
    assert len(tried) > 20
    assert narrower > len(tried) / 2
    await page.close()
    await tab.close()


async def test_a_filter_stays_with_its_list(product: Product, records: Records, visit: BrowserContext) -> None:
    page = await visit.new_page()
    await page.goto(f"{product.origin}/payments?status=failed&q=nothing+at+all")
    await shown(page)
    for name in ("Users", "Teams", "Jobs", "Datasets"):
        await page.get_by_role("link", name=name, exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(name)
        await expect(page.get_by_role("searchbox").first).to_have_value("")
        assert not urlsplit(page.url).query
        assert (await shown(page))["errors"] == []
    await page.close()


async def test_back_leads_to_the_row_and_the_place_one_came_from(product: Product, visit: BrowserContext) -> None:
    async with product.behind() as admin:
        for number in range(120):
            await add_user(admin, product.company.nordlicht, f"Person {number:03}", f"p{number}@example.com")
    page = await visit.new_page()
    await page.goto(f"{product.origin}/users?team={product.company.nordlicht}&sort=name")
    await page.get_by_role("button", name="Next page").click()
    await expect(page.get_by_role("link", name="Person 060", exact=True)).to_be_visible()
    second = page.url
    before = await shown(page)
    link = page.get_by_role("link", name="Person 090", exact=True)
    await link.scroll_into_view_if_needed()
    place = await page.evaluate("window.scrollY")
    assert place > 0
    await link.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Person 090")
    assert await page.evaluate("window.scrollY") == 0
    await page.go_back()
    assert not await says(page, second.removeprefix(product.origin), before)
    row = page.get_by_role("row").filter(has=link)
    await expect(row).to_have_attribute("data-came-from", "")
    assert await page.evaluate("window.scrollY") == place
    await page.reload()
    await expect(row).to_have_attribute("data-came-from", "")
    assert await page.evaluate("window.scrollY") == place
    await page.mouse.wheel(0, -100)
    await expect(row).not_to_have_attribute("data-came-from", "")
    await page.close()


async def test_the_grid_comes_back_to_its_rows(product: Product, visit: BrowserContext) -> None:
    async with product.behind() as admin:
        made = await make_dataset(
            admin, product.company.acme, f"Many {uuid7().hex[:6]}", {"n": "integer", "kind": "text"}
        )
        await add_values(admin, made, [{"n": n, "kind": "odd" if n % 2 else "even"} for n in range(400)])
    page = await visit.new_page()
    address = f"/datasets/{made.id}?f=kind.is.odd&sort=-n"
    await page.goto(product.origin + address)
    await expect(page.locator('[row-index="0"] [col-id="f0"]')).to_have_text("399")
    await page.get_by_role("textbox", name="Go to row").fill("150")
    await page.keyboard.press("Enter")
    top = page.locator('[row-index="149"] [col-id="f0"]')
    await expect(top).to_be_in_viewport()
    await expect(top).to_have_text(number := "101")
    where = page.locator(".qd-place")
    said = (await where.inner_text()).split(" · ")[0]
    await page.locator('[row-index="155"] a[aria-label^="Open row"], [row-index="155"] a').first.click()
    await page.wait_for_url("**/rows/*")
    await page.go_back()
    assert _stands(page.url, address)
    await expect(where).to_contain_text(f"{said} ")
    await expect(top).to_have_text(number)
    await expect(page.locator('[row-index="155"] .ag-cell-focus')).to_have_count(1)
    await expect(page.get_by_text("kind is odd")).to_be_visible()
    await page.close()
