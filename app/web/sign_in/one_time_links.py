"""One-time links, opened by whoever holds one: look, choose a password, sign in.

The token stands in the link and in the form, nowhere else: the guard keeps it out of the log, the page keeps it out of
the Referer, the address that the form is sent to does not hold it. Looking never uses a link up.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, Response

from app.actor import Nobody
from app.authentication import one_time_links
from app.authentication.one_time_links import DeadLink
from app.config import Settings
from app.errors import AppError
from app.web.access import Access
from app.web.sign_in.password import know
from app.web.sign_in.plain_page import CHOSEN, REPEATED, PlainPage, check_repeated, draw

LINKS = "/welcome"
ACCESS = {LINKS: Access.SECRET}

# Not "no-referrer": with it browsers send the form without saying from where, and the guard refuses that.
_QUIET = {"referrer-policy": "strict-origin", "x-robots-tag": "noindex"}
_DEAD = PlainPage("This link does not work", "", "/login", "Go to the sign-in", method="get")
_DONE = PlainPage(
    "Your password is set",
    "Sign in with it. Wherever you were signed in before, you are not any more.",
    "/login",
    "Sign in",
    method="get",
)


def router(settings: Settings) -> APIRouter:
    """The routes of one-time links."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(LINKS)
    @routes.get(f"{LINKS}/{{token:path}}")
    async def look(token: str = "") -> Response:
        return await _form(settings, token.strip("/"))

    @routes.post(LINKS)
    async def use(
        request: Request,
        token: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        again: Annotated[str, Form()] = "",
    ) -> Response:
        nobody = Nobody(ip=request.client.host if request.client else "")
        try:
            check_repeated(password, again)
            member = await one_time_links.use(nobody, token, password)
        except DeadLink as dead:
            return _answer(settings, _DEAD, dead)
        except AppError as error:
            return await _form(settings, token, error)
        done = _answer(settings, _DONE)
        await know(request, done, settings, nobody, member)  # whoever was locked out elsewhere is not here
        return done

    return routes


async def _form(settings: Settings, token: str, error: AppError | None = None) -> Response:
    """The form, with what is wrong; for a link that does not work, only that."""
    try:
        holder = await one_time_links.find(token)
    except AppError as refused:
        return _answer(settings, _DEAD, refused)
    page = PlainPage(
        f"Welcome, {holder.name}" if holder.purpose == "invite" else "Choose a new password",
        f"Choose the password with which you sign in as {holder.email}.",
        LINKS,
        "Set password",
        hidden={"token": token},
        secrets=(CHOSEN, REPEATED),
        username=holder.email,
    )
    return _answer(settings, page, error)


def _answer(settings: Settings, page: PlainPage, error: AppError | None = None) -> HTMLResponse:
    drawn = draw(settings, page, error)
    drawn.headers.update(_QUIET)
    return drawn
