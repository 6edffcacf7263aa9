"""What the dataset screens fetch and send beside the socket: rows of the grid, uploads, the file of bad rows."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from pydantic import TypeAdapter

from app.errors import Invalid
from app.fields.filters import parse_filters
from app.paging import Sort
from app.services import imports, rows, uploads
from app.storage.uploads import bound
from app.values.exact_json import for_browser
from app.web.access import Access
from app.web.routes.abandon import unless_abandoned

UPLOADS = "/uploads"
ACCESS = {UPLOADS: Access.RAW_BODY}

router = APIRouter()

_json = TypeAdapter(dict[str, Any])


@router.get("/api/datasets/{dataset_id}/rows")
async def window(request: Request, dataset_id: UUID) -> Response:
    """Rows for the grid; the form of question and answer is told in ``components/grid/grid.py``."""
    query = request.query_params
    try:
        start, stop = int(query["from"]), int(query["to"])
    except (KeyError, ValueError):
        raise Invalid("This part of the dataset cannot be shown.") from None
    sort = Sort.decode(query["sort"]) if query.get("sort") else None
    question = rows.window(request.state.actor, dataset_id, start, stop, parse_filters(request.url.query), sort)
    found = await unless_abandoned(request, question)
    keys = [field.key for field in found.fields]
    answer = {
        "rows": [
            [str(r.id), r.position, r.version, r.status, [for_browser(r.data.get(key)) for key in keys]]
            for r in found.rows
        ],
        "total": found.total.value,
        "total_kind": found.total.kind.value,
        "scan": found.scan,
        "took_ms": round(found.took_ms, 1),
    }
    return Response(_json.dump_json(answer), media_type="application/json", headers={"cache-control": "no-store"})


@router.put(UPLOADS, status_code=201)
async def upload(request: Request, name: str) -> dict[str, Any]:
    """Take a file in, counted byte by byte."""
    declared = request.headers.get("content-length")
    store = bound()
    length = int(declared) if declared and declared.isdigit() else None
    kept = await uploads.receive(request.state.actor, store, name, length, request.stream())
    return {"id": str(kept.id), "bytes": kept.bytes, "sha256": kept.sha256, "name": kept.name}


@router.get("/api/imports/{import_id}/errors.csv")
async def error_file(request: Request, import_id: UUID) -> FileResponse:
    """All bad rows of an import, with their original columns."""
    store = bound()
    path, name = await imports.error_file(request.state.actor, store, import_id)
    return FileResponse(path, media_type="text/csv; charset=utf-8", filename=name)
