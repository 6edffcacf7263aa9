"""The guard at the gate: every request and every websocket passes here before anything else sees it.

It lets in our own origin only, says who is there (``scope["state"]["actor"]``: a Staff or None), keeps those who are
not signed in to the public paths, counts the bytes of a body, and dresses every answer (``app.web.headers``). What
happens on an open page's wire afterwards, ``app.web.websocket`` watches; what somebody may do, the door
(``app.database.work``) decides.
"""

import dataclasses
import logging
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import quote, urlsplit
from uuid import UUID

import nicegui
from nicegui import client
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app import ids, trace
from app.actor import Staff, Token
from app.config import Settings
from app.crypto import api_tokens
from app.errors import AppError, Forbidden, Locked, NotFound, NotSignedIn, RateLimited, Unfinished
from app.web import bodies, messages, proxies
from app.web.access import Access, AccessTable
from app.web.api.callers import FindToken, Programs, brings_token, is_api, no_token
from app.web.assets import Assets
from app.web.errors import as_json, as_page, broken
from app.web.headers import Answer, mark_scripts
from app.web.rate_limit import AnonymousLimit
from app.web.routes import datasets, health, metrics
from app.web.sign_in import change_password, one_time_links, password, second_factor, step_up
from app.web.sign_in.one_time_links import LINKS
from app.web.sign_in.password import cookie_name, own_path
from app.web.sign_in.step_up import LOCKED

FindSession = Callable[[str], Awaitable[Staff | None]]
Saw = Callable[[UUID], Awaitable[None]]

ACCESS = AccessTable(
    {"/favicon.ico": Access.PUBLIC},
    *(health.ACCESS, metrics.ACCESS, datasets.ACCESS),
    *(password.ACCESS, second_factor.ACCESS, one_time_links.ACCESS, change_password.ACCESS, step_up.ACCESS),
)
DUTIES = {"password": change_password.PASSWORD, "second_factor": second_factor.SET_UP}
"""Where somebody is led who must do something before anything else."""
SOCKET = "/_nicegui_ws/"
NICEGUI_UPLOADS = "/_nicegui/client/"
_NOT_PAGES = ("/api/", datasets.UPLOADS, "/_nicegui", "/auth/")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

# The guard alone compresses and knows who asks (app.web.proxies): what others claim about either is not passed on.
# NiceGUI, for one, would write X-Forwarded-Prefix into its pages.
_STRIPPED = {b"accept-encoding", b"forwarded", b"x-real-ip"}

log = logging.getLogger(__name__)


class Guard:
    """Pure ASGI middleware; ``find_session`` reads a cookie's value and asks the database who that is now,
    ``find_token`` does the same for an API token, which opens ``/api/v1`` alone. ``saw`` hears in which session
    somebody did something.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        find_session: FindSession,
        find_token: FindToken = no_token,
        saw: Saw | None = None,
    ) -> None:
        self._app = app
        self._find_session, self._saw = find_session, saw
        self._programs = Programs(settings.api_rate, find_token)
        self._anonymous = AnonymousLimit()
        self._cookie = cookie_name(settings)
        self._origins = allowed_origins(settings.browser_origin)
        self._proxies = settings.proxies
        self._https = settings.browser_origin.startswith("https://")
        mark_scripts(client.templates.env)
        self._assets = Assets(app, f"/_nicegui/{nicegui.__version__}/", "/static/", https=self._https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
        elif self._assets.has(scope):
            await self._assets(scope, receive, send)
        else:
            scope = {**scope, "client": proxies.client(scope, self._proxies)}
            with trace.referenced(ids.reference()):
                await (self._http if scope["type"] == "http" else self._websocket)(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = Answer(send, scope, https=self._https)
        started = time.perf_counter()
        try:
            await self._admit(scope, receive, answer)
        except AppError as error:
            if answer.status:
                raise
            await self._refusal(scope, error)(scope, receive, answer)
        except Exception as error:
            if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                return  # the framework has answered, by app.web.errors, and passed the error on for servers to log
            if answer.status:
                raise
            await broken(error)(scope, receive, answer)
        finally:
            took = round((time.perf_counter() - started) * 1000)
            level = logging.DEBUG if scope["method"] in _SAFE and answer.status < 400 else logging.INFO
            log.log(level, "%s %s %s %s ms", scope["method"], _told(scope["path"]), answer.status or "-", took)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or raise why not."""
        headers = Headers(scope=scope)
        path: str = scope["path"]
        unsafe = scope["method"] not in _SAFE
        by_token = is_api(path) and brings_token(headers)
        if unsafe and not by_token:
            self._check_origin(headers)  # what a browser sends by itself is the cookie, never a token
        access = ACCESS.of(path)
        unasked = access & (Access.PUBLIC | Access.SECRET)
        actor = None if unasked else await self._caller(scope, headers, by_token=by_token)
        if actor is None and not unasked and Access.SIGN_IN not in access:
            await self._show_the_way(scope, headers)(scope, receive, send)
            return
        if actor is None and Access.PUBLIC not in access:
            self._anonymous.count(_ip(scope))
        if isinstance(actor, Staff) and actor.locked and Access.LOCKED not in access:
            await self._lock(scope)(scope, receive, send)
            return
        if isinstance(actor, Staff) and actor.duty and Access.SIGN_IN not in access:
            await self._lead_to(actor.duty, scope)(scope, receive, send)
            return
        if path.startswith((NICEGUI_UPLOADS, SOCKET)):
            # NiceGUI's own upload trusts the browser's limits, and its polling lets each request be another person's.
            raise NotFound("There is nothing here.")
        if isinstance(actor, Staff) and self._saw and (unsafe or not path.startswith(_NOT_PAGES)):
            await self._saw(actor.session_id)  # what a page fetches by itself is no act of a person
        if actor is not None and is_api(path):
            send = self._programs.counted(actor, send)
        if unsafe:
            receive = bodies.streamed(receive) if Access.RAW_BODY in access else await bodies.whole(headers, receive)
        await self._app(_inside(scope, actor), receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if not scope["path"].startswith(SOCKET) or headers.get("origin") not in self._origins:
            log.info("Refused a websocket: path %s, origin %r", quote(scope["path"]), headers.get("origin"))
            await _hang_up(receive, send, 1008, "Not from our own pages.")
            return
        try:
            actor = await self._actor(scope, headers)
        except AppError:
            actor = None
        try:
            if actor is None:
                self._anonymous.count(_ip(scope))
        except RateLimited as error:
            await _hang_up(receive, send, 1013, error.message)
            return
        # Nobody passes, too: app.web.websocket answers them so that the tab reloads, which a 403 would leave hanging.
        await self._app(_inside(scope, actor), messages.checked(receive), send)

    async def _caller(self, scope: Scope, headers: Headers, *, by_token: bool) -> Staff | Token | None:
        """Who asks: by the token alone where one is brought to the API, else by the cookie."""
        return await (self._programs.caller(headers, _ip(scope)) if by_token else self._actor(scope, headers))

    async def _actor(self, scope: Scope, headers: Headers) -> Staff | None:
        token = cookie_parser(headers.get("cookie", "")).get(self._cookie)
        found = await self._find_session(token) if token else None
        return dataclasses.replace(found, ip=_ip(scope)) if found else None

    def _check_origin(self, headers: Headers) -> None:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is None and site != "same-origin":
            raise Forbidden("This request did not come from one of our pages. Open the page again and repeat it.")
        if (origin is not None and origin not in self._origins) or site not in {None, "same-origin"}:
            raise Forbidden("This request came from another site and was stopped.")

    def _show_the_way(self, scope: Scope, headers: Headers) -> Response:
        """The answer for somebody who is not signed in."""
        path = scope["path"]
        if scope["method"] not in _SAFE or path.startswith(_NOT_PAGES):
            return as_json(NotSignedIn())
        target = _wanted(scope)
        login = "/login" if target == "/" else f"/login?next={quote(target, safe='/')}"
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") == "navigate":
            # A link in a mail: SameSite=Strict kept the cookie back. Asked for by our own page, it is sent; the
            # sign-in page then sends a signed-in person on, and shows its form to anybody else. So it never loops.
            return HTMLResponse(_BOUNCE.format(login=login.replace("&", "&amp;")))
        return RedirectResponse(login, 303)

    def _lock(self, scope: Scope) -> Response:
        """The answer for a session in which nobody did anything for hours."""
        path, looked_at = scope["path"], "text/html" in Headers(scope=scope).get("accept", "")
        if not looked_at and (scope["method"] not in _SAFE or path.startswith(_NOT_PAGES)):
            return as_json(Locked())
        return RedirectResponse(f"{LOCKED}?next={quote(_wanted(scope), safe='/')}", 303)

    def _lead_to(self, duty: str, scope: Scope) -> Response:
        """The answer for somebody who has a duty first."""
        path = scope["path"]
        if scope["method"] not in _SAFE or path.startswith(_NOT_PAGES):
            return as_json(Unfinished())
        return RedirectResponse(f"{DUTIES[duty]}?next={quote(_wanted(scope), safe='/')}", 303)

    def _refusal(self, scope: Scope, error: AppError) -> Response:
        wants_page = "text/html" in Headers(scope=scope).get("accept", "")
        return as_page(error) if wants_page and not scope["path"].startswith(_NOT_PAGES) else as_json(error)


_BOUNCE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Quarterdeck</title>'
    '<meta http-equiv="refresh" content="0;url={login}"><p><a href="{login}">Continue to Quarterdeck</a></p></html>'
)


def allowed_origins(origin: str) -> frozenset[str]:
    """The origins whose pages may talk to us: the one given and, on this very machine, its other name."""
    parts = urlsplit(origin)
    host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    if not _is_loopback(host):
        return frozenset({origin})
    return frozenset({origin, f"{parts.scheme}://127.0.0.1{port}", f"{parts.scheme}://localhost{port}"})


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wanted(scope: Scope) -> str:
    """Where somebody wanted to go who has to go elsewhere first."""
    query = scope["query_string"].decode("latin-1")
    return own_path(quote(scope["path"], safe="/:@!$&'()*+,;=~") + (f"?{query}" if query else ""))


def _told(path: str) -> str:
    """A path as the log may keep it: without the secret of a one-time link, or an API token that strayed into it."""
    return f"{LINKS}/…" if path.startswith(f"{LINKS}/") else quote(api_tokens.masked(path))


def _ip(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


async def _hang_up(receive: Receive, send: Send, code: int, reason: str) -> None:
    await receive()
    await send({"type": "websocket.close", "code": code, "reason": reason})


def _inside(scope: Scope, actor: Staff | Token | None) -> Scope:
    """The scope as the application sees it."""
    headers = [
        (name, value)
        for name, value in scope["headers"]
        if name not in _STRIPPED and not name.startswith(b"x-forwarded-")
    ]
    inside = {**scope, "headers": headers, "state": {**scope.get("state", {}), "actor": actor}}
    if scope.get("method") == "HEAD":
        inside["method"] = "GET"  # answered alike; app.web.headers leaves the body out
    return inside
