"""What was typed stays: while the connection is lost, and when the page has to load itself anew after a restart."""

import asyncio
import re

from playwright.async_api import Locator, Page, expect

from app.actor import Staff
from tests.browser.conftest import OpenPage
from tests.factories import add_user
from tests.product import Product

KEPT = "sessionStorage.getItem('qd-typed')"


async def half_typed(product: Product, page: Page, who: Staff, name: str) -> Locator:
    """The dialog in which ``who`` has begun to give a reason for another plan of a new user called ``name``."""
    async with product.behind() as admin:
        user = await add_user(admin, product.company.acme, name, f"{name}@example.com")
    await product.enter(page.context, who)
    await page.goto(f"{product.origin}/users/{user}")
    await page.get_by_role("button", name="Change plan").click()
    dialog = page.get_by_role("dialog", name="Change the plan")
    await dialog.get_by_label("Reason").press_sequentially("They asked for it on the ph")
    return dialog


async def restart(product: Product, page: Page) -> None:
    """Another web process; the page has loaded itself anew when this returns."""
    await page.evaluate("window.before = true")
    await asyncio.to_thread(product.restart_web)
    await page.wait_for_function("window.before === undefined && document.querySelector('.top') !== null")


async def test_dialog_is_offered_with_its_text_after_a_restart(product: Product, page: Page) -> None:
    dialog = await half_typed(product, page, product.company.ann, "restarted")
    await restart(product, page)
    offer = page.get_by_role("alert").filter(has_text="You were typing in")
    await offer.get_by_role("button", name="Open again").click()
    await expect(dialog.get_by_label("Reason")).to_have_value("They asked for it on the ph")
    await dialog.get_by_label("Reason").press_sequentially("one")
    await dialog.get_by_role("button", name="Change plan").click()
    await expect(dialog).to_have_count(0)
    assert await page.evaluate(KEPT) is None
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text("restarted")
    await expect(offer).to_have_count(0)
    reason = "SELECT reason FROM audit_told() WHERE action = 'user.plan_changed' AND target_label = 'restarted'"
    assert await product.value(reason) == "They asked for it on the phone"


async def test_form_of_a_screen_stands_as_it_was_after_a_restart(product: Product, page: Page) -> None:
    await product.enter(page.context, product.company.ann)
    await page.goto(f"{product.origin}/profile")
    name = page.get_by_label("Name", exact=True)
    await name.fill("Ann half ty")
    await restart(product, page)
    await expect(name).to_have_value("Ann half ty")


async def test_lost_connection_keeps_the_dialog(product: Product, page: Page) -> None:
    dialog = await half_typed(product, page, product.company.ann, "offline")
    await page.context.set_offline(True)
    await dialog.get_by_label("Reason").press_sequentially("one")
    await page.context.set_offline(False)
    await expect(dialog.get_by_label("Reason")).to_have_value("They asked for it on the phone")
    await dialog.get_by_role("button", name="Close").click()
    await expect(dialog).to_have_count(0)
    assert await page.evaluate(KEPT) is None


async def test_somebody_else_in_the_same_tab_sees_nothing_of_it(product: Product, page: Page) -> None:
    await half_typed(product, page, product.company.ann, "private")
    assert "They asked" in await page.evaluate(KEPT)
    await product.enter(page.context, product.company.sue)
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text("private")
    await expect(page.get_by_text("You were typing in")).to_have_count(0)
    assert await page.evaluate(KEPT) is None


async def test_signing_out_forgets_it(product: Product, page: Page) -> None:
    await half_typed(product, page, product.company.ann, "leaving")
    await page.reload()
    await page.get_by_role("button", name="Account of").click()
    await page.get_by_role("button", name="Sign out").click()
    await page.wait_for_url(re.compile("/login"))  # its own way, or that of a page whose session has ended
    assert await page.evaluate(KEPT) is None


async def test_words_that_confirm_a_danger_are_not_kept(product: Product, open_page: OpenPage) -> None:
    page = await open_page(viewport=(390, 844), theme="dark")
    await half_typed(product, page, product.company.sue, "erased")
    await page.get_by_role("dialog").get_by_role("button", name="Close").click()
    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("button", name="Erase personal data").click()
    await page.get_by_label("Type “erased@example.com” to confirm").fill("erased@example.com")
    await page.get_by_label("Reason").fill("Asked for")
    kept = await page.evaluate(KEPT)
    assert "Asked for" in kept
    assert "erased@example.com" not in kept
