"""A role demands a second factor: set up on a phone by somebody led to it, asked for, lost, and taken away."""

import time

import pyotp
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage, Report, Screenshot
from tests.people import PASSWORD
from tests.product import Product

WHY = "The auditors ask for it"


async def test_a_second_factor_from_the_demand_to_its_loss(
    product: Product, open_page: OpenPage, axe: Report, screenshot: Screenshot
) -> None:
    sue, vic = await open_page(), await open_page(viewport=(390, 844))
    await product.enter(sue.context, product.company.sue)
    await _demand(sue, product, axe)

    await _type_password(vic, product)
    await expect(vic.get_by_role("heading", level=1)).to_have_text("Set up a second factor")
    await expect(vic.get_by_text("Your role needs a second factor")).to_be_visible()
    await _is_good(vic, axe, screenshot, "second-factor-set-up")
    secret = "".join((await vic.locator(".lines code").inner_text()).split())
    await _type_code(vic, "000000", "Turn on")
    await expect(vic.get_by_role("alert")).to_contain_text("This is not what your app shows now.")
    step = int(time.time()) // 30
    await _type_code(vic, pyotp.HOTP(secret).at(step), "Turn on")
    await expect(vic.get_by_role("heading", level=1)).to_have_text("Keep these recovery codes")
    await _is_good(vic, axe, screenshot, "recovery-codes")
    codes = await vic.locator(".lines code").all_inner_texts()
    assert len(set(codes)) == 10
    async with vic.expect_download() as saved:
        await vic.get_by_role("link", name="Save as a file").click()
    assert (await (await saved.value).path()).read_text().split() == codes
    await vic.get_by_role("button", name="I have kept them").click()

    await expect(vic.get_by_role("heading", level=1)).to_have_text("Jobs")
    await _sign_out(vic)
    await _type_password(vic, product)
    await expect(vic.get_by_role("heading", level=1)).to_have_text("Second factor")
    await _is_good(vic, axe, screenshot, "second-factor-code")
    await _type_code(vic, pyotp.HOTP(secret).at(step), "Sign in")
    await expect(vic.get_by_role("alert")).to_contain_text("This code does not work.")
    assert await axe(vic) == []
    await _type_code(vic, pyotp.HOTP(secret).at(max(step + 1, int(time.time()) // 30)), "Sign in")
    await expect(vic.get_by_role("heading", level=1)).to_have_text("Jobs")

    await _sign_out(vic)
    await _type_password(vic, product)
    await vic.get_by_role("link", name="Use a recovery code").click()
    await _is_good(vic, axe, screenshot, "second-factor-recovery")
    await vic.get_by_label("Recovery code").fill(codes[4].upper())
    await vic.get_by_role("button", name="Sign in").click()
    await expect(vic.get_by_role("heading", level=1)).to_have_text("Jobs")
    await vic.goto(f"{product.origin}/profile")
    await expect(vic.get_by_text("9 recovery codes left")).to_be_visible()
    await expect(vic.get_by_role("button", name="Turn off")).to_have_count(0)
    await _is_good(vic, axe, screenshot, "second-factor-profile")

    await _remove(sue, product, axe)
    await vic.wait_for_url("**/login?next=**")


async def _demand(page: Page, product: Product, axe: Report) -> None:
    """Let viewers need a second factor."""
    await page.goto(f"{product.origin}/staff/roles")
    await expect(page.get_by_text("Not needed · 0 of 1 have one")).to_have_count(2)
    await page.get_by_role("button", name="Demand a second factor").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Reason").fill(WHY)
    assert await axe(page) == []
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Needed · 0 of 1 have one", exact=True)).to_be_visible()


async def _remove(page: Page, product: Product, axe: Report) -> None:
    """Take Vic's second factor away."""
    await page.goto(f"{product.origin}/staff/{product.company.vic.staff_id}")
    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("button", name="Remove second factor").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Reason").fill("Their phone was stolen")
    assert await axe(page) == []
    await dialog.get_by_role("button", name="Remove second factor").click()
    await expect(page.get_by_text("removed the second factor of")).to_be_visible()


async def _type_password(page: Page, product: Product) -> None:
    await page.goto(f"{product.origin}/login?next=/jobs")
    await page.get_by_label("E-mail").fill("vic@example.com")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()


async def _type_code(page: Page, code: str, submit: str) -> None:
    await page.get_by_label("Six-digit code").fill(code)
    await page.get_by_role("button", name=submit).click()


async def _sign_out(page: Page) -> None:
    await page.get_by_role("button", name="Account of Vic Vale").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("Password")).to_be_visible()


async def _is_good(page: Page, axe: Report, screenshot: Screenshot, name: str) -> None:
    """Accessible in both themes, and no wider than a phone."""
    for theme in ("dark", "light"):
        await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        assert await axe(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await screenshot(page, f"{name}-light-390")
