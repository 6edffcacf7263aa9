"""Two people of the staff and one customer: found, put right, edited at the same time; by mouse and by keyboard."""

import json

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage, Report
from tests.browser.hands import Keys
from tests.factories import add_user
from tests.product import Product

OPTIONS = {"pages": 20, "theme": "light"}
PHONE = (390, 844)


async def test_a_customers_request_from_search_to_conflict(product: Product, open_page: OpenPage, axe: Report) -> None:
    company = product.company
    async with product.behind() as admin:
        for n in range(60):
            plan = "premium" if n % 2 else "free"
            await add_user(admin, company.acme, f"User {n:02}", f"user{n}@example.com", plan=plan)
        ada = await add_user(admin, company.acme, "Ada Lovelace", "ada@example.com", options=json.dumps(OPTIONS))

    ann = await open_page()
    await product.enter(ann.context, company.ann)
    await ann.goto(f"{product.origin}/users")
    await expect(ann.get_by_role("status").filter(has_text="50 shown · 61 match")).to_be_visible()
    await ann.get_by_role("button", name="Plan any").click()
    await ann.get_by_role("checkbox", name="Premium").check()
    await expect(ann.get_by_role("status").filter(has_text="30 shown · 30 match")).to_be_visible()
    await ann.goto(f"{product.origin}/users")

    await by_keyboard_to_the_plan(ann)
    assert await product.value("SELECT plan FROM users WHERE id = $1", ada) == "premium"

    sue = await open_page(theme="dark", viewport=PHONE)
    await product.enter(sue.context, company.sue)
    await sue.goto(f"{product.origin}/users/{ada}")
    for page in (ann, sue):
        await page.get_by_role("button", name="Edit options").click()
        there = page.get_by_role("dialog").get_by_label("Options")
        await expect(there).to_have_value(json.dumps(OPTIONS, indent=2))
    await wrong_json_is_told_while_typing(ann, axe)
    await save(ann, '{"theme": "dark", "pages": 20, "beta": true}')
    await expect(ann.get_by_role("dialog")).to_have_count(0)

    await save(sue, '{"theme": "sepia", "pages": 20}')
    question = sue.get_by_role("dialog", name="Somebody changed this meanwhile")
    await expect(question.get_by_role("group", name="theme")).to_contain_text('was "light"')
    await expect(question.get_by_role("group")).to_have_count(1)
    assert await axe(sue) == []
    assert await sue.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    await sue.keyboard.press("Escape")
    form = sue.get_by_role("dialog", name="Edit the options of Ada Lovelace")
    await expect(form).to_contain_text("Not saved")
    await expect(form.get_by_label("Options")).to_have_value('{"theme": "sepia", "pages": 20}')
    await form.get_by_role("button", name="Save options").click()
    await question.get_by_label("Keep mine").check()
    await question.get_by_role("button", name="Save my choice").click()
    await expect(sue.get_by_role("dialog")).to_have_count(0)
    kept = json.loads(await product.value("SELECT options FROM users WHERE id = $1", ada))
    assert kept == {"theme": "sepia", "pages": 20, "beta": True}
    # The other page hears of it, and tells who and why.
    line = ann.get_by_role("region", name="What happened")
    await expect(line.get_by_text("Sue Super edited the options of")).to_be_visible()

    async with product.behind() as admin:
        await admin.execute("UPDATE staff SET role = 'reviewer' WHERE id = $1", company.vic.staff_id)
    vic = await open_page(viewport=PHONE)
    await product.enter(vic.context, company.vic)
    await vic.goto(f"{product.origin}/users/{ada}")
    await what_is_masked_is_revealed_here_only(vic, axe)


async def by_keyboard_to_the_plan(page: Page) -> None:
    """Search, open, change the plan, without a pointer."""
    keys = Keys(page)
    await keys.write(page.get_by_role("searchbox", name="Search Users"), "lovel")
    await page.keyboard.press("Enter")
    found = page.get_by_role("link", name="Ada Lovelace")
    await expect(page.get_by_role("status").filter(has_text="1 shown")).to_be_visible()
    await keys.press(found)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")
    button = page.get_by_role("button", name="Change plan")
    await keys.press(button)
    dialog = page.get_by_role("dialog", name="Change the plan")
    await expect(dialog.get_by_label("Plan")).to_have_value("premium")
    await keys.write(dialog.get_by_label("Reason"), "Paid by invoice")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_text("Ada Lovelace is on the premium plan now.")).to_be_visible()


async def what_is_masked_is_revealed_here_only(page: Page, axe: Report) -> None:
    """A reviewer reads one address, for a reason, until the page is left; the browser never got more."""
    await expect(page).to_have_title("A•••• L•••• · Quarterdeck")
    await expect(page.get_by_text("Sue Super edited the options of A•••• L••••")).to_be_visible()
    assert "lovelace" not in (await page.content()).lower()
    await page.get_by_role("button", name="Reveal: E-mail").click()
    dialog = page.get_by_role("dialog", name="Reveal “E-mail” of user")
    await dialog.get_by_label("Reason").fill("A letter came back")
    assert await axe(page) == []
    await dialog.get_by_role("button", name="Reveal").click()
    await expect(page.get_by_text("ada@example.com")).to_be_visible()
    await page.get_by_role("link", name="Jobs of A•••• L••••").click()
    await page.wait_for_url("**/jobs?user=*")
    await page.go_back()
    await expect(page.get_by_role("button", name="Reveal: E-mail")).to_be_visible()
    assert "ada@example.com" not in await page.content()


async def wrong_json_is_told_while_typing(page: Page, axe: Report) -> None:
    """What is no JSON cannot be sent, and the place of the mistake is said."""
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Reason").fill("As asked")
    for wrong, words in (
        ('{\n  "theme": dark\n}', "line 2, column 12"),
        ('{"theme": "dark"', "Not JSON yet"),
        ("[1, 2]", "Write an object"),
        (json.dumps({"a": "x" * 17_000}), "at most 16 KB fit"),
    ):
        await dialog.get_by_label("Options").fill(wrong)
        await expect(dialog.locator(".wrong")).to_contain_text(words)
        await expect(dialog.get_by_role("button", name="Save options")).to_be_disabled()
    assert await axe(page) == []


async def save(page: Page, options: str) -> None:
    """Type options and a reason, and send them."""
    dialog = page.get_by_role("dialog", name="Edit the options of Ada Lovelace")
    await dialog.get_by_label("Options").fill(options)
    await dialog.get_by_label("Reason").fill("As asked")
    await dialog.get_by_role("button", name="Save options").click()
