"""An API token from its making to its end: shown once, copied, used by a program, revoked by its owner."""

import re

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage, Report
from tests.product import Product, http


async def test_the_life_of_a_token(product: Product, open_page: OpenPage, axe: Report) -> None:
    page = await open_page()
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=product.origin)
    await product.enter(page.context, product.company.ann)
    await page.goto(f"{product.origin}/profile")
    await page.get_by_role("link", name="API tokens").or_(page.get_by_role("button", name="API tokens")).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("API tokens")

    token = await _create(page, axe)
    async with http(product.origin, authorization=f"Bearer {token}") as program:
        me = await program.get("/api/v1/me")
        assert me.json()["token"]["name"] == "CI"
        assert me.json()["permissions"] == ["jobs:read"]
        assert (await program.get("/")).status_code == 303, "no page"
    await page.reload()
    row = page.get_by_role("row", name="CI")
    await expect(row.get_by_text("just now").first).to_be_visible()
    assert token not in await page.content()

    assert await _problems(page, axe) == []
    await row.get_by_role("button", name="Revoke").click()
    await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    await expect(page.get_by_text("“CI” is revoked.")).to_be_visible()
    await expect(page.get_by_text("Revoked", exact=True)).to_be_visible()
    async with http(product.origin, authorization=f"Bearer {token}") as program:
        assert (await program.get("/api/v1/me")).status_code == 401
    assert token not in product.log.read_text()


async def _create(page: Page, axe: Report) -> str:
    """By the dialog; returns what the button has copied."""
    await page.get_by_role("button", name="Create token").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("textbox", name="Name").fill("CI")
    await expect(dialog.get_by_role("button", name="Create token")).to_be_disabled()
    await dialog.get_by_role("checkbox", name="See jobs").check()
    assert await _problems(page, axe) == []
    await dialog.get_by_role("button", name="Create token").click()
    shown = dialog.get_by_label("Token", exact=True)
    await expect(shown).to_have_value(re.compile("^qd_[0-9a-f]{72}$"))
    assert await _problems(page, axe) == []
    await dialog.get_by_role("button", name="Copy token").click()
    await expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    token = str(await page.evaluate("navigator.clipboard.readText()"))
    assert token == await shown.input_value()
    await dialog.get_by_role("button", name="Done").click()
    await expect(dialog).to_have_count(0)
    assert token not in await page.content()
    return token


async def _problems(page: Page, axe: Report) -> list[str]:
    """In both themes on a desktop, and that it fits a phone."""
    found = []
    for theme in ("dark", "light"):
        await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        await expect(page.locator("html")).to_have_attribute("data-theme", theme)
        found += [f"{theme}: {problem}" for problem in await axe(page)]
    desk = page.viewport_size
    await page.set_viewport_size({"width": 390, "height": 844})
    found += [f"390 px: {problem}" for problem in await axe(page)]
    if (width := await page.evaluate("document.documentElement.scrollWidth")) > 390:
        found.append(f"{width} px wide")
    if desk is not None:
        await page.set_viewport_size(desk)
    return found
