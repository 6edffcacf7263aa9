"""What only a real browser shows: whether it keeps the cookie, obeys the policy, and finds its way."""

from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import OpenPage
from tests.people import PASSWORD
from tests.security.conftest import COOKIE, Site

pytestmark = pytest.mark.browser


async def _sign_in(page: Page, site: Site, email: str = "ann@example.com", at: str = "") -> None:
    await page.goto(f"{at or site.origin}/login")
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("button", name="Fire")).to_be_visible()


async def _session(page: Page) -> Any:
    """The cookie of the session; the others tell the browser's time zone, and that it is known."""
    cookies = {cookie["name"]: cookie for cookie in await page.context.cookies()}
    assert cookies.keys() == {COOKIE, f"{COOKIE}-device", "zone"}
    return cookies[COOKIE]


async def test_cookie_is_kept_on_loopback_and_hidden_from_scripts(site: Site, open_page: OpenPage) -> None:
    page = await open_page(strict=False)
    await _sign_in(page, site)
    cookie = await _session(page)
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
    assert await page.evaluate("document.cookie") == "zone=UTC"


async def test_page_lives_behind_the_guard_by_either_name_of_this_machine(site: Site, open_page: OpenPage) -> None:
    for origin in (site.origin, site.origin.replace("127.0.0.1", "localhost")):
        page = await open_page(strict=False)
        before = await site.fired()
        await _sign_in(page, site, at=origin)
        await expect(page.get_by_text("tick ").first).to_be_visible()
        await page.get_by_role("button", name="Fire").click()
        await page.wait_for_function(
            "async before => await (await fetch('/api/fired')).json() > before", arg=before, polling=200
        )


async def test_policy_stops_an_injected_handler(site: Site, open_page: OpenPage) -> None:
    page = await open_page(strict=False)
    await _sign_in(page, site)
    violated = await page.evaluate(
        """() => new Promise(resolve => {
            document.addEventListener('securitypolicyviolation', event => resolve(event.effectiveDirective));
            document.body.insertAdjacentHTML('beforeend', '<img src="/api/nothing" onerror="window.pwned = 1">');
        })"""
    )
    assert violated == "script-src-attr"
    assert await page.evaluate("window.pwned") is None


async def test_open_page_leaves_when_its_session_ends_elsewhere(site: Site, open_page: OpenPage) -> None:
    page = await open_page(strict=False)
    await _sign_in(page, site)
    cookie = await _session(page)
    async with site.http(cookie["value"]) as client:
        await client.post("/auth/logout")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_link_from_another_site_opens_the_page(site: Site, open_page: OpenPage) -> None:
    page = await open_page(strict=False)
    await _sign_in(page, site)
    link = f'<!doctype html><a href="{site.origin}/?from=mail">Open</a>'
    await page.route("http://mail.example/", lambda route: route.fulfill(body=link, content_type="text/html"))
    await page.goto("http://mail.example/")
    await page.get_by_role("link", name="Open").click()
    await expect(page.get_by_role("button", name="Fire")).to_be_visible()
    assert page.url == f"{site.origin}/?from=mail"
    await page.context.clear_cookies()
    await page.goto("http://mail.example/")
    await page.get_by_role("link", name="Open").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_sign_in_works_without_javascript(site: Site, browser: Browser) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{site.origin}/jobs?status=failed")
    await expect(page.get_by_label("E-mail")).to_be_focused()
    await page.get_by_label("E-mail").fill("ann@example.com")
    await page.get_by_label("Password").fill("not her password")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("The e-mail or the password is wrong.")
    await expect(page.get_by_label("E-mail")).to_have_value("ann@example.com")
    await expect(page.get_by_label("Password")).to_be_focused()
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/jobs?status=failed")
    await context.close()
