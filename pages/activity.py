"""What one person of the staff did, day by day, where they are signed in, and what was done to them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from uuid import UUID

from app import clock, topics
from app.actor import Staff
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.services import audit, staff, staff_sessions
from app.services.audit import Activity
from components.lists.columns import TextColumn, TimeColumn
from components.lists.filters import ChoiceFilter, DayFilter, IdFilter, TimeRangeFilter
from components.lists.table import DataTable, Empty, RowAction
from components.page.ids import record_id
from components.page.screen import View, screen
from components.records.blocks import Fact, Facts, PageHead, Panel, Timeline
from components.records.side_pane import look
from pages.shared.audit_preview import action_choices, glance_of
from pages.shared.audit_sentences import sentence
from pages.shared.audit_timeline import audit_entry
from pages.shared.labels import plural

DAYS = 14
"""Days that are told one by one."""


@screen("/staff/{id}/activity", title="Activity", needs=Permission.STAFF_READ)
async def activity_screen(view: View) -> None:
    """A person's acts with filters, their days and sessions beside, and what happened to their account."""
    staff_id = record_id(view.params["id"])
    member = (await staff.get(view.actor, staff_id)).member
    seen = await audit.activity(view.actor, staff_id)

    async def glance(entry: object) -> None:
        await look(glance_of(entry))

    PageHead(
        "Activity",
        trail=[("Staff", "/staff"), (member.name, f"/staff/{staff_id}")],
        sub=f"What {member.name} did here, and what was done to their account.",
    )
    Facts(_days(staff_id, seen), title="By day").classes("days")
    with Panel("What they did"):
        DataTable(
            "What they did",
            load=partial(_acts, view.actor, staff_id),
            columns=[
                TimeColumn("at", label="When", sort="id", card=True),
                TextColumn("sentence", label="What they did", read=sentence, opens="/audit/{id}", wide=True, card=True),
                TextColumn("ip", label="From", quiet=True),
            ],
            filters=[
                ChoiceFilter("action", choices=action_choices(), pinned=True),
                TimeRangeFilter("at", label="When", pinned=True),
                DayFilter("day", label="Go to day", pinned=True),
                IdFilter("record"),
            ],
            actions=[RowAction("Look", glance)],
            live=topics.audit,
            empty=Empty("Nothing yet", "What they do appears here."),
        )
    if view.may(Permission.SESSIONS_READ):
        with Panel("Signed in on"):
            DataTable(
                "Signed in on",
                load=partial(staff_sessions.search, view.actor, staff_id),
                columns=[
                    TextColumn("device", card=True),
                    TextColumn("ip", label="Address", card=True),
                    TimeColumn("created_at", label="Signed in"),
                    TimeColumn("last_seen_at", label="Last seen", card=True),
                ],
                key="sessions",
                empty=Empty("Signed in nowhere", ""),
            )
    Timeline([audit_entry(entry, linked=True) for entry in seen.done_to], title="What was done to them")


async def _acts(actor: Staff, staff_id: UUID, request: PageRequest) -> Page[object]:
    """The list is about one person, whatever its address says."""
    return await audit.search(actor, replace(request, filters={**request.filters, "person": (str(staff_id),)}))


def _days(staff_id: UUID, seen: Activity) -> Sequence[Fact]:
    """The last days with an act, each the way to its place in the list."""
    if not seen.days:
        return [Fact("So far", "Nothing")]
    told = [
        Fact(_day(day), plural(acts, "act"), opens=f"/staff/{staff_id}/activity?day={day.isoformat()}")
        for day, acts in seen.days[:DAYS]
    ]
    more = not seen.whole or len(seen.days) > DAYS
    return [*told, Fact("Before", "See the list", opens=f"/audit?person={staff_id}")] if more else told


def _day(day: date) -> str:
    year = "" if day.year == clock.now().year else f" {day.year}"
    return f"{day:%a} {day.day} {day:%b}{year}"
