"""Health for load balancers: ``/health/live`` (the process runs) and ``/health/ready`` (it can do its work)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.web.access import Access

SchemaRevision = Callable[[], Awaitable[str | None]]
"""Asks the database for its schema's revision."""

PATIENCE = 2.0
"""Seconds within which the database has to answer."""

ACCESS = {"/health/live": Access.PUBLIC, "/health/ready": Access.PUBLIC}

log = logging.getLogger(__name__)


def router(schema_revision: SchemaRevision, head: str | None) -> APIRouter:
    """The routes of health. ``head`` is the schema's revision that this program was made for."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/health/live")
    async def live() -> JSONResponse:
        return JSONResponse({"status": "live"})

    @routes.get("/health/ready")
    async def ready() -> JSONResponse:
        reason = await _why_not(schema_revision, head)
        if reason:
            return JSONResponse({"status": "unavailable", "reason": reason}, 503)
        return JSONResponse({"status": "ready"})

    return routes


async def _why_not(schema_revision: SchemaRevision, head: str | None) -> str | None:
    try:
        async with asyncio.timeout(PATIENCE):
            revision = await schema_revision()
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is "not ready", and the log says why
        log.warning("The database does not answer: %s: %s", type(error).__name__, error)
        return "The database does not answer."
    if revision != head:
        return f"The database's schema is {revision or 'missing'}, this program needs {head}."
    return None
