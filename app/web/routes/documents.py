"""Documents that jobs made, and what they were given, to take away."""

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from app.services import documents, jobs
from app.storage import uploads

router = APIRouter()


@router.get("/api/jobs/{job_id}/document.txt")
async def document(request: Request, job_id: UUID) -> FileResponse:
    """The document that a job made."""
    path, name = await documents.download(request.state.actor, uploads.bound(), job_id)
    return FileResponse(path, media_type="text/plain; charset=utf-8", filename=name)


@router.get("/api/jobs/{job_id}/{part}.json")
async def content(request: Request, job_id: UUID, part: str) -> Response:
    """What a job was given, brought, or goes on from, whole: pages show only what is not too large for them."""
    told = await jobs.content(request.state.actor, job_id, part)
    headers = {"content-disposition": f'attachment; filename="{part}-{job_id.hex[-8:]}.json"'}
    return Response(told, media_type="application/json", headers=headers)
