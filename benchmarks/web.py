"""A web process that takes a file in and has it looked at: ``python -m benchmarks.web`` is the process.

It is the whole product behind its guard. One route beside it stands for the click in an open page that starts the
inspection, because that click travels by the page's own socket.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen
from uuid import UUID

import httpx
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app import main
from app.actor import Staff
from app.authentication import sessions
from app.config import Settings
from app.crypto import tokens
from app.services import imports
from app.storage import uploads
from app.web.http_protocol import LimitedProtocol
from app.web.sign_in.password import cookie_name
from benchmarks.database import Bench
from benchmarks.files import pieces
from benchmarks.processes import breathe, peak_mb, peak_of_children_mb, started

LOOK = "/look/"


async def peaks(at: Bench, file: Path) -> tuple[float, float]:
    """The most memory in MB of the web process and of its inspection, after an upload and a look at the file."""
    child = [0.0]
    async with (
        running(at, "benchmarks.web") as (settings, process),
        httpx.AsyncClient(base_url=settings.browser_origin, timeout=120) as client,
        asyncio.TaskGroup() as group,
    ):
        watching = group.create_task(peak_of_children_mb(process.pid, child))
        await _upload_and_look(client, at, settings, file)
        watching.cancel()
        return peak_mb(process.pid), child[0]


@asynccontextmanager
async def running(at: Bench, module: str) -> "AsyncIterator[tuple[Settings, Popen[bytes]]]":
    """A module that serves the product, at a free port, once it is ready; ended with the block."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = at.settings.model_copy(update={"port": port})
    async with started(settings, module) as process:
        async with httpx.AsyncClient(base_url=settings.browser_origin, timeout=120) as client:
            await _until_ready(client, process)
        yield settings, process


def token(settings: Settings, actor: Staff) -> str:
    """What the cookie of somebody who is signed in holds."""
    key = settings.session_key
    assert key is not None
    issued, expires = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    return tokens.sign(tokens.Claims(actor.staff_id, actor.session_id, issued, expires), key.get_secret_value())


async def _until_ready(client: httpx.AsyncClient, process: "Popen[bytes]") -> None:
    while True:
        with suppress(httpx.TransportError):
            if (await client.get("/health/ready")).status_code == httpx.codes.OK:
                return
        await breathe(process)


async def _upload_and_look(client: httpx.AsyncClient, at: Bench, settings: Settings, file: Path) -> None:
    headers = {"cookie": f"{cookie_name(settings)}={token(settings, at.ann)}", "origin": settings.browser_origin}
    sent = await client.put("/uploads", params={"name": file.name}, headers=headers, content=pieces(file))
    sent.raise_for_status()
    (await client.get(LOOK + sent.json()["id"], headers={"cookie": headers["cookie"]})).raise_for_status()


class _Looking:
    """The product, and the route that stands for a click."""

    def __init__(self, product: ASGIApp, cookie: str) -> None:
        self._product = product
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(LOOK):
            await self._product(scope, receive, send)
            return
        actor = await sessions.find(Request(scope).cookies[self._cookie])
        assert actor is not None
        looked = await imports.look(actor, uploads.bound(), UUID(scope["path"].removeprefix(LOOK)))
        await JSONResponse({"rows": looked.inspection.rows})(scope, receive, send)


def serve(settings: Settings) -> None:
    """Run the process until it is told to stop."""
    app = _Looking(main.build(settings), cookie_name(settings))
    uvicorn.run(app, host="127.0.0.1", port=settings.port, http=LimitedProtocol, access_log=False, log_level="warning")


if __name__ == "__main__":
    serve(Settings())
