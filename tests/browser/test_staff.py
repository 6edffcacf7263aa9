"""From an invitation to the end of an account, in two browsers; and what a link looks like on a phone."""

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage, Report
from tests.browser.hands import Keys
from tests.people import PASSWORD
from tests.product import Product

CHOSEN, NEXT = "a password of Kim's own", "another password of Kim's"


async def test_the_life_of_an_account(product: Product, open_page: OpenPage, axe: Report) -> None:
    sue, kim = await open_page(), await open_page(viewport=(390, 844))
    await product.enter(sue.context, product.company.sue)
    link = await _invite(sue, product, axe)

    await kim.goto(link)
    await _choose_password(kim, axe)
    await _sign_in(kim, product, CHOSEN)
    await kim.goto(link)
    await expect(kim.get_by_role("alert")).to_contain_text("This link does not work any more.")

    await _mend_profile(kim, product, axe)
    await sue.reload()
    await expect(sue.get_by_role("heading", level=1)).to_have_text("Kim L. Larsen")
    await expect(sue.get_by_text("chose a password by the one-time link of")).to_be_visible()

    await sue.get_by_role("button", name="More actions").click()
    await sue.get_by_role("button", name="Deactivate account").click()
    await sue.get_by_label("Reason").fill("Left the company")
    await sue.get_by_role("dialog").get_by_role("button", name="Deactivate account").click()
    await expect(sue.get_by_role("button", name="Reactivate")).to_be_visible()
    await kim.wait_for_url("**/login?next=**")
    await _sign_in(kim, product, NEXT)
    await expect(kim.get_by_role("alert")).to_contain_text("The e-mail or the password is wrong.")


async def _invite(page: Page, product: Product, axe: Report) -> str:
    """By the keyboard alone; returns the link, as it is shown this once."""
    hand = Keys(page)
    await page.goto(f"{product.origin}/staff")
    await hand.press(page.get_by_role("button", name="Invite"))
    dialog = page.get_by_role("dialog")
    await hand.write(dialog.get_by_label("Name"), "Kim Larsen")
    await hand.write(dialog.get_by_label("E-mail"), "kim@example.com")
    await hand.pick(dialog.get_by_label("Role"), "Support")
    await hand.pick(dialog.get_by_label("Sees"), "Only some teams")
    await expect(dialog.get_by_role("button", name="Invite")).to_be_disabled()
    await hand.press(dialog.get_by_role("checkbox", name="Acme"))
    await expect(dialog.get_by_text("1 chosen")).to_be_visible()
    assert await axe(page) == []
    await hand.press(dialog.get_by_role("button", name="Invite"))
    shown = dialog.get_by_label("Link")
    await expect(shown).to_have_value(f"{product.origin}/welcome/{await _token(page)}")
    assert await axe(page) == []
    link = await shown.input_value()
    await hand.press(dialog.get_by_role("button", name="Done"))
    await expect(page.get_by_role("heading", level=1)).to_have_text("Kim Larsen")
    assert link not in await page.content()
    return link


async def _token(page: Page) -> str:
    return (await page.get_by_role("dialog").get_by_label("Link").input_value()).rpartition("/")[2]


async def _choose_password(page: Page, axe: Report) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.headers.get("referer", "")))
    await expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, Kim Larsen")
    for theme in ("light", "dark"):
        await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        assert await axe(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.get_by_label("New password", exact=True).fill(CHOSEN)
    await page.get_by_label("Repeat the new password").fill("something else altogether")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("The two passwords differ. Type the new one twice.")
    assert await axe(page) == []
    await page.get_by_label("New password", exact=True).fill(CHOSEN)
    await page.get_by_label("Repeat the new password").fill(CHOSEN)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your password is set")
    assert await axe(page) == []
    assert not any("/welcome" in referer for referer in asked)


async def _sign_in(page: Page, product: Product, password: str) -> None:
    await page.goto(f"{product.origin}/login")
    await page.get_by_label("E-mail").fill("kim@example.com")
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()


async def _mend_profile(page: Page, product: Product, axe: Report) -> None:
    """Kim's own name and password, from the menu at the top."""
    await page.goto(product.origin)
    await page.get_by_role("button", name="Account of Kim Larsen").click()
    await page.get_by_role("link", name="My profile").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("My profile")
    await page.get_by_label("Name", exact=True).fill("Kim L. Larsen")
    await page.get_by_role("button", name="Save name").click()
    await expect(page.get_by_role("button", name="Account of Kim L. Larsen")).to_be_visible()
    await page.get_by_label("Present password").fill(PASSWORD)
    await page.get_by_label("New password", exact=True).fill(NEXT)
    await page.get_by_label("Repeat the new password").fill(NEXT)
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_role("alert")).to_have_text("This is not your present password.")
    assert await axe(page) == []
    await page.get_by_label("Present password").fill(CHOSEN)
    await page.get_by_label("New password", exact=True).fill(NEXT)
    await page.get_by_label("Repeat the new password").fill(NEXT)
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_text("You had no other sessions.")).to_be_visible()
    assert await axe(page) == []
