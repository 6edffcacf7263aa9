"""Documents that jobs made, to take away."""

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from app.services import documents, uploads

router = APIRouter()


@router.get("/api/jobs/{job_id}/document.txt")
async def document(request: Request, job_id: UUID) -> FileResponse:
    """The document that a job made."""
    path, name = await documents.download(request.state.actor, uploads.bound(), job_id)
    return FileResponse(path, media_type="text/plain; charset=utf-8", filename=name)
