"""The audit log in a browser: who changed a value, taking it back, forgetting a person, and whether to believe it."""

import re
from uuid import UUID

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage, Report, Screenshot
from tests.factories import add_user
from tests.product import Product

PHONE = (390, 844)
SAID = "Ann Adler changed the plan of Otto Braun from Free to Premium (ticket 4312)"


async def test_who_changed_it_taking_it_back_and_whether_to_believe_it(
    product: Product, open_page: OpenPage, axe: Report, screenshot: Screenshot
) -> None:
    company = product.company
    async with product.behind() as admin:
        otto = await add_user(admin, company.acme, "Otto Braun", "otto@example.com")
    ann = await open_page()
    await product.enter(ann.context, company.ann)
    await changes_the_plan(ann, product, otto)
    first = await finds_who_changed_it(ann, product, axe)
    second = await takes_it_back(ann, product, otto, first)

    sue = await open_page(theme="dark", viewport=PHONE)
    await product.enter(sue.context, company.sue)
    await sue.goto(f"{product.origin}/audit/{second}")
    await expect(sue.get_by_role("link", name=f"Entry {first:,}")).to_have_attribute("href", f"/audit/{first}")
    assert await axe(sue) == []
    assert await sue.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    await erases(sue, product, otto)

    await is_forgotten_and_verified(ann, product, second, axe)
    await screenshot(ann, "audit-light-1440")
    await tampering_is_named(ann, product, first, axe)
    await screenshot(ann, "audit-tampered-light-1440")


async def changes_the_plan(page: Page, product: Product, user: UUID) -> None:
    await page.goto(f"{product.origin}/users/{user}")
    await page.get_by_role("button", name="Change plan").click()
    dialog = page.get_by_role("dialog", name="Change the plan")
    await dialog.get_by_label("Plan").select_option("premium")
    await dialog.get_by_label("Reason").fill("ticket 4312")
    await dialog.get_by_role("button", name="Change plan").click()
    await expect(page.get_by_text("is on the premium plan now")).to_be_visible()


async def finds_who_changed_it(page: Page, product: Product, axe: Report) -> int:
    """By words, while somebody else's entries come in; looked at without leaving the list. Returns its number."""
    await page.goto(f"{product.origin}/audit")
    await page.get_by_role("searchbox", name="Search Audit log").fill("4312 bra")
    await page.keyboard.press("Enter")
    row = page.get_by_role("row").filter(has_text=SAID)
    await expect(page.get_by_role("status").filter(has_text="1 shown · 1 match")).to_be_visible()
    await row.get_by_role("button", name="Look").click()
    pane = page.get_by_role("dialog", name="Entry")
    await expect(pane.get_by_role("row").filter(has_text="plan")).to_have_text("planFreePremium")
    assert await axe(page) == []
    await page.keyboard.press("Escape")
    await expect(pane).to_have_count(0)
    await expect(row.get_by_role("button", name="Look")).to_be_focused()
    address = await row.get_by_role("link").get_attribute("href")
    await page.goto(f"{product.origin}/audit?day=2020-01-01")
    await expect(page.get_by_role("button", name=re.compile("Go to day.*2020"))).to_be_visible()
    await expect(page.get_by_text("Nothing matches these filters")).to_be_visible()
    await page.goto(f"{product.origin}{address}")
    return int(str(address).rsplit("/", 1)[1])


async def takes_it_back(page: Page, product: Product, user: UUID, first: int) -> int:
    """From the entry's own page; both entries lead to each other. Returns the number of the second."""
    await page.get_by_role("button", name="Revert this change").click()
    dialog = page.get_by_role("dialog", name="Revert this change?")
    await expect(dialog).to_contain_text("Plan of Otto Braun: Premium → Free")
    await dialog.get_by_label("Reason").fill("Not paid")
    await dialog.get_by_role("button", name="Revert change").click()
    await expect(page.get_by_text("The change is reverted.")).to_be_visible()
    assert await product.value("SELECT plan FROM users WHERE id = $1", user) == "free"
    there = page.get_by_role("link", name=re.compile("^Entry "))
    second = int(str(await there.get_attribute("href")).rsplit("/", 1)[1])
    await there.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"Entry {second:,}")
    await expect(
        page.get_by_text("Ann Adler changed the plan of Otto Braun from Premium to Free (Not paid)")
    ).to_be_visible()
    await page.get_by_role("link", name=f"Entry {first:,}").click()
    await expect(page.get_by_text("This change was reverted")).to_be_visible()
    return second


async def erases(page: Page, product: Product, user: UUID) -> None:
    await page.goto(f"{product.origin}/users/{user}")
    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("button", name="Erase personal data").click()
    dialog = page.get_by_role("dialog", name="Erase the personal data")
    await dialog.get_by_label("to confirm").fill("otto@example.com")
    await dialog.get_by_label("Reason").fill("Asked to be forgotten")
    await dialog.get_by_role("button", name="Erase for good").click()
    await expect(page.get_by_text("The personal data are erased")).to_be_visible()


async def is_forgotten_and_verified(page: Page, product: Product, second: int, axe: Report) -> None:
    """No word of the person is found or shown any more, and the seals over their entries still hold."""
    await page.goto(f"{product.origin}/audit?q=braun")
    await expect(page.get_by_text("Nothing matches these filters")).to_be_visible()
    await page.goto(f"{product.origin}/audit/{second}")
    await expect(page.get_by_text(re.compile("erased on 20")).first).to_be_visible()
    assert "Otto" not in await page.content()
    newest = int(await product.value("SELECT max(id) FROM audit_entries"))
    await page.goto(f"{product.origin}/audit")
    badge = page.get_by_role("region", name="Verification")
    await badge.get_by_role("button", name="Verify now").click()
    await product.until("SELECT up_to >= $1 AND whole_at >= asked_at FROM audit_checks", newest)
    await expect(badge).to_contain_text("Verified up to entry")
    assert await axe(page) == []


async def tampering_is_named(page: Page, product: Product, entry: int, axe: Report) -> None:
    """A superuser changes an entry behind the door and covers the tracks: the badge turns red and leads to it."""
    async with product.behind() as admin:
        parts = "SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'audit_entries'::regclass"
        tables = [part for (part,) in await admin.fetch(f"SELECT p::text FROM ({parts}) AS found(p)")]
        async with admin.transaction():
            for table in (*tables, "audit_entries"):
                await admin.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
            await admin.execute("UPDATE audit_entries SET actor_name = 'Somebody Else' WHERE id = $1", entry)
            for table in (*tables, "audit_entries"):
                await admin.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")
    badge = page.get_by_role("region", name="Verification")
    await badge.get_by_role("button", name="Verify now").click()
    await expect(badge).to_contain_text("Tampering found: 1 thing does not fit")
    assert await axe(page) == []
    named = badge.get_by_role("link", name=f"Entry {entry} was changed after it was sealed")
    await expect(named).to_have_attribute("href", f"/audit/{entry}")
