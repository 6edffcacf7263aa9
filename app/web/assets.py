"""Scripts, styles and fonts: the same for everybody, so public, and compressed once per process, not per request."""

import asyncio
import gzip
import posixpath
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.headers import accepts_gzip, protect

FOREVER = "public, max-age=31536000, immutable"
SHORTLY = "public, max-age=300"
_COMPRESSED_ALREADY = (".woff", ".woff2", ".png", ".jpg", ".gif", ".webp", ".ico")
_HIDDEN_FROM_THE_APP = {b"accept-encoding", b"if-none-match", b"if-modified-since", b"if-range", b"range"}


@dataclass(frozen=True, slots=True)
class _Asset:
    kind: str
    body: bytes
    compressed: bool


class Assets:
    """Answers for everything below ``prefixes``, from memory after the first time.

    A path below ``/static/`` may be kept by browsers for ever when it carries ``?v=``, else for five minutes.
    """

    def __init__(self, app: ASGIApp, *prefixes: str, https: bool) -> None:
        self._app = app
        self._prefixes = prefixes
        self._https = https
        self._kept: dict[str, _Asset] = {}

    def has(self, scope: Scope) -> bool:
        """Whether this request is for an asset."""
        return bool(scope["type"] == "http" and scope["path"].startswith(self._prefixes))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for an asset."""
        await (await self._answer(scope))(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response:
        path: str = scope["path"]
        # One file, one name: otherwise /static/./a, /static/././a, … would each be kept.
        if scope["method"] not in {"GET", "HEAD"} or posixpath.normpath(path) != path or "\\" in path:
            return self._finished(Response("Not found.", 404), SHORTLY)
        asset = self._kept.get(path)
        if asset is None:
            status, asset = await self._fetch(scope)
            if status != 200:
                return self._finished(Response("Not found.", status if status >= 400 else 404), "no-store")
            self._kept[path] = asset
        return self._found(scope, asset)

    async def _fetch(self, scope: Scope) -> tuple[int, _Asset]:
        start: Message = {}
        body = bytearray()

        async def take(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        headers = [pair for pair in scope["headers"] if pair[0] not in _HIDDEN_FROM_THE_APP]
        await self._app({**scope, "method": "GET", "headers": headers}, _patient(), take)
        kind = Headers(raw=start["headers"]).get("content-type", "application/octet-stream")
        if scope["path"].endswith(_COMPRESSED_ALREADY):
            return start["status"], _Asset(kind, bytes(body), compressed=False)
        return start["status"], _Asset(kind, await asyncio.to_thread(gzip.compress, body, 9), compressed=True)

    def _found(self, scope: Scope, asset: _Asset) -> Response:
        as_is = not asset.compressed or accepts_gzip(scope)
        response = Response(asset.body if as_is else gzip.decompress(asset.body), media_type=None)
        response.headers["content-type"] = asset.kind
        if asset.compressed:
            response.headers["vary"] = "accept-encoding"
            if as_is:
                response.headers["content-encoding"] = "gzip"
        lasting = not scope["path"].startswith("/static/") or b"v=" in scope["query_string"]
        return self._finished(response, FOREVER if lasting else SHORTLY)

    def _finished(self, response: Response, cache: str) -> Response:
        protect(MutableHeaders(raw=response.raw_headers), https=self._https)
        response.headers["cache-control"] = cache
        return response


def _patient() -> Receive:
    """A ``receive`` of nobody who hangs up: what is kept for everybody must be whole, also when whoever asked first has
    left meanwhile.
    """
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            await asyncio.get_running_loop().create_future()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive
