"""Signing in and out: plain HTML forms that POST, so that a password never travels over a page's live wire."""

import html
from http import HTTPStatus
from pathlib import Path
from string import Template
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app import clock
from app.actor import Nobody, Staff
from app.config import Settings
from app.errors import AppError
from app.services import sessions

_FORM = Template((Path(__file__).parents[2] / "components" / "signin.html").read_text(encoding="utf-8"))
_LONGEST_PATH = 2_000


def cookie_name(settings: Settings) -> str:
    """The session cookie. ``__Host-`` binds it to this very host and needs Secure, which plain HTTP cannot keep."""
    return "quarterdeck" if settings.insecure_http else "__Host-quarterdeck"


def own_path(value: str) -> str:
    """``value`` when it is a path of ours to go on to, else ``/``: never another site, however a browser reads it."""
    path = value.split("?", 1)[0]
    foreign = not path.startswith("/") or "//" in path or "\\" in value
    doorstep = path == "/login" or path.startswith("/auth/")
    unprintable = any(ord(letter) <= 32 or ord(letter) == 127 for letter in value)
    return "/" if foreign or unprintable or len(value) > _LONGEST_PATH or doorstep else value


def router(settings: Settings) -> APIRouter:
    """The routes of sign-in and sign-out."""
    routes = APIRouter(include_in_schema=False)
    name = cookie_name(settings)

    @routes.get("/login")
    async def form(request: Request, next: str = "/") -> Response:  # noqa: A002 - the parameter's public name
        if isinstance(request.state.actor, Staff):
            return RedirectResponse(own_path(next), HTTPStatus.SEE_OTHER)
        return _page(settings, next)

    @routes.post("/auth/login")
    async def sign_in(
        request: Request,
        email: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = "/",  # noqa: A002 - the field's public name
    ) -> Response:
        nobody = Nobody(ip=request.client.host if request.client else "")
        try:
            signed_in = await sessions.sign_in(nobody, email, password, request.headers.get("user-agent", ""))
            if isinstance(request.state.actor, Staff):
                await sessions.sign_out(request.state.actor)
        except AppError as error:
            return _page(settings, next, email, error)
        response = RedirectResponse(own_path(next), HTTPStatus.SEE_OTHER)
        response.set_cookie(
            name,
            signed_in.token,
            max_age=int((signed_in.expires_at - clock.now()).total_seconds()),
            path="/",
            secure=not settings.insecure_http,
            httponly=True,
            samesite="strict",
        )
        return response

    @routes.post("/auth/logout")
    async def sign_out(request: Request) -> Response:
        if isinstance(request.state.actor, Staff):
            await sessions.sign_out(request.state.actor)
        response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        response.delete_cookie(name, path="/", secure=not settings.insecure_http, httponly=True, samesite="strict")
        return response

    return routes


def _page(settings: Settings, next_: str, email: str = "", error: AppError | None = None) -> HTMLResponse:
    message = f'<p class="signin-error" role="alert">{html.escape(error.message)}</p>' if error else ""
    insecure = settings.insecure_http and urlsplit(settings.browser_origin).scheme == "http"
    body = _FORM.substitute(
        environment=html.escape(settings.environment),
        color=html.escape(settings.environment_color),
        insecure="" if insecure else "hidden",
        error=message,
        invalid=' aria-invalid="true"' if error else "",
        email=html.escape(email[: sessions.EMAIL_LENGTH]),
        next=html.escape(own_path(next_)),
        email_focus="" if email else "autofocus",
        password_focus="autofocus" if email else "",
    )
    return HTMLResponse(body, error.status if error else HTTPStatus.OK)
