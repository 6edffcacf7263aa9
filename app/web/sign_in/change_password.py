"""The password form of one's own profile: a plain HTML form that POSTs, as wherever a password is typed."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from app.actor import Staff
from app.authentication import passwords
from app.config import Settings
from app.errors import AppError
from app.services import profile
from app.web.access import Access
from app.web.sign_in.password import own_path
from app.web.sign_in.plain_page import CHOSEN, PRESENT, REPEATED, PlainPage, check_repeated, draw

PASSWORD = "/auth/password"  # noqa: S105 - an address
PROFILE = "/profile"
DUTY = "password"
ACCESS = {PASSWORD: Access.SIGN_IN}
"""What somebody has to do who must choose another one."""


def router(settings: Settings) -> APIRouter:
    """The routes of the form; only its refusals are drawn here, the form itself stands in the profile."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(PASSWORD)
    async def back(request: Request, next: str = "/") -> Response:  # noqa: A002 - the parameter's public name
        actor = request.state.actor
        if isinstance(actor, Staff) and actor.duty == DUTY:
            return draw(settings, _due(actor, next))
        return RedirectResponse(PROFILE, 303)

    @routes.post(PASSWORD)
    async def change(
        request: Request,
        present: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        again: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = "/",  # noqa: A002 - the field's public name
    ) -> Response:
        actor = request.state.actor
        if not isinstance(actor, Staff):
            return RedirectResponse(f"/login?next={PROFILE}", 303)
        try:
            check_repeated(password, again)
            target = await _change(actor, present, password, next)
        except AppError as error:
            return draw(settings, _due(actor, next) if actor.duty == DUTY else _form(actor), error)
        return RedirectResponse(target, 303)

    return routes


async def _change(actor: Staff, present: str, wanted: str, next_: str) -> str:
    """Change the password; returns where to go on."""
    if actor.duty == DUTY:
        await passwords.choose_due(actor, present, wanted)
        return own_path(next_)
    return f"{PROFILE}?changed={await profile.change_password(actor, present, wanted)}"


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


def _due(actor: Staff, next_: str) -> PlainPage:
    """The same for somebody who must, before they go on."""
    return PlainPage(
        "Choose another password",
        f"Before you go on, choose another password for {actor.email}.",
        PASSWORD,
        "Set password",
        hidden={"next": own_path(next_)},
        secrets=(PRESENT, CHOSEN, REPEATED),
        username=actor.email,
    )
