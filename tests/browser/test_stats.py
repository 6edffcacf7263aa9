"""The numbers in Chromium: range, zone, tables, lists of exactly what is counted, by keyboard, in both themes, live."""

import json
import re
from datetime import timedelta

import pytest
from playwright.async_api import Locator, Page, expect

from app import clock
from tests.browser.conftest import OpenPage, Report
from tests.factories import add_job, add_user
from tests.product import Product


async def fill(product: Product) -> None:
    """A week in which something happened: sign-ups, payments in two currencies, jobs that failed."""
    acme = product.company.acme
    async with product.behind() as admin:
        for days in (0, 1, 1, 9):
            at = clock.now() - timedelta(days=days, minutes=1)
            await add_user(admin, acme, f"User {at}", f"{at.timestamp()}-{days}@example.com", created_at=at)
        for status in ("succeeded", "succeeded", "failed"):
            await add_job(admin, acme, status, "dataset.import")
        await admin.execute(
            "INSERT INTO payments (id, team_id, amount_minor, currency, status, refunded_minor, description, version,"
            " created_at, updated_at) SELECT gen_random_uuid(), $1, amount, code, 'succeeded', 0, '', 1, now(), now()"
            " FROM (VALUES (1250, 'EUR'), (1000, 'EUR'), (700, 'JPY')) AS paid (amount, code)",
            acme,
        )


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


@pytest.mark.timeout(300)
async def test_numbers_from_the_range_to_the_list(product: Product, open_page: OpenPage, axe: Report) -> None:
    await fill(product)
    page = await open_page()
    await product.enter(page.context, product.company.ann)
    await page.goto(f"{product.origin}/stats")
    signups = card(page, "Sign-ups")
    await expect(signups.locator(".big")).to_have_text("4")
    await expect(page).to_have_url(re.compile(r"/stats\?zone=UTC$"))
    await expect(signups.locator("svg rect")).to_have_count(3)
    await page.get_by_role("button", name="7 days").click()
    await expect(signups.locator(".big")).to_have_text("3")
    await page.get_by_label("Time zone").select_option("Asia/Katmandu")
    await expect(signups.get_by_text(re.compile("As of .*Asia/Katmandu"))).to_be_visible()
    await expect(page).to_have_url(re.compile(r"range=7d&zone=Asia/Katmandu|zone=Asia/Katmandu&range=7d"))
    await by_keyboard(page, signups)
    await expect(page).to_have_url(re.compile("table=signups"))
    shared = page.url
    await page.get_by_role("button", name="JPY").click()
    await expect(card(page, "Revenue").locator(".big")).to_have_text("700\N{NO-BREAK SPACE}JPY")
    await page.go_back()
    await expect(card(page, "Revenue").locator(".big")).to_have_text("22.50\N{NO-BREAK SPACE}EUR")
    assert await axe(page) == []
    failed = card(page, "Jobs by state")
    await failed.locator("a.big").click()
    await expect(page.get_by_role("table", name="Jobs").locator("tbody tr")).to_have_count(3)
    await comes_live(product, page, shared)
    await on_a_phone_in_the_dark(product, open_page, axe, shared)


async def by_keyboard(page: Page, signups: Locator) -> None:
    """Read the bars by arrows, then switch to the table, without a pointer."""
    plot = signups.get_by_role("group", name=re.compile("Chart of Sign-ups"))
    await plot.focus()
    await page.keyboard.press("End")
    await expect(plot.locator("[aria-live]")).to_have_text(re.compile(r"\w+ \d+ \w+ 20\d\d: Sign-ups \d"))
    await signups.get_by_role("button", name="Table", exact=True).focus()
    await page.keyboard.press("Enter")
    await expect(signups.get_by_role("table").locator("tbody tr")).to_have_count(7)
    await expect(signups.get_by_role("table").locator("tfoot td")).to_have_text("3")
    await expect(signups.get_by_role("button", name="Table", exact=True)).to_be_focused()


async def comes_live(product: Product, page: Page, address: str) -> None:
    """A new user is counted on an open page; a tab that nobody sees rests until it is seen."""
    await page.goto(f"{product.origin}/")
    await expect(page.locator(".tile", has_text="Sign-ups").locator(".v")).to_have_text("3")
    seen = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
    await page.evaluate(seen % "true" + "document.dispatchEvent(new Event('visibilitychange'))")
    async with product.behind() as admin:
        await add_user(admin, product.company.acme, "New", "new@example.com", created_at=clock.now())
        note = json.dumps(["users", None, "created"])
        await admin.execute("SELECT pg_notify('quarterdeck', $1)", note)
    await page.evaluate(seen % "false" + "document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page.locator(".tile", has_text="Sign-ups").locator(".v")).to_have_text("4")
    await page.goto(address)
    await expect(card(page, "Sign-ups").locator(".big")).to_have_text("4")


async def on_a_phone_in_the_dark(product: Product, open_page: OpenPage, axe: Report, address: str) -> None:
    """The address that somebody else shared shows the same, in another theme and on a narrow screen."""
    page = await open_page(theme="dark", viewport=(390, 844))
    await product.enter(page.context, product.company.tess)
    await page.goto(address)
    await expect(card(page, "Sign-ups").get_by_role("table").locator("tbody tr")).to_have_count(7)
    bar = card(page, "Jobs by state").locator("rect.fill-ok").first
    dark = await bar.evaluate("node => getComputedStyle(node).fill")
    await page.evaluate("quarterdeckTheme.set('light')")
    assert await bar.evaluate("node => getComputedStyle(node).fill") != dark
    await page.evaluate("quarterdeckTheme.set('dark')")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    assert await axe(page) == []
    await page.goto(f"{product.origin}/")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    assert await axe(page) == []
