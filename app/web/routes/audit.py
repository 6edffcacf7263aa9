"""Parts of the audit log that jobs wrote into files, to take away."""

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from app.services import audit_exports
from app.storage import uploads

router = APIRouter()


@router.get("/api/jobs/{job_id}/audit-log")
async def audit_log(request: Request, job_id: UUID) -> FileResponse:
    """The file that a job wrote."""
    path, name = await audit_exports.download(request.state.actor, uploads.bound(), job_id)
    kind = "text/csv; charset=utf-8" if path.suffix == ".csv" else "application/jsonl"
    return FileResponse(path, media_type=kind, filename=name)
