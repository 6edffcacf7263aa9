"""The audit log: a sentence first, what changed beside it, and whether all of it can be believed."""

from functools import partial
from typing import Any

from app import topics
from app.models import Job
from app.paging import PageRequest
from app.permissions import Permission
from app.services import audit, audit_exports, seals
from components.forms.dialogs import ask
from components.forms.form import Field, Values
from components.lists.columns import TextColumn, TimeColumn
from components.lists.filters import ChoiceFilter, DayFilter, ExactFilter, IdFilter, TimeRangeFilter
from components.lists.table import DataTable, Empty, RowAction
from components.page import frame
from components.page.screen import View, screen
from components.records.blocks import Action as Button
from components.records.blocks import PageHead
from components.records.side_pane import look
from pages.shared.audit_preview import BY, action_choices, glance_of
from pages.shared.audit_sentences import sentence
from pages.shared.audit_verification import badge
from pages.shared.team_fields import team_filter


@screen("/audit", title="Audit log", icon="audit", menu="Trust", needs=Permission.AUDIT_READ)
async def audit_screen(view: View) -> None:
    """Every change ever made, newest first, live."""
    people = await audit.people(view.actor)
    teams = await team_filter(view)
    state = await seals.state(view.actor)

    async def glance(entry: Any) -> None:  # noqa: ANN401 - a row of the list
        await look(glance_of(entry))

    PageHead(
        "Audit log",
        sub="Every change, by whom and why. Nothing here can be edited or removed.",
        actions=[
            Button("What is recorded", opens="/audit/actions"),
            Button("Export", partial(_export, view), needs=Permission.LISTS_EXPORT),
        ],
    )
    badge(view.actor, state)
    DataTable(
        "Audit log",
        load=partial(audit.search, view.actor),
        columns=[
            TimeColumn("at", label="When", sort="id", card=True),
            TextColumn("sentence", label="What happened", read=sentence, opens="/audit/{id}", wide=True, card=True),
            TextColumn("actor_kind", label="By", read=lambda e: BY.get(e.actor_kind, e.actor_kind.capitalize())),
            TextColumn("ip", label="From", quiet=True),
        ],
        filters=[
            ChoiceFilter("person", choices=dict(people), pinned=True),
            ChoiceFilter("action", choices=action_choices(), pinned=True),
            teams,
            TimeRangeFilter("at", label="When", pinned=True),
            DayFilter("day", label="Go to day", pinned=True),
            IdFilter("record"),
            ExactFilter("ip", label="Address", hint="203.0.113.7"),
            ExactFilter("request", label="Request", hint="7F3K-Q2"),
        ],
        search="Words, names, reasons, values, ids …" if view.may(Permission.PERSONAL_READ) else "Words, ids …",
        actions=[RowAction("Look", glance)],
        live=topics.audit,
        empty=Empty("Nothing recorded yet", "Every sign-in and every change appears here."),
    )


async def _export(view: View) -> None:
    """Have a job write what the filters leave, and go to where it can be taken away."""
    request = PageRequest.read(view.query)

    async def save(values: Values) -> None:
        made.append(await audit_exports.start(view.actor, request, values["format"]))

    made: list[Job] = []
    formats = [("jsonl", "JSON lines, sealed: verifies without a database"), ("csv", "CSV: for reading")]
    fields = [Field("format", "Format", kind="choice", choices=formats)]
    plan = [
        "The file holds all entries that match what is set here, up to a million, newest first.",
        "JSON lines hold no personal values; CSV does.",
        "A job writes it. The audit log keeps that you took it away, and which filters were set.",
    ]
    if await ask("Export the audit log?", submit="Export", plan=plan, fields=fields, on_submit=save):
        [job] = made
        frame.navigate(f"/jobs/{job.id}")
