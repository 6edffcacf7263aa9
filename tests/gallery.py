"""Every component and every state on invented data, without a database: ``python -m tests.gallery [PORT]``.

Tests drive it in Chromium; people look at it while they change a component.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta

from fastapi import FastAPI
from nicegui import ui
from starlette.types import ASGIApp, Receive, Scope, Send

from app import clock, topics
from app.actor import Staff
from app.config import Settings
from app.errors import Conflict, Forbidden, Invalid, NotFound, TooSlow
from app.ids import uuid7
from app.main import mount_frame
from app.paging import Count, CountKind, Page, PageRequest, Sort
from app.permissions import Permission, Role
from components.forms.dialogs import ask, ask_reason, confirm, resolve_conflict, type_the_name
from components.forms.form import Field, Form, Values
from components.lists.table import DataTable, Empty, RowAction
from components.page.screen import Screen, View, screen
from components.page.toasts import done
from components.records.blocks import (
    Action,
    Entry,
    ErrorCard,
    Fact,
    Facts,
    Note,
    PageHead,
    Progress,
    Step,
    Tile,
    Tiles,
    Timeline,
    Waiting,
    WorkList,
)
from tests.gallery_jobs import COLUMNS, FILTERS, WORDS, Job, Jobs, Status


def screens(jobs: Jobs) -> tuple[Screen, ...]:  # noqa: C901 - the handlers of five invented screens, side by side
    @screen("/", title="Home", icon="home", menu="", needs=Permission.HOME_READ)
    async def home(view: View) -> None:
        now = clock.now()
        PageHead("Home", sub="Saturday 21 November, numbers as of 14:02 CET")
        Tiles(
            [
                Tile("Datasets", 18, "2 new this week", opens="/jobs"),
                Tile("Rows", 3_214_887, "in 18 datasets"),
                Tile("Jobs done", 18_440, "▲ 3 % against last week", "ok"),
                Tile("Jobs failed", 312, "since yesterday", "bad"),
            ]
        )
        with ui.element("div").classes("two"):
            WorkList(
                [
                    Waiting(
                        312,
                        "jobs failed with one cause",
                        "LLM timeout in section 3, since 13:42, 9 teams",
                        "/jobs?status=failed",
                        "bad",
                    ),
                    Waiting(2, "payments differ from Stripe", "Refunded there, paid here", "/jobs", "warn"),
                    Waiting(1480, "rows wait for review", "Street signs v7, oldest 3 h", "/jobs"),
                ]
            )
            Timeline(
                [
                    Entry(
                        now - timedelta(minutes=2),
                        [("Ana Kovács", ""), " changed the plan of ", ("Acme", "/jobs")],
                        "Ticket 4312, paid by bank transfer",
                        [("plan", "free", "premium"), ("seats", None, 12)],
                        "info",
                    ),
                    Entry(
                        now - timedelta(hours=1),
                        [("Tom Reyes", ""), " imported 336,776 rows into ", ("Flights", "/jobs")],
                        "0 rejected, 8.4 s",
                        tone="ok",
                        opens="/jobs",
                    ),
                ],
                title="Lately",
            )

    @screen("/jobs", title="Jobs", icon="jobs", menu="Work", needs=Permission.JOBS_READ)
    async def listed(view: View) -> None:
        async def retry(job: Job, reason: str) -> None:
            done(f"{job.kind} is queued again: {reason}")

        async def cancel(job: Job) -> None:
            raise Conflict("This job has ended already.")

        async def more() -> None:
            jobs.add(7)

        async def finish() -> None:
            jobs.finish()

        PageHead(
            "Jobs",
            sub="18 running · 204 queued",
            actions=[Action("Add seven", more), Action("Finish all", finish, main=True)],
        )
        DataTable(
            "Jobs",
            load=jobs.search,
            columns=COLUMNS,
            filters=FILTERS,
            live=topics.jobs,
            search="Id, kind, team, error …",
            sort=Sort("number", descending=False),
            empty=Empty("No jobs yet", "They appear here as soon as somebody imports a dataset."),
            actions=[
                RowAction(
                    "Retry",
                    retry,
                    needs=Permission.JOBS_RETRY,
                    shown=lambda job: job.status is Status.FAILED,
                    asks="Why retry this job?",
                ),
                RowAction("Cancel", cancel, shown=lambda job: job.status is Status.RUNNING, danger=True),
            ],
        )

    @screen("/jobs/{id}", title="Job", needs=Permission.JOBS_READ)
    async def record(view: View) -> None:
        await asyncio.sleep(0.01)
        job = next((j for j in jobs.rows if str(j.id) == view.params["id"]), None)
        if job is None:
            raise NotFound("There is no such job, or it belongs to a team that you cannot see.")

        async def remove() -> None:
            if await type_the_name(
                f"Delete {job.kind}?",
                job.kind,
                submit="Delete job",
                plan=["12 results are deleted.", "This cannot be undone."],
            ):
                done("Deleted.")

        async def rename() -> None:
            async def save(values: Values) -> None:
                if values["name"] == "taken":
                    raise Invalid(name="Another job has this name. Choose a different one.")
                done(f"Renamed to {values['name']}.")

            await ask("Rename job", submit="Rename", fields=[Field("name", "Name", value=job.kind)], on_submit=save)

        async def clash() -> None:
            conflict = Conflict(
                "Tom Reyes changed it 20 s ago.", original={"delay": 2}, theirs={"delay": 5}, yours={"delay": 9}
            )
            done(f"Chosen: {await resolve_conflict(conflict)}")

        PageHead(
            job.kind,
            trail=[("Jobs", "/jobs")],
            status=WORDS[job.status],
            id=job.id,
            sub=job.team,
            actions=[
                Action("Rename", rename, main=True),
                Action("Meet a conflict", clash),
                Action("Delete job", remove, danger=True),
            ],
        )
        Progress(
            Step("Loading rows, section 3 of 12", 96_000, 336_776, rate=121_340, left=2.1, facts=[("Bad rows", "0")])
        )
        Facts(
            [
                Fact("Team", job.team, opens="/jobs"),
                Fact("Created", job.created_at, "time"),
                Fact("Took", 12.4, "duration"),
                Fact("Size", 8_345_123, "bytes"),
                Fact("Status", WORDS[job.status], "status"),
                Fact("Note", None),
            ],
            title="About this job",
        )
        Timeline([Entry(clock.now(), ["Queued by ", ("Ana Kovács", "")], tone="info")], title="What happened")

    @screen("/states", title="States", icon="audit", menu="Trust", needs=Permission.JOBS_READ)
    async def states(view: View) -> None:
        async def nothing(_: PageRequest) -> Page[Job]:
            return Page([], Count(0))

        async def slow(_: PageRequest) -> Page[Job]:
            raise TooSlow("This search ran longer than 3 seconds. Choose a shorter time, or take away the text.")

        async def broken(_: PageRequest) -> Page[Job]:
            raise RuntimeError("a bug of ours")

        async def boom() -> None:
            raise RuntimeError("a bug in a click")

        async def refuse() -> None:
            raise Forbidden("Your role, Viewer, may not retry jobs. Ask an administrator.")

        async def sure() -> None:
            plan = ["What was loaded so far is taken out again."]
            yes = await confirm("Cancel this import?", submit="Cancel import", plan=plan, danger=True)
            done(f"Confirmed: {yes}")

        async def why() -> None:
            done(f"Reason: {await ask_reason('Why retry?', submit='Retry')}")

        async def submit(values: Values) -> None:
            raise Invalid(name="A name has at least 3 letters.")

        PageHead(
            "States",
            actions=[
                Action("Break", boom),
                Action("Be refused", refuse),
                Action("Confirm", sure),
                Action("Give a reason", why),
            ],
        )
        DataTable(
            "Nothing",
            load=nothing,
            columns=COLUMNS,
            key="a",
            empty=Empty(
                "No jobs yet", "They appear here as soon as somebody imports a dataset.", "New dataset", "/jobs"
            ),
        )
        DataTable("Slow", load=slow, columns=COLUMNS, filters=FILTERS, key="b")
        DataTable("Broken", load=broken, columns=COLUMNS, key="c")
        Note("No rights yet", "Ask an administrator of Quarterdeck to give you a role.")
        ErrorCard(NotFound("There is no such job."))
        Progress(Step("Waiting for a worker", state="waiting"))
        Progress(Step("Done", 10, 10, state="done"))
        Progress(Step("Checking the file"))
        Form(
            [
                Field("name", "Name"),
                Field("kind", "Kind", "choice", choices=[("a", "Alpha"), ("b", "Beta")]),
                Field("note", "Note", "long", required=False),
            ],
            submit="Save",
            on_submit=submit,
            label="Example",
        )

    @screen("/slow", title="Slow", icon="staff", menu="Trust", needs=Permission.AUDIT_READ)
    async def slow_screen(view: View) -> None:
        await asyncio.sleep(float(view.query.get("s", ("0.6",))[0]))
        PageHead("Slow")

        async def wait(_: PageRequest) -> Page[Job]:
            await asyncio.sleep(30)
            return Page([], Count(1, CountKind.AT_LEAST))

        DataTable("Waits", load=wait, columns=COLUMNS)

    return home, listed, record, states, slow_screen


class Door:
    """Stands where the guard stands: says who acts."""

    def __init__(self, app: ASGIApp, actor: Staff) -> None:
        self.app, self.actor = app, actor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["actor"] = self.actor
        await self.app(scope, receive, send)


def person(role: Role = Role.ADMIN, name: str = "Ana Kovács") -> Staff:
    return Staff(uuid7(), uuid7(), name, "ana@example.com", role)


def build(role: Role = Role.ADMIN, *, jobs: Jobs | None = None, extra: Sequence[Screen] = ()) -> Door:
    api = FastAPI()
    mount_frame(api, Settings(environment="Gallery", environment_color="green"), (*screens(jobs or Jobs()), *extra))
    return Door(api, person(role))


if __name__ == "__main__":
    import uvicorn

    port = int(sys.argv[1]) if len(sys.argv) > 1 else 18551
    role = Role(sys.argv[2]) if len(sys.argv) > 2 else Role.ADMIN
    uvicorn.run(build(role), host="127.0.0.1", port=port, log_level="warning")
