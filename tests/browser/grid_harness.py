"""A tiny application around the dataset components, with invented rows: ``python -m tests.browser.grid_harness PORT``.

Rows are computed from their index, so five million of them cost nothing. Values of filters choose what happens:
``flight is slow`` runs into the time limit, ``flight is broken`` fails once, ``flight is forever`` never answers.
"""

import asyncio
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from nicegui import ui
from starlette.requests import ClientDisconnect

from app.errors import Conflict, Invalid, Unavailable
from app.fields.filters import parse_filters
from components import assets
from components.forms.upload import FileDrop, Uploaded
from components.grid.column_types import ColumnChoice, ColumnTypes
from components.grid.grid import DataGrid, Edit, GridField, Tone
from components.grid.grid_filters import FilterBar
from components.page.place import Place
from components.page.screen import Opening

COMPONENTS = Path(__file__).parents[2] / "components"
FIELDS = (
    GridField("flight", "flight", "text"),
    GridField("year", "year", "integer", required=True),
    GridField("dep_delay", "dep_delay", "number", minimum=-100, maximum=5000),
    GridField("cancelled", "cancelled", "boolean"),
    GridField("day", "day", "date"),
    GridField("time_hour", "time_hour", "datetime"),
    GridField("origin", "Origin", "choice", choices=("EWR", "JFK", "LGA")),
    GridField("tags", "tags", "multi_choice", choices=("late, very", "early", "night")),
    GridField("notes", "notes", "long_text"),
    GridField("home", "home", "url"),
    GridField("photo", "photo", "image"),
    GridField("extra", "extra", "json"),
)
STATUSES: dict[str, tuple[str, Tone]] = {
    "pending": ("Pending", "idle"),
    "approved": ("Approved", "ok"),
    "needs_fix": ("Needs fix", "warn"),
}
EDITS: dict[tuple[int, str], Any] = {}
SEEN: dict[str, Any] = {"edits": [], "broken": 0, "gone": 0, "asked": []}
api = FastAPI()


def row(i: int) -> list[Any]:
    """One invented row in the wire form."""
    values: list[Any] = [
        f"UA{i}",
        2013,
        None if i % 7 == 0 else i % 90 - 9.5,
        i % 3 == 0,
        f"2013-09-{i % 28 + 1:02}",
        f"2013-09-{i % 28 + 1:02}T{i % 24:02}:00:00Z",
        ("EWR", "JFK", "LGA")[i % 3],
        ["late, very", "night"] if i % 2 else None,
        '<b>bold</b> <img src=x onerror="window.hacked=1"> ' + "long words " * 12,
        "javascript:window.hacked=1" if i % 2 else "https://example.com/a",
        None,
        {":onclick": "window.hacked=1", "n": i},
    ]
    for index, field in enumerate(FIELDS):
        values[index] = EDITS.get((i, field.key), values[index])
    return [f"row-{i}", i + 1, 1, ("pending", "approved", "needs_fix")[i % 3], values]


async def forever(request: Request) -> Response:
    """Answer never; count that the browser went away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    SEEN["gone"] += 1
    return Response(status_code=499)


def outcome(request: Request) -> Response | None:
    """The refusals that a filter's value asks for."""
    values = {value for condition in parse_filters(request.url.query) for value in condition.values}
    if "slow" in values:
        return JSONResponse({"code": "TIMEOUT", "message": "This took longer than 3 s."}, 504)
    if "signedout" in values:
        return JSONResponse({"code": "UNAUTHORIZED", "message": "Sign in again."}, 401)
    if "broken" in values:
        SEEN["broken"] += 1
        if SEEN["broken"] == 1:
            return JSONResponse({"code": "UNAVAILABLE", "message": "The database does not answer."}, 503)
    return None


@api.get("/api/rows/{size}")
async def rows(request: Request, size: int) -> Response:
    """The route of the grid."""
    query = request.query_params
    SEEN["asked"].append(request.url.query)
    if "flight.is.forever" in query.getlist("f"):
        return await forever(request)
    if refused := outcome(request):
        return refused
    total, kind = (10_000, "at_least") if "origin.in.EWR" in query.getlist("f") else (size, "exact")
    total = 0 if "flight.is.nothing" in query.getlist("f") else total
    start, end = int(query["from"]), min(int(query["to"]), total)
    indices = (
        range(total - start - 1, total - end - 1, -1) if query.get("sort", "").startswith("-") else range(start, end)
    )
    body = {
        "rows": [row(i) for i in indices],
        "total": total,
        "total_kind": kind,
        "scan": "sort" in query,
        "took_ms": 3.2,
    }
    return JSONResponse(body)


@api.get("/api/seen")
async def seen() -> Response:
    """What has been heard, for the tests."""
    return JSONResponse(SEEN)


@api.put("/api/uploads")
async def upload(request: Request, name: str) -> Response:
    """Take a file; the name decides what goes wrong."""
    size, digest = 0, hashlib.sha256()
    try:
        async for chunk in request.stream():
            size += len(chunk)
            digest.update(chunk)
            if name.startswith("crawl"):
                await asyncio.sleep(0.05)
    except ClientDisconnect:
        return Response(status_code=499)
    if name.startswith("refused"):
        return JSONResponse({"code": "VALIDATION_ERROR", "message": "This is a picture, not a table."}, 422)
    return JSONResponse({"id": "up-1", "bytes": size, "sha256": digest.hexdigest(), "name": name}, 201)


@api.get("/login")
async def login() -> HTMLResponse:
    """Where a person without a session lands."""
    return HTMLResponse("<h1>Sign in</h1>")


async def save(grid: Callable[[], DataGrid], edit: Edit) -> None:
    """What the page of a dataset does with an edit; the value decides what goes wrong."""
    SEEN["edits"].append([edit.row_id, edit.field, edit.seen, edit.value])
    match edit.value:
        case "refuse":
            raise Invalid("No flight has this number.")
        case "down":
            if sum(each[3] == "down" for each in SEEN["edits"]) == 1:
                raise Unavailable("The database does not answer.")
        case "conflict":
            if edit.seen != "theirs":
                raise Conflict("Somebody changed this cell meanwhile.", theirs="theirs", yours=edit.value)
        case "silence":
            return
    EDITS[int(edit.row_id.removeprefix("row-")), edit.field] = edit.value
    grid().answer(edit.row_id, edit.field, edit.value, "saved")


def grid_page(size: int) -> None:
    """A grid and its filters; the query string of the page decides what they show."""
    router = ui.context.client.sub_pages_router

    def query(path: str) -> str:
        return path.partition("?")[2]

    now = query(router.current_path)
    place = Place(Opening(router.current_path))
    ui.element("h1")
    bar = FilterBar(FIELDS, parse_filters(now))
    grid = DataGrid(
        "Flights",
        f"/api/rows/{size}",
        FIELDS,
        size,
        editable=True,
        on_edit=lambda edit: save(lambda: grid, edit),
        row_link=f"/datasets/{size}/rows/{{row_id}}",
        statuses=STATUSES,
        query=now,
        scan="forever" in now,
    )

    def moved(path: str) -> None:
        if not grid.is_deleted:
            place.show(path, navigates=True)
            grid.show(query(path), scan="forever" in path)
            bar.show(parse_filters(query(path)))

    router.on_path_changed(moved)
    ui.button("Somebody else edits row 3", on_click=lambda: grid.changed("row-2", "flight", "LIVE"))


def upload_page() -> None:
    """An upload; the last one is named below it."""

    def done(file: Uploaded) -> None:
        label.set_text(f"Python heard of {file.name}, {file.bytes} bytes")

    FileDrop("/api/uploads", "CSV or TSV, gz too.", 30_000_000, done)
    label = ui.label("")


def columns_page() -> None:
    """The columns of a file; the choice stands below them."""
    proposal = {
        "types": ["text", "integer", "number", "boolean", "date", "datetime", "choice"],
        "columns": [
            column("year", "integer", [], ["2013", "2013", "2013"], ""),
            column("dep_time", "integer", [("NA", 8255), ("", 1175)], ["517", "533", "542"], "9,430 empty or NA"),
            column("carrier", "text", [("-", 2)], ["UA", "AA", "B6"], "16 different values"),
        ],
        "preview": {
            "rows": [["2013", "517", "UA"], ["2013", None, "<b>x</b>"], ["20x3", "NA", "-"]],
            "rejected": [[2, 0, "“20x3” is not a whole number."]],
        },
    }

    def changed(value: tuple[ColumnChoice, ...]) -> None:
        label.set_text(" | ".join(map(str, value)))

    table = ColumnTypes(json.dumps(proposal), changed)
    label = ui.label(" | ".join(map(str, table.value)))


def column(key: str, kind: str, missing: list[tuple[str, int]], samples: list[str], note: str) -> dict[str, Any]:
    """One proposed column in the wire form."""
    tokens = [{"token": token, "count": count, "on": kind != "text"} for token, count in missing]
    return {
        "key": key,
        "label": key.replace("_", " "),
        "type": kind,
        "required": False,
        "missing": tokens,
        "samples": samples,
        "note": note,
    }


@ui.page("/")
@ui.page("/{_:path}")
def shell() -> None:
    """One page with sub pages, as in the product."""
    ui.query("html").props("lang=en")
    ui.sub_pages(
        {
            "/grid/{size}": lambda size: grid_page(int(size)),
            "/upload": upload_page,
            "/columns": columns_page,
            "/datasets/{n}/rows/{row_id}": lambda n, row_id: ui.label(f"Page of {row_id} in {n}"),
        }
    )


def run(port: int) -> None:
    """Serve until the process is ended."""
    ui.add_css((assets.contents(assets.SHEET) or b"").decode(), shared=True)
    # There is no frame here: the whole width is for the component.
    ui.add_css(
        ":is(.nicegui-layout,.q-layout){display:block!important}.q-page{max-width:none!important;padding:12px!important}",
        shared=True,
    )
    ui.run_with(
        api,
        title="Harness",
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=30,
        show_welcome_message=False,
    )
    uvicorn.run(api, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    run(int(sys.argv[1]))
