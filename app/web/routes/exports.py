"""CSV of a list: ``POST /export/jobs.csv?status=failed``, the list's own address with its filters, search and order.

It is no GET, although it brings a file: it is recorded, so no link, reload or preview may cause it by itself.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import parse_qs
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.actor import Staff
from app.config import Settings
from app.errors import RateLimited
from app.paging import PageRequest
from app.services import exports
from app.services.exports import Exported
from app.web.routes.abandon import unless_abandoned

AT_ONCE = 3
"""Exports that run at the same time; others wait, so that they never hold all connections to the database."""
PIECE = 1 << 18


def router(settings: Settings) -> APIRouter:
    """The route of exports. What is under way is known to this process only."""
    routes = APIRouter(include_in_schema=False)
    busy: set[UUID] = set()
    slots = asyncio.Semaphore(min(AT_ONCE, settings.pool_size))

    @routes.post("/export/{name}.csv")
    async def export(request: Request, name: str) -> Response:
        actor: Staff = request.state.actor
        query = parse_qs(request.url.query, keep_blank_values=True)
        asked = PageRequest.read({key: tuple(values) for key, values in query.items()})

        async def written() -> Exported:
            async with slots:
                return await exports.export(actor, settings.data_dir, name, asked)

        with ExitStack() as held:
            held.enter_context(_one_of(busy, actor.staff_id))
            exported = await unless_abandoned(request, written())
            held.enter_context(exported.file)
            return _Sent(exported, held.pop_all())

    return routes


@contextmanager
def _one_of(busy: set[UUID], staff_id: UUID) -> Iterator[None]:
    """One export of a person at a time, until its last byte is sent."""
    if staff_id in busy:
        raise RateLimited("Another export of yours is still running. Wait until it is done, or cancel it.", 2)
    busy.add(staff_id)
    try:
        yield
    finally:
        busy.discard(staff_id)


class _Sent(Response):
    """Sends the file piece by piece; whatever happens, ``held`` is let go of in the end."""

    media_type = "text/csv"

    def __init__(self, exported: Exported, held: ExitStack) -> None:
        headers = {
            "content-disposition": f'attachment; filename="{exported.name}"',
            "content-length": str(exported.bytes),
            "x-rows": str(exported.rows),
            "x-cut": "yes" if exported.cut else "no",
        }
        super().__init__(headers=headers)
        self._file, self._held = exported.file, held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Answer one request."""
        with self._held:
            await asyncio.to_thread(self._file.seek, 0)
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while piece := await asyncio.to_thread(self._file.read, PIECE):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
