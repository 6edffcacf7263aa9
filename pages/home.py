"""Home: what waits, exact numbers, what happened lately; for an empty company, what to do first."""

from nicegui import ui

from app import topics
from app.models import JobStatus
from app.permissions import Permission
from app.services import home
from app.services.home import Overview
from components.blocks import Entry, Note, PageHead, Tile, Tiles, Timeline, Waiting, WorkList
from components.live import Live
from components.screen import View, screen
from pages.entries import audit_entry

_NOW = "/jobs?status=running&status=queued"


@screen("/", title="Home", icon="home", menu="", needs=Permission.HOME_READ)
async def home_screen(view: View) -> None:
    """Numbers by counters only; live."""
    seen = await home.overview(view.actor)
    PageHead("Home", sub=f"Hello, {view.actor.name}.")
    if not seen.datasets.value:
        _first_steps(view)
    tiles = Tiles(_tiles(seen))
    with ui.element("div").classes("two"):
        waiting = WorkList(_waiting(seen), nothing="Nothing waits. Failed jobs and imports with bad rows appear here.")
        lately = None if seen.lately is None else Timeline(_lately(seen), title="Lately", nothing="Nothing yet.")

    async def again() -> None:
        now = await home.overview(view.actor)
        tiles.replace(_tiles(now))
        waiting.replace(_waiting(now))
        if lately is not None:
            lately.replace(_lately(now))

    Live((topics.jobs, topics.datasets, topics.audit), again)


def _lately(seen: Overview) -> list[Entry]:
    return [audit_entry(entry, linked=True) for entry in seen.lately or ()]


def _first_steps(view: View) -> None:
    if view.may(Permission.DATASETS_CREATE):
        Note(
            "Start with a dataset",
            "Drop a CSV or TSV file: its columns are recognised, you check them, and every row is validated.",
            link="New dataset",
            opens="/datasets/new",
        )
    else:
        Note("No dataset yet", "They appear here as soon as somebody with the permission imports a file.")


def _tiles(seen: Overview) -> list[Tile]:
    jobs = seen.jobs
    running, queued = jobs.get(JobStatus.RUNNING, 0), jobs.get(JobStatus.QUEUED, 0)
    return [
        Tile("Datasets", str(seen.datasets), "of all teams that you see", opens="/datasets"),
        Tile("Rows", seen.rows, "visible, in all datasets", opens="/datasets"),
        Tile("Jobs now", running + queued, f"{running:,} running, {queued:,} queued", opens=_NOW),
        Tile(
            "Jobs failed",
            jobs.get(JobStatus.FAILED, 0),
            f"{jobs.get(JobStatus.SUCCEEDED, 0):,} succeeded",
            tone="bad" if jobs.get(JobStatus.FAILED) else None,
            opens="/jobs?status=failed",
        ),
    ]


def _waiting(seen: Overview) -> list[Waiting]:
    rows = []
    if failed := seen.jobs.get(JobStatus.FAILED, 0):
        rows.append(
            Waiting(
                failed,
                "job failed" if failed == 1 else "jobs failed",
                "Retry or cancel them",
                "/jobs?status=failed",
                "bad",
            )
        )
    rows += [
        Waiting(i.rows_bad, f"bad rows in {i.filename}", f"{i.dataset} · {i.team}", f"/imports/{i.id}", "warn")
        for i in seen.imports_with_bad_rows
    ]
    return rows
