"""A second factor, on plain pages: the code at the sign-in, and one's own: set up, new recovery codes, turned off.

The secret of a second factor and its recovery codes stand in the answers of these pages alone, once, and never in an
address; every answer is kept by no cache (the guard sees to it).
"""

import dataclasses
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qsl, quote, urlsplit

import segno
from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.actor import Nobody, Staff
from app.authentication import second_factor, sessions
from app.config import Settings
from app.errors import AppError
from app.web.access import Access
from app.web.sign_in.change_password import PROFILE
from app.web.sign_in.password import CODE as SIGN_IN
from app.web.sign_in.password import challenge_cookie, device_of, forget_cookie, own_path, welcome
from app.web.sign_in.plain_page import CODE, PRESENT, Download, Picture, PlainPage, Secret, draw

SET_UP = f"{SIGN_IN}/set-up"
NEW_CODES = f"{SIGN_IN}/recovery-codes"
OFF = f"{SIGN_IN}/turn-off"
PAGES = frozenset({SIGN_IN, SET_UP, NEW_CODES, OFF})
ACCESS = dict.fromkeys(PAGES, Access.SIGN_IN)

_RECOVERY = Secret("code", "Recovery code", "off", hidden=False)
_ANY = Secret("code", "Six-digit code, or a recovery code", "one-time-code", hidden=False)
_PRESENT_CODE = dataclasses.replace(_ANY, name="present", label="A code of your present second factor")
_PASSWORD = dataclasses.replace(PRESENT, name="password", label="Your password")
_BACK = ("Back to my profile", PROFILE)
_FORMS = {
    NEW_CODES: PlainPage(
        "Make new recovery codes",
        "Ten new codes take the place of those that you have. Type the six digits of your app first.",
        NEW_CODES,
        "Make new codes",
        secrets=(_ANY,),
        back=_BACK,
    ),
    OFF: PlainPage(
        "Turn off the second factor",
        "From then on your password alone signs you in, and your recovery codes stop working.",
        OFF,
        "Turn off",
        secrets=(_ANY,),
        back=_BACK,
    ),
}
_LAPSED = PlainPage("Sign in again", "", "/login", "Go to the sign-in", method="get")


def router(settings: Settings) -> APIRouter:
    """The routes of these pages. The guard lets everybody reach them; each looks who is there."""
    routes = APIRouter(include_in_schema=False)
    _add_sign_in(routes, settings)
    _add_set_up(routes, settings)
    _add_codes(routes, settings)
    return routes


def _add_sign_in(routes: APIRouter, settings: Settings) -> None:
    waiting = challenge_cookie(settings)

    @routes.get(SIGN_IN)
    async def ask(request: Request, next: str = "/", by: str = "app") -> Response:  # noqa: A002 - the parameter's public name
        if isinstance(request.state.actor, Staff):
            return RedirectResponse(own_path(next), HTTPStatus.SEE_OTHER)
        if not await second_factor.waits(request.cookies.get(waiting, "")):
            return RedirectResponse(_login(next), HTTPStatus.SEE_OTHER)
        return draw(settings, _question(next, by))

    @routes.post(SIGN_IN)
    async def answer(
        request: Request,
        code: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = "/",  # noqa: A002 - the field's public name
        by: Annotated[str, Form()] = "app",
    ) -> Response:
        nobody = Nobody(ip=request.client.host if request.client else "")
        token, agent = request.cookies.get(waiting, ""), request.headers.get("user-agent", "")
        try:
            device = device_of(request, settings)
            signed_in = await second_factor.sign_in(nobody, token, code, agent, device=device)
            if isinstance(request.state.actor, Staff):
                await sessions.sign_out(request.state.actor)
        except AppError as error:
            lapsed = isinstance(error, second_factor.Lapsed)
            refused = draw(settings, _LAPSED if lapsed else _question(next, by), error)
            if lapsed:
                forget_cookie(refused, settings, waiting)
            return refused
        response = RedirectResponse(own_path(next), HTTPStatus.SEE_OTHER)
        await welcome(request, response, settings, nobody, signed_in)
        forget_cookie(response, settings, waiting)
        return response


def _add_set_up(routes: APIRouter, settings: Settings) -> None:
    @routes.get(SET_UP)
    async def show(request: Request, next: str = PROFILE) -> Response:  # noqa: A002 - the parameter's public name
        actor = _owner(request, "second_factor")
        return await _set_up_page(settings, actor, next) if actor else _away()

    @routes.post(SET_UP)
    async def set_up(
        request: Request,
        ticket: Annotated[str, Form()] = "",
        code: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        present: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = PROFILE,  # noqa: A002 - the field's public name
    ) -> Response:
        actor = _owner(request, "second_factor")
        if actor is None:
            return _away()
        try:
            codes = await second_factor.set_up(actor, ticket, code, password=password, present=present)
        except AppError as error:
            return await _set_up_page(settings, actor, next, ticket, error)
        return draw(settings, _codes_page(codes, next))


def _add_codes(routes: APIRouter, settings: Settings) -> None:
    @routes.get(NEW_CODES)
    @routes.get(OFF)
    async def show(request: Request) -> Response:
        actor = _owner(request)
        if actor is None or (await second_factor.get(actor)).set_at is None:
            return _away()
        return draw(settings, _FORMS[request.url.path])

    @routes.post(NEW_CODES)
    async def renew(request: Request, code: Annotated[str, Form()] = "") -> Response:
        actor = _owner(request)
        if actor is None:
            return _away()
        try:
            codes = await second_factor.renew_codes(actor, code)
        except AppError as error:
            return draw(settings, _FORMS[NEW_CODES], error)
        return draw(settings, _codes_page(codes, PROFILE))

    @routes.post(OFF)
    async def turn_off(request: Request, code: Annotated[str, Form()] = "") -> Response:
        actor = _owner(request)
        if actor is None:
            return _away()
        try:
            await second_factor.turn_off(actor, code)
        except AppError as error:
            return draw(settings, _FORMS[OFF], error)
        return RedirectResponse(PROFILE, HTTPStatus.SEE_OTHER)


def _owner(request: Request, duty: str = "") -> Staff | None:
    """Who is signed in, with nothing left to do first but, maybe, this duty."""
    actor = request.state.actor
    return actor if isinstance(actor, Staff) and actor.duty in {"", duty} else None


def _away() -> Response:
    """The way for anybody else: to the profile, and the guard leads on from there."""
    return RedirectResponse(_login(PROFILE), HTTPStatus.SEE_OTHER)


def _question(next_: str, by: str) -> PlainPage:
    """The page between the password and the session."""
    there, recovery = own_path(next_), by == "recovery"
    other = f"{SIGN_IN}?next={quote(there, safe='/')}"
    return PlainPage(
        "Use a recovery code" if recovery else "Second factor",
        "Type one of the codes that you kept when you set up your second factor. Each works once."
        if recovery
        else "Type the six digits that your authenticator app shows for Quarterdeck.",
        SIGN_IN,
        "Sign in",
        hidden={"next": there, "by": "recovery" if recovery else "app"},
        secrets=(_RECOVERY if recovery else CODE,),
        back=("Use the app instead", other) if recovery else ("Use a recovery code", f"{other}&by=recovery"),
    )


async def _set_up_page(
    settings: Settings, actor: Staff, next_: str, ticket: str = "", error: AppError | None = None
) -> HTMLResponse:
    own, pending = await second_factor.get(actor), await second_factor.begin(actor, ticket)
    picture = segno.make(pending.address, error="m").svg_data_uri(scale=4, border=3, dark="#000", light="#fff")
    why = "Your role needs a second factor beside the password. " if actor.duty else ""
    fields = [CODE]
    if own.set_at is not None:
        fields.append(_PRESENT_CODE)
    if own.password_needed:
        fields.append(_PASSWORD)
    page = PlainPage(
        "Set up another second factor" if own.set_at else "Set up a second factor",
        f"{why}Scan the picture with an authenticator app, or type the key below it into the app. Then type the six"
        " digits that the app shows.",
        SET_UP,
        "Turn on",
        hidden={"ticket": pending.ticket, "next": own_path(next_)},
        secrets=fields,
        username=actor.email if own.password_needed else "",
        back=None if actor.duty else _BACK,
        picture=Picture(picture, "QR code with the key that stands below"),
        lines=[_in_groups(pending.secret)],
    )
    return draw(settings, page, error)


def _in_groups(secret: str) -> str:
    """A key as it is typed by hand: in groups of four, on two lines."""
    groups = [secret[place : place + 4] for place in range(0, len(secret), 4)]
    half = len(groups) // 2
    return "\n".join([" ".join(groups[:half]), " ".join(groups[half:])])


def _codes_page(codes: Sequence[str], next_: str) -> PlainPage:
    there = urlsplit(own_path(next_))
    return PlainPage(
        "Keep these recovery codes",
        "Your second factor is on. If you lose your phone, one of these codes signs you in instead: each works once."
        " They are shown only now. Print this page, or save them where your phone is not.",
        there.path,
        "I have kept them",
        method="get",
        hidden=dict(parse_qsl(there.query)),  # of a form that GETs, the browser replaces the query
        lines=codes,
        download=Download("Save as a file", "quarterdeck-recovery-codes.txt", "\n".join([*codes, ""])),
    )


def _login(next_: str) -> str:
    there = own_path(next_)
    return "/login" if there == "/" else f"/login?next={quote(there, safe='/')}"
