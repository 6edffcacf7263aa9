"""The live wire of open pages, hardened: NiceGUI's socket.io handlers believe ids that stand in a page's HTML.

:func:`harden` wraps them, once, at start-up (private parts of NiceGUI: the version is pinned, and a missing handler
stops the start). A socket joins only a page that its own session opened, and a message counts only for the page that
its socket has joined, while that session lives. Malformed messages never come this far (``app.web.messages``).
"""

import asyncio
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, quote
from uuid import UUID

from nicegui import Client, background_tasks, core
from socketio.exceptions import ConnectionRefusedError as Refused  # type: ignore[import-untyped]  # ships no types

from app import ids, topics, trace
from app.actor import Staff
from app.database import step_up
from app.errors import StepUpRequired
from app.web import messages

Living = Callable[[Iterable[UUID]], Awaitable[frozenset[UUID]]]
Saw = Callable[[UUID], Awaitable[None]]
Ask = Callable[[Client, StepUpRequired], Awaitable[bool]]

BY_ITSELF = frozenset({"hidden"})
"""Events that a page sends without anybody doing something: a tab comes into sight."""

RECHECK_SECONDS = 30.0
"""How often open pages' sessions are asked for, for what no notice tells: an expiry, a notice that was missed."""

REMEMBERED = 10_000
LOG_MAX = 500
TRY_AGAIN = "Implicit handshake failed"
"""What NiceGUI's page waits for to reload itself, which shows the sign-in, or the page anew."""

FAREWELL_SECONDS = 0.5

log = logging.getLogger(__name__)


class Wire:
    """Which sessions this process knows to have ended, and what happens to their pages."""

    def __init__(self, living: Living, saw: Saw | None = None, ask: Ask | None = None) -> None:
        self._living, self._saw, self._ask = living, saw, ask
        self._revoked: dict[UUID, None] = {}

    def lives(self, session_id: UUID) -> bool:
        """Whether nothing is known against this session; the door asks the database again at every click."""
        return session_id not in self._revoked

    def hear(self, change: topics.Change) -> None:
        """A notice about sessions; one without an id says that some may have been missed."""
        if change.id is None:
            background_tasks.create(self.recheck(), name="recheck sessions")
        elif change.kind == "revoked":
            self.revoke(change.id)

    def revoke(self, session_id: UUID) -> None:
        """End a session's pages: no message of theirs counts from now on, and they leave for the sign-in."""
        self._revoked[session_id] = None
        while len(self._revoked) > REMEMBERED:
            del self._revoked[next(iter(self._revoked))]
        for client in list(Client.instances.values()):
            if _session_of_page(client) == session_id:
                background_tasks.create(_send_away(client), name="end of a session")

    async def recheck(self) -> None:
        """Ask the database which sessions of the open pages still live, and end the others."""
        opened = {found for client in list(Client.instances.values()) if (found := _session_of_page(client))}
        opened -= self._revoked.keys()
        if opened:
            for gone in opened - await self._living(opened):
                self.revoke(gone)

    async def watch(self) -> None:
        """Recheck every now and then, for as long as the process runs."""
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            try:
                await self.recheck()
            except Exception as error:  # noqa: BLE001 - the database may be away; the next round asks again
                log.warning("Could not recheck the sessions of open pages: %s", error)

    def note_act(self, sid: str) -> None:
        """Somebody did something on a page: its session's owner is there."""
        if self._saw is not None and (session_id := _session_of_socket(sid)) is not None:
            background_tasks.create(self._saw(session_id), name="last seen")

    @contextmanager
    def act(self, sid: str, client: Client) -> Iterator[None]:
        """What somebody does on a page: they were seen, and the door may ask them who they are."""
        self.note_act(sid)
        with trace.referenced(ids.reference()):
            if self._ask is None:
                yield
            else:
                with step_up.may_ask(functools.partial(self._ask, client)):
                    yield

    def may_join(self, sid: str, client_id: object) -> bool:
        """Whether the socket's session is the one that opened the page, and lives."""
        client = Client.instances.get(client_id) if isinstance(client_id, str) else None
        session_id = _session_of_socket(sid)
        if client is None or session_id is None:
            return False
        return session_id == _session_of_page(client) and self.lives(session_id)

    def may_speak(self, sid: str, client_id: str) -> bool:
        """Whether the socket has joined this page, and still may."""
        return client_id in core.sio.rooms(sid) and self.may_join(sid, client_id)


def harden(living: Living, saw: Saw | None = None, ask: Ask | None = None) -> Wire:
    """Wrap the handlers; call once at start-up. ``living`` tells which of some session ids still live, ``saw`` hears
    whose owner has just done something, ``ask`` lets whoever acts on a page prove that it is them.

    Raises:
        RuntimeError: this NiceGUI has other handlers than the one that this was written for.
    """
    handlers = core.sio.handlers.get("/", {})
    if set(core.sio.handlers) != {"/"} or set(handlers) != {"connect", "disconnect", *messages.SHAPES}:
        raise RuntimeError(f"NiceGUI's socket handlers are not the expected ones: {sorted(handlers)}")
    wire = Wire(living, saw, ask)
    core.sio.on("connect", _joining_at_once(wire, handlers["connect"]))
    core.sio.on("handshake", _joining(wire, handlers["handshake"]))
    for name in ("event", "javascript_response", "ack", "log"):
        core.sio.on(name, _speaking(wire, name, handlers[name]))
    core.sio.eio.transports = ["websocket"]  # polling would let each request of a connection be another person's
    core.sio.eio.max_http_buffer_size = messages.LONGEST
    core.app.config.socket_io_js_transports = ["websocket"]
    topics.sessions.subscribe(wire.hear)
    core.app.on_startup(wire.watch)
    return wire


def _joining_at_once(wire: Wire, handler: Callable[..., Any]) -> Callable[..., Any]:
    """A connection that names its page in the query string. Refused in the words that make a page reload itself."""
    original = inspect.unwrap(handler)

    @functools.wraps(original)
    async def connect(sid: str, environ: dict[str, Any], auth: object = None) -> None:
        query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        if not messages.fits("handshake", query) or not wire.may_join(sid, query["client_id"]):
            log.info("Refused a socket: it is not of the session that opened the page")
            raise Refused(TRY_AGAIN)
        await original(sid, environ, auth)

    return connect


def _joining(wire: Wire, handler: Callable[..., Any]) -> Callable[..., Any]:
    """A socket that names its page later (one that was loaded ahead of being shown)."""
    original = inspect.unwrap(handler)

    @functools.wraps(original)
    async def handshake(sid: str, values: dict[str, Any]) -> bool:
        if not wire.may_join(sid, values["client_id"]):
            log.info("Refused a handshake: the socket is not of the session that opened the page")
            return False
        return bool(await original(sid, values))

    return handshake


def _speaking(wire: Wire, name: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    """A message about a page that the socket has joined."""
    original = inspect.unwrap(handler)

    @functools.wraps(original)
    def speak(sid: str, values: dict[str, Any]) -> None:
        if not wire.may_speak(sid, values["client_id"]):
            log.info("Refused a message %r: the socket does not belong to that page, or its session has ended", name)
        elif name == "log":
            # A browser may say anything: it is kept short, and never louder than a warning.
            level = "warning" if values["level"] == "error" else values["level"]
            original(sid, {**values, "level": level, "message": repr(values["message"][:LOG_MAX])})
        elif name != "event" or (kind := _heard(Client.instances[values["client_id"]], values)) in BY_ITSELF:
            original(sid, values)
        elif kind is not None:
            with wire.act(sid, Client.instances[values["client_id"]]):
                original(sid, values)

    return speak


def _heard(client: Client, event: dict[str, Any]) -> str | None:
    """What kind of event it is for the element that listens; None: a click arrived after its button has gone."""
    element = client.elements.get(event["id"])
    listeners = {} if element is None else element._event_listeners  # noqa: SLF001 - pinned, tested
    listener = listeners.get(event["listener_id"])
    return None if listener is None else listener.type


def _session_of_page(client: Client) -> UUID | None:
    request = client._request  # noqa: SLF001 - the public property raises for a page that no request made
    actor = getattr(request.state, "actor", None) if request is not None else None
    return actor.session_id if isinstance(actor, Staff) else None


def _session_of_socket(sid: str) -> UUID | None:
    environ = core.sio.get_environ(sid) or {}
    actor = environ.get("asgi.scope", {}).get("state", {}).get("actor")
    return actor.session_id if isinstance(actor, Staff) else None


async def _send_away(client: Client) -> None:
    """Let a page leave for the sign-in; close its sockets in any case."""
    client.open(f"/login?next={quote(client.sub_pages_router.current_path, safe='/')}")
    await asyncio.sleep(FAREWELL_SECONDS)
    for sid, _ in list(core.sio.manager.get_participants("/", client.id)):
        await core.sio.disconnect(sid)
