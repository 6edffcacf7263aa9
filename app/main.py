"""The composition root: settings → database → screens and plain routes → guard. It alone imports pages."""

import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from mimetypes import guess_type

import nicegui
import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from nicegui import Client, ui
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from app import __version__, logs
from app.actor import Staff
from app.authentication import api_tokens, second_factor, sessions
from app.config import Settings
from app.database import engine, identity, listening
from app.errors import NotSignedIn
from app.integrations import stripe
from app.postgres import migrate
from app.services.health import schema_revision
from app.storage import uploads
from app.web import errors, websocket
from app.web.api import v1
from app.web.guard import Guard
from app.web.http_protocol import LimitedProtocol
from app.web.routes import audit, datasets, documents, exports, health, metrics
from app.web.sign_in import change_password, one_time_links, password, step_up
from app.web.sign_in import second_factor as factor_pages
from components import assets
from components.page import leaving, waiting_pages
from components.page.screen import Screen
from components.shell.shell import Shell, Surroundings
from components.shell.step_up import ask

RECONNECT_SECONDS = 30
COLLECTIONS = (10_000, 20, 50)
"""After how many new objects, or smaller collections of garbage, one looks: a full one after ten million objects."""
MESSAGES_KEPT = 200
MESSAGE_BYTES = 1 << 20
STOP_SECONDS = 5


def build(settings: Settings) -> ASGIApp:
    """The whole web application, guarded.

    Raises:
        ValueError: the settings lack the database's address or the session key, which the command line fills in.
    """
    from pages import SCREENS

    if settings.session_key is None or settings.database_url is None:
        raise ValueError("The session key and the database's address are needed to build the application.")
    engine.configure(settings)
    lifetime = timedelta(hours=settings.session_hours)
    sessions.bind(sessions.Signing(settings.session_keys, lifetime))
    identity.lock_after(timedelta(hours=settings.idle_hours))
    second_factor.bind(second_factor.Sealing(settings.totp_keys, f"Quarterdeck ({settings.environment})"))
    uploads.bind(settings)
    database = settings.database_url.get_secret_value()

    told = metrics.Metrics(_open_tabs)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        async with listening.listening(database), stripe.connected(settings), told.watching():
            yield
        await engine.dispose()

    api = FastAPI(title="Quarterdeck", version=__version__, openapi_url=None, lifespan=life)
    errors.install(api)
    for router in (
        password.router(settings),
        one_time_links.router(settings),
        change_password.router(settings),
        factor_pages.router(settings),
        step_up.router(settings),
        health.router(schema_revision, migrate.head()),
        metrics.router(settings.metrics_token, told),
        datasets.router,
        audit.router,
        documents.router,
        exports.router(settings),
        v1.router,
    ):
        api.include_router(router)
    mount_frame(api, settings, SCREENS)
    websocket.harden(sessions.living, sessions.saw, ask)
    return Guard(api, settings, sessions.find, api_tokens.find, sessions.saw)


def mount_frame(api: FastAPI, settings: Settings, screens: Sequence[Screen]) -> None:
    """Put the screens, the frame around them and their assets into an application; the last thing to mount."""
    leaving.free_what_is_removed()
    around = Surroundings(settings.environment, settings.environment_color, settings.insecure_http)
    api.get("/static/{name:path}", include_in_schema=False)(static_file)
    api.get("/favicon.ico", include_in_schema=False)(_no_icon)

    async def shell(client: Client, request: Request) -> None:
        waiting_pages.make_room(client)
        await Shell(client, request.state.actor, screens, around).first()

    for path in ("/", "/{_:path}"):
        ui.page(path, title="Quarterdeck", dependencies=[Depends(_somebody)])(shell)
    # Quasar's bar at the top for every fetch would flicker, and screen readers would read it out.
    nicegui.app.config.quasar_config["loadingBar"] = {"skipHijack": True}
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


async def _somebody(request: Request) -> None:
    """Whatever path the guard lets nobody reach, this page is for people who are signed in."""
    if not isinstance(request.state.actor, Staff):
        raise NotSignedIn


async def static_file(name: str) -> Response:
    """A style sheet, script or picture of ours."""
    found = assets.contents(name)
    if found is None:
        raise HTTPException(404)
    return Response(found, media_type=guess_type(name)[0])


def _open_tabs() -> int:
    return sum(client.has_socket_connection for client in Client.instances.values())


async def _no_icon() -> Response:
    return Response(status_code=204)


def serve(settings: Settings) -> None:
    """Run the web process until it is told to stop; open pages get five seconds."""
    logs.configure(settings.log_level, settings.log_format)
    application = build(settings)
    # A full collection of garbage stops everybody while it looks at all that lives. So it leaves out what lives as long
    # as the process, and comes seldom: what people leave is freed without it (``components.page.leaving``).
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)
    uvicorn.run(
        application,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        http=LimitedProtocol,
        ws_max_size=MESSAGE_BYTES,
        timeout_graceful_shutdown=STOP_SECONDS,
        server_header=False,
        date_header=False,
        proxy_headers=False,
    )
