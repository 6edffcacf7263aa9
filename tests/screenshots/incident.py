"""What the second act goes on with: people on call with what failed, and the log that tells of everybody."""

import re
from collections.abc import Awaitable, Callable

from playwright.async_api import Locator, expect

from tests.screenshots.story import Story


def rows(story: Story, table: str) -> Locator:
    """The records of a list."""
    return story.ana.get_by_role("table", name=table).locator("tbody tr[data-id]")


async def failures(story: Story) -> None:
    """What failed alike, one cause, what a bulk act will do, and what it did."""
    await story.open("/failures", "Failures")
    await expect(rows(story, "Failures").first).to_be_visible()
    await story.shoot("failures")
    await rows(story, "Failures").filter(has_text="New today").get_by_role("link").first.click()
    await expect(story.button("Retry all")).to_be_visible()
    await story.shoot("failure")
    dialog = await story.dialog("Retry all")
    await dialog.get_by_label("Reason").fill("The folder is writable again, ticket 4400.")
    await story.shoot("failure-retry-dialog")
    await dialog.get_by_role("button", name=re.compile("^Retry ")).click()
    await expect(story.ana.get_by_role("heading", level=1)).to_contain_text("Retry ")
    await expect(rows(story, "Jobs of this act").first).to_be_visible()
    await story.shoot("bulk-act")


async def jobs(story: Story) -> None:
    """The list with its counts and pace, a selection, and a job that failed three times."""
    await story.open("/jobs", "Jobs")
    await expect(rows(story, "Jobs").first).to_be_visible()
    await story.shoot("jobs-today")
    await story.open("/jobs?status=failed", "Jobs")
    for number in (0, 1, 2):
        await rows(story, "Jobs").nth(number).get_by_role("checkbox").check()
    await story.shoot("jobs-selected")
    await rows(story, "Jobs").first.get_by_role("link").first.click()
    await expect(story.ana.get_by_role("heading", name="Attempts")).to_be_visible()
    await story.shoot("job-attempts")


async def log(story: Story) -> None:
    """One entry beside the list, taking it back, what is recorded, and what somebody did."""
    await story.open("/audit?action=user.plan_changed", "Audit log")
    await rows(story, "Audit log").first.get_by_role("button", name="Look").click()
    await expect(story.ana.get_by_role("dialog", name=re.compile("^Entry"))).to_be_visible()
    await story.shoot("audit-look")
    await story.button("Close").click()
    await rows(story, "Audit log").first.get_by_role("link").first.click()
    await expect(story.button("Revert this change")).to_be_visible()
    dialog = await story.dialog("Revert this change")
    await dialog.get_by_label("Reason").fill("The contract was not signed.")
    await story.shoot("audit-revert-dialog")
    await story.ana.keyboard.press("Escape")
    await story.open("/audit/actions", "What is recorded")
    await story.shoot("audit-actions")
    await story.open("/staff?role=support", "Staff")
    await rows(story, "Staff").first.get_by_role("link").first.click()
    await expect(story.ana.get_by_role("heading", name="What happened")).to_be_visible()
    await story.open(f"{story.here()}/activity", "Activity")
    await expect(rows(story, "What they did").first).to_be_visible()
    await story.shoot("staff-activity")


SCENES: tuple[Callable[[Story], Awaitable[None]], ...] = (failures, jobs, log)
