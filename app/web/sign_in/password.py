"""Signing in and out: plain HTML forms that POST, so that a password never travels over a page's live wire."""

import html
from http import HTTPStatus
from pathlib import Path
from string import Template
from typing import Annotated
from urllib.parse import quote, urlsplit
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app import clock
from app.actor import Nobody, Staff
from app.authentication import sessions, throttle
from app.config import Settings
from app.errors import AppError
from app.web.access import Access
from app.web.errors import retry_after

_FORM = Template((Path(__file__).parent / "templates" / "sign_in.html").read_text(encoding="utf-8"))
_LONGEST_PATH = 2_000
_LONGEST_TOKEN = 100
Kept = sessions.SignedIn | sessions.Asked | throttle.Device
CODE = "/auth/second-factor"
ACCESS = dict.fromkeys(("/login", "/auth/login", "/auth/logout"), Access.SIGN_IN | Access.LOCKED)
"""Where who has a second factor is asked for its code."""


def cookie_name(settings: Settings) -> str:
    """The session cookie. ``__Host-`` binds it to this very host and needs Secure, which plain HTTP cannot keep."""
    return "quarterdeck" if settings.insecure_http else "__Host-quarterdeck"


def challenge_cookie(settings: Settings) -> str:
    """The cookie between the password and the code: it points at a sign-in that waits, and opens nothing."""
    return f"{cookie_name(settings)}-code"


def set_cookie(response: Response, settings: Settings, name: str, kept: Kept) -> None:
    """Give a browser what it keeps until then: for this very host, never for scripts or other sites."""
    response.set_cookie(
        name,
        kept.token,
        max_age=int((kept.expires_at - clock.now()).total_seconds()),
        path="/",
        secure=not settings.insecure_http,
        httponly=True,
        samesite="strict",
    )


async def welcome(
    request: Request, response: Response, settings: Settings, nobody: Nobody, signed_in: sessions.SignedIn
) -> None:
    """Give a browser what it keeps of a session that has begun, and know it again."""
    set_cookie(response, settings, cookie_name(settings), signed_in)
    await know(request, response, settings, nobody, signed_in.staff_id)


async def know(request: Request, response: Response, settings: Settings, nobody: Nobody, member: UUID) -> None:
    """Know a browser as this person's for half a year, who has just proved that it is them."""
    known = await throttle.device(nobody, member, device_of(request, settings))
    set_cookie(response, settings, _device_cookie(settings), known)


def device_of(request: Request, settings: Settings) -> str:
    """The token by which this browser is known, if it is; it stays when somebody signs out."""
    return request.cookies.get(_device_cookie(settings), "")[:_LONGEST_TOKEN]


def _device_cookie(settings: Settings) -> str:
    return f"{cookie_name(settings)}-device"


def forget_cookie(response: Response, settings: Settings, name: str) -> None:
    """Take a cookie of ours back."""
    response.delete_cookie(name, path="/", secure=not settings.insecure_http, httponly=True, samesite="strict")


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
    async def form(request: Request, next: str = "/", other: bool = False) -> Response:  # noqa: A002 - public name
        actor = request.state.actor
        if isinstance(actor, Staff) and not (actor.locked and other):
            return RedirectResponse(own_path(next), HTTPStatus.SEE_OTHER)
        return _page(settings, next)

    @routes.get("/auth/login")
    @routes.get("/auth/logout")
    async def typed_by_hand() -> Response:
        return RedirectResponse("/login", HTTPStatus.SEE_OTHER)

    @routes.post("/auth/login")
    async def sign_in(
        request: Request,
        email: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = "/",  # noqa: A002 - the field's public name
        keep: Annotated[str, Form()] = "",
    ) -> Response:
        nobody = Nobody(ip=request.client.host if request.client else "")
        agent, device = request.headers.get("user-agent", ""), device_of(request, settings)
        try:
            signed_in = await sessions.sign_in(nobody, email, password, agent, keep=bool(keep), device=device)
            if isinstance(request.state.actor, Staff):
                await sessions.sign_out(request.state.actor)
        except AppError as error:
            return _page(settings, next, email, error, keep=bool(keep))
        if isinstance(signed_in, sessions.Asked):
            response = RedirectResponse(f"{CODE}?next={quote(own_path(next), safe='/')}", HTTPStatus.SEE_OTHER)
            forget_cookie(response, settings, name)
            set_cookie(response, settings, challenge_cookie(settings), signed_in)
            return response
        response = RedirectResponse(own_path(next), HTTPStatus.SEE_OTHER)
        await welcome(request, response, settings, nobody, signed_in)
        return response

    @routes.post("/auth/logout")
    async def sign_out(request: Request) -> Response:
        if isinstance(request.state.actor, Staff):
            await sessions.sign_out(request.state.actor)
        response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        forget_cookie(response, settings, name)
        return response

    return routes


def _page(
    settings: Settings, next_: str, email: str = "", error: AppError | None = None, *, keep: bool = False
) -> HTMLResponse:
    message = f'<p class="signin-error" role="alert">{html.escape(error.message)}</p>' if error else ""
    insecure = settings.insecure_http and urlsplit(settings.browser_origin).scheme == "http"
    body = _FORM.substitute(
        environment=html.escape(settings.environment),
        color=html.escape(settings.environment_color),
        insecure="" if insecure else "hidden",
        error=message,
        invalid=' aria-invalid="true"' if isinstance(error, sessions.WrongPassword) else "",
        email=html.escape(email[: sessions.EMAIL_LENGTH]),
        next=html.escape(own_path(next_)),
        email_focus="" if email else "autofocus",
        password_focus="autofocus" if email else "",
        keep="checked" if keep else "",
    )
    return HTMLResponse(body, error.status if error else HTTPStatus.OK, retry_after(error))
