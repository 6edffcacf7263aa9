"""A tiny site behind our guard and wire, with real sessions in a real database: what attacks are tried on.

``python -m tests.security.harness`` serves it; settings come from the environment, as for the product.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import uvicorn
from fastapi import FastAPI, Request
from nicegui import Client, ui
from starlette.responses import JSONResponse, StreamingResponse

from app import logs, topics
from app.authentication import api_tokens, second_factor, sessions
from app.config import Settings
from app.database import engine
from app.main import static_file
from app.postgres import migrate
from app.services import health as health_service
from app.web import errors
from app.web.api import v1
from app.web.guard import Guard
from app.web.http_protocol import LimitedProtocol
from app.web.routes import health
from app.web.sign_in import change_password, password, step_up
from app.web.sign_in import second_factor as factor_pages
from app.web.websocket import harden

fired: list[str] = []
ticks = itertools.count(1)


def pages() -> None:
    @ui.page("/")
    def home(client: Client) -> None:
        ui.label(f"Hello {client.request.state.actor.name}")
        ui.button("Fire", on_click=lambda: fired.append(client.request.state.actor.email))
        ui.upload(max_file_size=1_000, auto_upload=True)
        ticking = ui.label("0")

        def tick() -> None:
            ticking.set_text(f"tick {next(ticks)}")

        ui.timer(0.2, tick)


def routes(api: FastAPI) -> None:
    @api.get("/api/fired")
    async def count() -> JSONResponse:
        return JSONResponse(len(fired))

    @api.post("/api/echo")
    async def echo(request: Request) -> JSONResponse:
        return JSONResponse({"bytes": len(await request.body()), "host": request.client and request.client.host})

    @api.put("/uploads")
    async def upload(request: Request) -> JSONResponse:
        return JSONResponse({"bytes": sum([len(chunk) async for chunk in request.stream()])})

    @api.get("/api/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter([b"a", b"b"]), media_type="text/csv")

    @api.get("/api/bug")
    async def bug() -> None:
        raise LookupError("an inner detail")


def build(settings: Settings) -> Guard:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        engine.configure(settings)
        assert settings.database_url
        listening = await asyncpg.connect(settings.database_url.get_secret_value())
        await listening.add_listener(topics.CHANNEL, _hear)
        yield
        await listening.close()
        await engine.dispose()

    assert settings.session_key
    sessions.bind(sessions.Signing((settings.session_key.get_secret_value(),), timedelta(hours=settings.session_hours)))
    second_factor.bind(second_factor.Sealing(settings.totp_keys, "Quarterdeck (Tests)"))
    api = FastAPI(lifespan=lifespan)
    errors.install(api)
    api.include_router(password.router(settings))
    api.include_router(change_password.router(settings))
    api.include_router(step_up.router(settings))
    api.include_router(factor_pages.router(settings))
    api.include_router(health.router(health_service.schema_revision, migrate.head()))
    api.include_router(v1.router)
    routes(api)
    api.get("/static/{name:path}", include_in_schema=False)(static_file)
    pages()
    ui.run_with(api, tailwind=False, gzip_middleware_factory=None, reconnect_timeout=5, show_welcome_message=False)
    harden(sessions.living, sessions.saw)
    return Guard(api, settings, sessions.find, api_tokens.find, sessions.saw)


def _hear(_: object, __: int, ___: str, payload: str) -> None:
    change = topics.Change.decode(payload)
    topics.TOPICS[change.topic].tell(change)


async def main() -> None:
    settings = Settings()
    logs.configure(settings.log_level)
    config = uvicorn.Config(
        build(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        http=LimitedProtocol,
        ws_max_size=1 << 20,
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(main())
