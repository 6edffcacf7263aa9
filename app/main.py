"""The composition root: settings → database → screens and plain routes → guard. It alone imports pages."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import import_module

import uvicorn
from fastapi import FastAPI, Request, Response
from nicegui import Client, ui
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from app import __version__, db, logs, migrate, websocket
from app.api import errors, health, sign_in
from app.config import Settings
from app.guard import Guard
from app.services import sessions
from app.services.health import schema_revision
from components import assets
from components.screen import Screen
from components.shell import Shell, Surroundings

RECONNECT_SECONDS = 30
MESSAGES_KEPT = 200
MESSAGE_BYTES = 1 << 20
STOP_SECONDS = 5


def build(settings: Settings) -> ASGIApp:
    """The whole web application, guarded."""
    from pages import SCREENS

    db.configure(settings)
    key = settings.session_key
    if key is None:
        raise ValueError("A session key is needed before the application is built.")
    sessions.bind(sessions.Signing((key.get_secret_value(),), timedelta(hours=settings.session_hours)))
    api = FastAPI(title="Quarterdeck", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, lifespan=_life)
    errors.install(api)
    api.include_router(sign_in.router(settings))
    api.include_router(health.router(schema_revision, migrate.head()))
    for name in ("uploads", "grid", "downloads"):
        api.include_router(import_module(f"app.api.{name}").router)
    mount_frame(api, settings, SCREENS)
    websocket.harden(sessions.living)
    return Guard(api, settings, sessions.find)


@asynccontextmanager
async def _life(_api: FastAPI) -> AsyncIterator[None]:
    """What runs as long as the web process does: hearing the database's notices."""
    from app import listen

    async with listen.listening():
        yield
    await db.dispose()


def mount_frame(api: FastAPI, settings: Settings, screens: Sequence[Screen]) -> None:
    """Put the screens, the frame around them and their assets into an application; the last thing to mount."""
    around = Surroundings(settings.environment, settings.environment_color, settings.insecure_http)
    api.mount("/static", _Assets(directory=assets.FOLDER))
    api.get("/favicon.ico", include_in_schema=False)(_no_icon)

    async def shell(client: Client, request: Request) -> None:
        await Shell(client, request.state.actor, screens, around).first()

    ui.page("/", title="Quarterdeck")(shell)
    ui.page("/{_:path}", title="Quarterdeck")(shell)
    ui.add_head_html(assets.head_html(), shared=True)
    ui.run_with(
        api,
        title="Quarterdeck",
        tailwind=False,
        storage_secret=None,
        gzip_middleware_factory=None,
        binding_refresh_interval=None,
        reconnect_timeout=RECONNECT_SECONDS,
        message_history_length=MESSAGES_KEPT,
        prod_js=True,
        language="en-US",
        show_welcome_message=False,
    )


class _Assets(StaticFiles):
    """Hands out the listed files of the folder and nothing else of it."""

    def lookup_path(self, path: str) -> tuple[str, "object | None"]:  # type: ignore[override]
        """Where a file lies; anything not listed lies nowhere."""
        return super().lookup_path(path) if path in assets.SERVED else ("", None)


async def _no_icon() -> Response:
    return Response(status_code=204)


def serve(settings: Settings) -> None:
    """Run the web process until it is told to stop; open pages get five seconds."""
    logs.configure(settings.log_level, settings.log_format)
    uvicorn.run(
        build(settings),
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        ws_max_size=MESSAGE_BYTES,
        timeout_graceful_shutdown=STOP_SECONDS,
        server_header=False,
        date_header=False,
        proxy_headers=False,
    )
