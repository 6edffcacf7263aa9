"""The password form of one's own profile: a plain HTML form that POSTs, as wherever a password is typed."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from app.actor import Staff
from app.api.plain_pages import CHOSEN, PRESENT, REPEATED, PlainPage, check_repeated, draw
from app.config import Settings
from app.errors import AppError
from app.services import profile

PASSWORD = "/auth/password"  # noqa: S105 - an address
PROFILE = "/profile"


def router(settings: Settings) -> APIRouter:
    """The routes of the form; only its refusals are drawn here, the form itself stands in the profile."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(PASSWORD)
    async def back(request: Request) -> Response:
        actor = request.state.actor
        if isinstance(actor, Staff) and actor.duty == "password":
            return draw(settings, _form(actor))
        return RedirectResponse(PROFILE, 303)

    @routes.post(PASSWORD)
    async def change(
        request: Request,
        present: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        again: Annotated[str, Form()] = "",
    ) -> Response:
        actor = request.state.actor
        if not isinstance(actor, Staff):
            return RedirectResponse(f"/login?next={PROFILE}", 303)
        try:
            check_repeated(password, again)
            ended = await profile.change_password(actor, present, password)
        except AppError as error:
            return draw(settings, _form(actor), error)
        return RedirectResponse(f"{PROFILE}?changed={ended}", 303)

    return routes


def _form(actor: Staff) -> PlainPage:
    return PlainPage(
        "Change your password",
        "Wherever else you are signed in, you are signed out. Here you stay signed in.",
        PASSWORD,
        "Change password",
        secrets=(PRESENT, CHOSEN, REPEATED),
        username=actor.email,
        back=("Back to my profile", PROFILE),
    )
