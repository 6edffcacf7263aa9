"""Proving again that it is you, over whatever one was doing; a locked session; a session ended from another device."""

from datetime import timedelta

from playwright.async_api import expect

from app import clock
from tests.browser.conftest import OpenPage, Report, Screenshot
from tests.people import PASSWORD
from tests.product import Product, Session

WHY = "Their invoices are not paid"


async def test_a_dangerous_click_asks_and_goes_on(
    product: Product, open_page: OpenPage, axe: Report, screenshot: Screenshot
) -> None:
    page = await open_page(theme="dark", viewport=(390, 844))
    session = await product.enter(page.context, product.company.sue)
    await age(product, session, "authenticated_at")
    await page.goto(f"{product.origin}/teams/{product.company.acme}")
    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("button", name="Suspend team").click()
    form = page.get_by_role("dialog", name="Suspend Acme?")
    await form.get_by_label("Reason").fill(WHY)
    await form.get_by_role("button", name="Suspend team").dblclick()

    question = page.get_by_role("dialog", name="Is it you?")
    await expect(question.get_by_label("Password")).to_be_focused()
    await expect(question).to_have_count(1)
    assert await axe(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await screenshot(page, "step-up-dark-390")
    await page.keyboard.press("Escape")
    await expect(question).to_be_hidden()
    await expect(form.get_by_role("alert")).to_have_text("Nothing was done: this needs your password or code.")
    await expect(form.get_by_label("Reason")).to_have_value(WHY)

    await form.get_by_role("button", name="Suspend team").click()
    await expect(question.get_by_label("Password")).to_be_focused()
    await page.keyboard.type("not my password")
    await page.keyboard.press("Enter")
    await expect(question.get_by_role("alert")).to_have_text("This is not right. Check it and try again.")
    await expect(question.get_by_label("Password")).to_be_focused()
    assert await axe(page) == []
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Suspended", exact=True)).to_be_visible()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    told = await product.fetch("SELECT reason FROM audit_told() WHERE action = 'team.suspended'")
    assert [row["reason"] for row in told] == [WHY]


async def test_a_locked_session_loses_nothing_and_gets_nothing_new(
    product: Product, open_page: OpenPage, axe: Report, screenshot: Screenshot
) -> None:
    page = await open_page()
    sue, team = product.company.sue, product.company.nordlicht
    session = await product.enter(page.context, sue)
    await page.goto(f"{product.origin}/teams/{team}")
    await page.get_by_role("button", name="Rename").click()
    form = page.get_by_role("dialog", name="Rename Nordlicht")
    await form.get_by_label("Name").fill("Nordlicht GmbH")
    await form.get_by_label("Reason").fill(WHY)
    await age(product, session, "last_seen_at")
    await form.get_by_role("button", name="Rename team").click()
    question = page.get_by_role("dialog", name="Locked")
    await expect(question.get_by_label("Password")).to_be_focused()
    assert await axe(page) == []
    await screenshot(page, "locked-dialog-light-1440")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Nordlicht GmbH")

    # Somebody renames it while nobody is there: the page hears of it, and may not ask.
    await age(product, session, "last_seen_at")
    await rename(product, team, "Secret name")
    link = page.get_by_role("link", name="Jobs", exact=True)
    await link.click()
    await expect(question.get_by_label("Password")).to_be_focused()
    await expect(page.get_by_text("Secret name")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("Nothing was done: this needs your password or code.").first).to_be_visible()

    await page.goto(f"{product.origin}/jobs?status=failed")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Locked")
    assert await axe(page) == []
    await screenshot(page, "locked-light-1440")
    await page.get_by_label("Password").fill("not my password")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("This is not right. Check it and try again.")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")
    assert page.url.endswith("/jobs?status=failed")


async def test_ending_another_session_closes_its_tabs(
    product: Product, open_page: OpenPage, axe: Report, screenshot: Screenshot
) -> None:
    vic, phone = await open_page(), await open_page(viewport=(390, 844))
    for page in (vic, phone):
        await product.enter(page.context, product.company.vic)
    await phone.goto(f"{product.origin}/jobs")
    await expect(phone.get_by_role("heading", level=1)).to_have_text("Jobs")
    await phone.goto(f"{product.origin}/profile/sessions")
    await screenshot(phone, "my-sessions-light-390")
    await vic.goto(f"{product.origin}/profile")
    await vic.get_by_role("link", name="My sessions").click()
    await expect(vic.get_by_text("This device")).to_be_visible()
    assert await axe(vic) == []
    await screenshot(vic, "my-sessions-light-1440")
    await vic.get_by_role("button", name="End all others").click()
    await vic.get_by_role("dialog").get_by_role("button", name="End others").click()
    await phone.wait_for_url("**/login?next=/profile/sessions")
    await expect(vic.get_by_role("row")).to_have_count(2)
    await phone.goto(f"{product.origin}/jobs")
    await expect(phone.get_by_role("button", name="Sign in")).to_be_visible()


async def age(product: Product, session: Session, column: str) -> None:
    """Make it long ago that somebody proved who they are, or did something."""
    await product.fetch(
        f"UPDATE staff_sessions SET {column} = $1 WHERE id = $2", clock.now() - timedelta(days=1), session.id
    )


async def rename(product: Product, team: object, name: str) -> None:
    """As somebody else does it."""
    await product.fetch("UPDATE teams SET name = $1 WHERE id = $2", name, team)
    await product.fetch("SELECT pg_notify('quarterdeck', jsonb_build_array('teams', $1::uuid, 'changed')::text)", team)
