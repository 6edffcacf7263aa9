"""Proving again that it is you: a form of an open page, sent beside its live wire, and the page of a locked session."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.actor import Staff
from app.authentication import step_up
from app.config import Settings
from app.errors import AppError, NotSignedIn
from app.web.access import Access
from app.web.sign_in.password import own_path
from app.web.sign_in.plain_page import PlainPage, Secret, draw

STEP_UP, LOCKED = "/auth/step-up", "/auth/locked"
ACCESS = {STEP_UP: Access.LOCKED, LOCKED: Access.SIGN_IN | Access.LOCKED}


def router(settings: Settings) -> APIRouter:
    """The routes of both."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(STEP_UP)
    async def ways(request: Request) -> Response:
        return JSONResponse({"code": await step_up.has_code(_actor(request))})

    @routes.post(STEP_UP)
    async def prove(request: Request, secret: Annotated[str, Form()] = "") -> Response:
        await step_up.prove(_actor(request), secret)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @routes.get(LOCKED)
    async def locked(request: Request, next: str = "/") -> Response:  # noqa: A002 - the parameter's public name
        actor = request.state.actor
        if isinstance(actor, Staff) and actor.locked:
            return draw(settings, await _page(actor, next))
        return RedirectResponse(own_path(next), HTTPStatus.SEE_OTHER)

    @routes.post(LOCKED)
    async def unlock(
        request: Request,
        secret: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = "/",  # noqa: A002 - the field's public name
    ) -> Response:
        actor = request.state.actor
        if not isinstance(actor, Staff):
            return RedirectResponse(f"/login?next={quote(own_path(next), safe='/')}", HTTPStatus.SEE_OTHER)
        try:
            await step_up.prove(actor, secret)
        except AppError as error:
            return draw(settings, await _page(actor, next), error)
        return RedirectResponse(own_path(next), HTTPStatus.SEE_OTHER)

    return routes


def _actor(request: Request) -> Staff:
    if not isinstance(request.state.actor, Staff):
        raise NotSignedIn
    return request.state.actor


async def _page(actor: Staff, next_: str) -> PlainPage:
    also = "Or the six digits that your authenticator app shows." if await step_up.has_code(actor) else ""
    return PlainPage(
        "Locked",
        f"Nobody did anything here for hours. {actor.name}, prove that it is you, and go on where you were.",
        LOCKED,
        "Unlock",
        hidden={"next": own_path(next_)},
        secrets=(Secret("secret", "Password or code" if also else "Password", "current-password", hint=also),),
        username=actor.email,
        back=("Sign in as somebody else", "/login?other=1"),
    )
