"""HTTP as uvicorn speaks it, with bounds that its parser has not: of what is no body, and of how long that may take.

What is refused here has no request yet, so no guard to dress the answer: one line of plain text, then the connection
ends. A websocket begins as a request, with the same bounds.
"""

import re
from asyncio import BaseTransport, Transport
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv6Address
from typing import cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

MOST_BYTES = 64 * 1024
"""Of one request all that is no body: its first line, headers, what is written around chunks, trailers."""
MOST_TARGET = 16 * 1024
"""Bytes of the path and query string."""
MOST_HEADERS = 128
SECONDS = 30.0
"""How long a connection may take to bring a whole head, or the rest of a body that was answered already."""

_CHUNK = 32
"""Bytes that a chunk of a body may take beside its contents."""
_LONGEST_NAME = 253
_PORT = 65_535
_HOST = re.compile(rb"(?:(?P<name>[A-Za-z0-9._-]+)|\[(?P<six>[0-9A-Fa-f:.]+)\])(?::(?P<port>\d{1,5})?)?")
_SAYS = {
    HTTPStatus.BAD_REQUEST: "Invalid HTTP request received.",
    HTTPStatus.REQUEST_TIMEOUT: "This request did not come in time.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The address of this request is too long.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers of this request are too large.",
}


class LimitedProtocol(HttpToolsProtocol):
    """One connection. Bytes are counted before the parser holds them: it keeps an unfinished header whole, and copies
    it with every piece that comes.
    """

    counted = 0
    _between = False
    _from_start = True
    _lingers = False
    _wrong: HTTPStatus | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """A connection begins; it may say nothing for as long as a head may take."""
        super().connection_made(cast("Transport", transport))
        self._waits_since: float | None = self.loop.time()
        self._watch = self.loop.call_later(SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._watch.cancel()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """The connection is another protocol's from now on."""
        self._watch.cancel()
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        """Bytes came: count them, and let them be read."""
        if self._between:
            self._between, self._from_start, self._waits_since = False, True, self.loop.time()
        self.counted += len(data)
        super().data_received(data)
        if self.counted > MOST_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self.counted < 0:
            self.counted = 0

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._waits_since = None
        self._wrong = self._wrong_with(self.headers)
        if self._wrong is not None:
            raise ValueError(self._wrong)  # stops the parser, which has it answered by send_400_response
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            self.headers = []  # what comes now are trailers, which are no headers of a request that is under way

    def on_body(self, body: bytes) -> None:
        """A piece of the body, which is counted elsewhere."""
        self.counted -= len(body)
        super().on_body(body)

    def on_chunk_header(self) -> None:
        """A chunk of the body begins."""
        self.counted -= _CHUNK

    def on_message_complete(self) -> None:
        """A request is whole; what comes next begins another one."""
        self.counted, self._between, self._lingers, self._waits_since = 0, True, False, None
        self._from_start = False  # another request that begins in the same piece is not counted from its start
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """A request is answered. If its body is still on its way, nobody reads it any more."""
        super().on_response_complete()
        if not self._between and self._waits_since is None and self.cycle.response_complete:
            self._lingers, self._waits_since = True, self.loop.time()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """The parser stopped."""
        self._refuse(self._wrong or HTTPStatus.BAD_REQUEST)

    def _wrong_with(self, headers: list[tuple[bytes, bytes]]) -> HTTPStatus | None:
        """What is to be answered to this head at once; None: nothing."""
        if len(self.url) > MOST_TARGET:
            return HTTPStatus.REQUEST_URI_TOO_LONG
        may_be_large = self.counted > MOST_BYTES or not self._from_start
        large = may_be_large and sum(len(name) + len(value) for name, value in headers) > MOST_BYTES
        if large or len(headers) > MOST_HEADERS:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        hosts = [value for name, value in headers if name == b"host"]
        fits = _is_host(hosts[0]) if len(hosts) == 1 else not hosts and self.parser.get_http_version() == "1.0"
        return None if fits else HTTPStatus.BAD_REQUEST

    def _look(self) -> None:
        """One timer a connection, however many requests it brings."""
        now = self.loop.time()
        since = now if self._waits_since is None else self._waits_since
        if since + SECONDS <= now:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self._watch = self.loop.call_later(since + SECONDS - now, self._look)

    def _refuse(self, status: HTTPStatus) -> None:
        """End the connection; with an answer unless nothing was asked, or another answer was given or is on its way."""
        if self.transport.is_closing():
            return
        answers = self.counted > 0 and not self._lingers
        # Before the first head there is none, whatever uvicorn's annotation says.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and not cycle.response_complete:
            answers = not cycle.response_started and not self.pipeline
            cycle.disconnected = True
            cycle.message_event.set()
        if answers:
            text = _SAYS[status].encode()
            head = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + head % len(text) + text)
        self.transport.close()


@lru_cache(maxsize=64)
def _is_host(value: bytes) -> bool:
    """Whether this is a name or address, maybe with a port. Which one is not asked: proxies and probes have names of
    their own for us, and nothing that is answered repeats it.
    """
    found = _HOST.fullmatch(value.strip(b" \t"))
    if found is None or int(found["port"] or 0) > _PORT or len(found["name"] or b"") > _LONGEST_NAME:
        return False
    try:
        return found["six"] is None or IPv6Address(found["six"].decode()) is not None
    except ValueError:
        return False
