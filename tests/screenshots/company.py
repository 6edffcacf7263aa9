"""The second act: the demo company, as a newcomer meets it. Pictures of every area of the console."""

import re
from collections.abc import Awaitable, Callable

from playwright.async_api import Locator, expect

from tests.screenshots.story import Story


async def first_of(story: Story, table: str, column: int = 0) -> None:
    """Open the first record of a list."""
    rows = story.ana.get_by_role("table", name=table).locator("tbody tr")
    await rows.first.locator("td").nth(column).get_by_role("link").first.click()
    await expect(story.ana).to_have_url(re.compile(r"/[0-9a-f-]{36}$"))
    await expect(story.ana.get_by_role("heading", name="What happened")).to_be_visible()


async def listed(story: Story, path: str, heading: str, name: str) -> Locator:
    """A list with its rows, as a picture."""
    await story.open(path, heading)
    table = story.ana.get_by_role("table", name=heading)
    await expect(table.locator("tbody tr").first).to_be_visible()
    await story.shoot(name)
    return table


async def home(story: Story) -> None:
    """What waits, the numbers, what happened lately, how the system is."""
    await story.open("/", "Home")
    await expect(story.ana.get_by_text("Waits for you")).to_be_visible()
    await story.shoot("home-demo")


async def customers(story: Story) -> None:
    """Users and teams, one of each, and the dialogs that change them."""
    await listed(story, "/users", "Users", "users")
    await listed(story, "/users?plan=premium&q=an", "Users", "users-filtered")
    await story.open("/users?q=nobody-at-all", "Users")
    await expect(story.ana.get_by_text("Nothing matches these filters")).to_be_visible()
    await story.shoot("users-no-match")
    await story.open("/payments?status=succeeded", "Payments")
    await first_of(story, "Payments")
    await story.ana.get_by_role("main").locator('a[href^="/users/"]').first.click()
    await expect(story.button("Change plan")).to_be_visible()
    await expect(story.ana.get_by_role("heading", name="What happened")).to_be_visible()
    await story.shoot("user")
    dialog = await story.dialog("Change plan")
    await dialog.get_by_label("Reason").fill("Asked for it in the chat.")
    await story.shoot("user-plan-dialog")
    await story.ana.keyboard.press("Escape")
    await story.dialog("Edit options")
    await story.shoot("user-options-dialog")
    await story.ana.keyboard.press("Escape")
    await listed(story, "/teams", "Teams", "teams")
    await first_of(story, "Teams")
    await story.shoot("team")
    await story.dialog("Change limits")
    await story.shoot("team-limits-dialog")
    await story.ana.keyboard.press("Escape")


async def money(story: Story) -> None:
    """Payments, one of them, and the numbers."""
    await listed(story, "/payments", "Payments", "payments")
    await listed(story, "/payments?currency=JPY&status=succeeded", "Payments", "payments-filtered")
    await story.open("/payments?status=succeeded", "Payments")
    await first_of(story, "Payments")
    await story.shoot("payment")
    await story.open("/stats", "Stats")
    await expect(story.ana.get_by_role("heading", name="Revenue")).to_be_visible()
    await expect(story.ana.get_by_role("heading", name="Staff actions")).to_be_visible()
    await story.shoot("stats")
    await story.ana.get_by_role("button", name="Table").first.click()
    await expect(story.ana.get_by_role("table").first).to_be_visible()
    await story.shoot("stats-table")


async def work(story: Story) -> None:
    """A dataset with pictures, the jobs of ninety days, what may leave."""
    await listed(story, "/datasets", "Datasets", "datasets-demo")
    await story.ana.get_by_role("table", name="Datasets").locator("tbody tr").first.get_by_role("link").first.click()
    await expect(story.ana.get_by_role("grid")).to_be_visible()
    await expect(story.ana.locator(".ag-row img").first).to_be_visible()
    await story.shoot("dataset-images")
    table = await listed(story, "/jobs?kind=document.generate", "Jobs", "jobs-demo")
    await expect(table).to_be_visible()
    await story.button("Export CSV").first.click()
    await expect(story.ana.get_by_role("dialog")).to_be_visible()
    await story.shoot("export-dialog")
    await story.ana.keyboard.press("Escape")
    await story.open("/queues", "Queues and workers")
    await expect(story.ana.get_by_role("table", name="Queues").locator("tbody tr").first).to_be_visible()
    await story.shoot("queues")
    await listed(story, "/schedules", "Schedules", "schedules")
    await story.ana.get_by_role("link", name="Remove abandoned files").click()
    await expect(story.ana.get_by_role("heading", name="Next runs")).to_be_visible()
    await story.shoot("schedule")


async def trust(story: Story) -> None:
    """The staff, their roles, one of them, an invitation, one's own profile, and what everybody did."""
    await listed(story, "/staff", "Staff", "staff")
    await story.dialog("Invite")
    await story.shoot("staff-invite-dialog")
    await story.ana.keyboard.press("Escape")
    await story.open("/staff/roles", "Roles")
    await story.shoot("staff-roles")
    await story.open("/staff?role=support", "Staff")
    await first_of(story, "Staff")
    await story.shoot("staff-member")
    await story.open("/profile", "My profile")
    await story.shoot("profile")
    await listed(story, "/audit", "Audit log", "audit-demo")


SCENES: tuple[Callable[[Story], Awaitable[None]], ...] = (home, customers, money, work, trust)
