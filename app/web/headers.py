"""What every answer carries: the content security policy and its companions, a nonce on our scripts, compression."""

import gzip
import secrets
from collections.abc import Callable
from http import HTTPStatus

from jinja2 import BaseLoader, Environment
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Scope, Send

COMPRESS_FROM = 1_000
"""Bytes below which compression costs more than it saves."""

_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob: https:; connect-src 'self'; font-src 'self'; base-uri 'none'; object-src 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
_UNREAD = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
"""After these the rest of a body is not worth reading: the connection ends."""
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


_MARK = f'nonce="{secrets.token_urlsafe(16)}"'
"""Stands in templates where the nonce of an answer goes. It never leaves this process, so no contents can hold it."""
_OWN_FILE = b'<script src="/static/'
"""Our own files: the policy allows them without a nonce, too."""


def mark_scripts(templates: Environment) -> None:
    """Let only the scripts that stand in these templates carry the nonce, never one that got in with their values."""
    if templates.loader is not None and not isinstance(templates.loader, _Marking):
        templates.loader = _Marking(templates.loader)


class _Marking(BaseLoader):
    """Loads templates with a mark in each of their scripts."""

    def __init__(self, inner: BaseLoader) -> None:
        self._inner = inner

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The template's source."""
        source, name, is_fresh = self._inner.get_source(environment, template)
        return source.replace("<script", f"<script {_MARK}"), name, is_fresh


def _stamped(body: bytes, nonce: str) -> bytes:
    stamp = f'nonce="{nonce}"'.encode()
    return body.replace(_MARK.encode(), stamp).replace(_OWN_FILE, b"<script %s%s" % (stamp, _OWN_FILE[7:]))


def protect(headers: MutableHeaders, *, nonce: str = "", https: bool = False) -> None:
    """Put the security headers on an answer. Without ``nonce`` no inline script may run at all."""
    policy = _POLICY.format(nonce=nonce) if nonce else _POLICY.replace(" 'nonce-{nonce}'", "")
    headers["content-security-policy"] = policy
    quieter = headers.get("referrer-policy")
    headers.update(_ALWAYS)
    if quieter == "strict-origin":  # an address that holds a secret is told to nobody, not even to ourselves
        headers["referrer-policy"] = quieter
    if https:
        headers["strict-transport-security"] = "max-age=31536000"


def accepts_gzip(scope: Scope) -> bool:
    """Whether whoever asks can read gzip."""
    return "gzip" in Headers(scope=scope).get("accept-encoding", "")


class Answer:
    """A ``send`` that protects what passes through it. Pages and JSON are held until they are whole; the rest streams.
    The answer to HEAD is that to GET without its body.

    The application behind it must not compress by itself: the nonce has to be written into plain HTML.
    """

    def __init__(self, send: Send, scope: Scope, *, https: bool) -> None:
        self._send = send
        self._gzip = accepts_gzip(scope)
        self._bodiless = scope["method"] == "HEAD"
        self._https = https
        self._held: Message | None = None
        self._body = bytearray()
        self._nonce = ""
        self.status = 0
        """The HTTP status sent so far; 0 while nothing was."""

    async def __call__(self, message: Message) -> None:
        """Pass one ASGI message on."""
        if message["type"] == "http.response.start":
            await self._start(message)
        elif message["type"] == "http.response.body" and self._held is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._held)
        elif not self._bodiless:
            await self._send(message)

    async def _start(self, message: Message) -> None:
        message = {**message, "headers": list(message.get("headers", ()))}
        headers = MutableHeaders(raw=message["headers"])
        kind = headers.get("content-type", "")
        self._nonce = secrets.token_urlsafe(16) if kind.startswith("text/html") else ""
        self.status = message["status"]
        protect(headers, nonce=self._nonce, https=self._https)
        headers.setdefault("cache-control", "no-store")
        if self.status in _UNREAD:
            headers["connection"] = "close"
        small_json = kind.startswith("application/json") and "content-length" in headers
        if "content-encoding" not in headers and (self._nonce or small_json):
            self._held = message
            return
        await self._send(message)
        if self._bodiless:
            await self._send({"type": "http.response.body", "body": b""})

    async def _finish(self, start: Message) -> None:
        headers = MutableHeaders(raw=start["headers"])
        body = bytes(self._body)
        if self._nonce:
            headers["cache-control"] = "no-store"
            body = _stamped(body, self._nonce)
        if self._gzip and len(body) >= COMPRESS_FROM:
            body = gzip.compress(body, 5, mtime=0)
            headers["content-encoding"] = "gzip"
        headers.add_vary_header("accept-encoding")
        headers["content-length"] = str(len(body))
        self._held = None
        await self._send(start)
        await self._send({"type": "http.response.body", "body": b"" if self._bodiless else body})
