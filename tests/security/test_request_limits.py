"""Attacks on the connection itself, before there is a request: endless heads, slow ones, and hosts that are none."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from app.web import http_protocol
from app.web.http_protocol import MOST_BYTES, MOST_HEADERS, MOST_TARGET, LimitedProtocol
from tests.security.conftest import Site

START = b"GET /health/live HTTP/1.1\r\nHost: console.example.com\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
READ_AT_ONCE = 256 * 1024
"""What the event loop hands over at most in one piece."""


async def told(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what came, once all of it came."""
    body = await Request(scope, receive).body()
    await JSONResponse({"bytes": len(body), "headers": len(scope["headers"])})(scope, receive, send)


async def unasked(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers at once, and reads no body."""
    await JSONResponse("no")(scope, receive, send)


@asynccontextmanager
async def served(app: ASGIApp = told) -> AsyncIterator[tuple[int, list[LimitedProtocol]]]:
    """A server in this process: its port, and the connections that it got."""
    config = uvicorn.Config(app, http=LimitedProtocol, log_config=None, access_log=False)
    config.load()
    state, got = ServerState(), list[LimitedProtocol]()

    def protocol() -> LimitedProtocol:
        got.append(LimitedProtocol(config, state, {}))
        return got[-1]

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], got


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def asked(port: int, *pieces: bytes) -> bytes:
    """All that is answered to these bytes until the server hangs up."""
    async with connected(port) as (reader, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await reader.read()


async def dripped(port: int, start: bytes) -> bytes:
    """All that is answered to this and one byte after the other, until the server hangs up."""
    async with connected(port) as (reader, writer), asyncio.TaskGroup() as group:
        answer = group.create_task(reader.read())
        writer.write(start)
        while not answer.done():
            writer.write(b"a")
            await asyncio.wait({answer}, timeout=0.02)
    return answer.result()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


TOO_LARGE = {
    "one header": START + b"X-A: " + b"a" * MOST_BYTES,
    "one header that ends": START + b"X-A: " + b"a" * MOST_BYTES + b"\r\n\r\n",
    "the name of a header": START + b"x" * MOST_BYTES,
    "many headers": START + b"A: b\r\n" * (MOST_HEADERS + 1) + b"\r\n",
    "many headers that never end": START + b"A: b\r\n" * (MOST_BYTES // 6),
    "an upgrade": START + b"Connection: upgrade\r\nUpgrade: websocket\r\nX-A: " + b"a" * MOST_BYTES + b"\r\n\r\n",
    "a method": b"G" * (MOST_BYTES + 1),
    "an extension of a chunk": POST + b"1;" + b"a" * MOST_BYTES,
    "extensions of many chunks": POST + (b"1;" + b"a" * 1_000 + b"\r\nx\r\n") * 80,
    "a trailer": POST + b"1\r\nx\r\n0\r\nX-A: " + b"a" * MOST_BYTES,
    "many trailers": POST + b"1\r\nx\r\n0\r\n" + b"A: b\r\n" * (MOST_BYTES // 5),
}


@pytest.mark.parametrize("what", TOO_LARGE)
async def test_too_large_head(what: str) -> None:
    async with served() as (port, _):
        answer = await asked(port, TOO_LARGE[what])
    assert status(answer) in ({400, 431} if what == "a method" else {431}), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer


async def test_too_large_head_behind_another_request() -> None:
    async with served() as (port, _):
        answer = await asked(port, START + b"\r\n" + TOO_LARGE["one header that ends"])
    assert status(answer) == 431, "what is answered meanwhile is given up"


async def test_too_long_target() -> None:
    async with served() as (port, _):
        start = b"GET /?q=%s HTTP/1.1\r\nHost: a\r\n\r\n"
        assert status(await asked(port, start % (b"a" * MOST_TARGET))) == 414
        assert status(await asked(port, b"GET /" + b"a" * MOST_BYTES)) == 431, "cut before its end is seen"


async def test_endless_head_takes_no_memory(site: Site) -> None:
    """However much somebody wants to send, it is cut off as soon as the bound is passed."""
    parts = urlsplit(site.origin)
    sent = 0
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    with contextlib.suppress(ConnectionError):
        writer.write(START + b"X-A: ")
        while sent < 100 * MOST_BYTES and not reader.at_eof():
            writer.write(b"a" * 4_096)
            await writer.drain()
            sent += 4_096
            await asyncio.sleep(0)
    writer.close()
    assert sent < 100 * MOST_BYTES, "nobody cut it off"


async def test_what_a_connection_holds_is_bounded_by_one_read() -> None:
    async with served() as (port, got), connected(port) as (reader, writer):
        writer.write(START + b"X-A: " + b"a" * 50 * MOST_BYTES)
        with contextlib.suppress(ConnectionError):
            assert status(await reader.read()) == 431
        assert MOST_BYTES < got[0].counted <= MOST_BYTES + READ_AT_ONCE


async def test_what_fits_is_read_however_it_is_cut() -> None:
    """A long head, a body in tiny chunks, requests one after the other and all at once."""
    head = START + b"X-A: " + b"a" * (MOST_BYTES - 1_000) + b"\r\n\r\n"
    chunks = POST + b"1\r\nx\r\n" * 30_000 + b"0\r\nX-Trailer: t\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    async with served() as (port, _):
        answer = await asked(port, *[head[i : i + 7_000] for i in range(0, len(head), 7_000)], chunks, chunks, last)
    assert answer.count(b"HTTP/1.1 200 ") == 4
    assert answer.count(b'{"bytes":30000,"headers":2}') == 2, "a trailer is no header of the request"


async def test_large_body_is_no_head() -> None:
    size = 40 * MOST_BYTES
    start = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
    async with served() as (port, _):
        assert b'"bytes":%d' % size in await asked(port, start + b"x" * size)


SLOW = {
    "half a line": (b"GET / HT", 408),
    "half a head": (START, 408),
    "half a head after a whole request": (START + b"\r\n" + b"GET / HT", 200),
}


@pytest.mark.parametrize("what", SLOW)
async def test_slow_head(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not come ends the connection, which is told if nothing else was."""
    monkeypatch.setattr(http_protocol, "SECONDS", 0.05)
    async with served() as (port, _):
        sent, expected = SLOW[what]
        assert status(await asked(port, sent)) == expected


async def test_head_that_comes_drop_by_drop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each drop in time does not make a whole head in time."""
    monkeypatch.setattr(http_protocol, "SECONDS", 0.2)
    async with served() as (port, _):
        assert status(await dripped(port, START + b"X-A: ")) == 408


async def test_connection_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "SECONDS", 0.05)
    async with served() as (port, _):
        assert await asked(port) == b"", "no answer to no question"


async def test_body_that_drips_after_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads it any more, so it may not keep the connection."""
    monkeypatch.setattr(http_protocol, "SECONDS", 0.2)
    async with served(unasked) as (port, _):
        answer = await dripped(port, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        assert answer.count(b"HTTP/1.1 ") == 1


async def test_long_answer_is_not_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is awaited from the other side is bounded here."""
    monkeypatch.setattr(http_protocol, "SECONDS", 0.02)
    asks, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        asks.set()
        await go_on.wait()
        await unasked(scope, receive, send)

    async with served(slow) as (port, got), connected(port) as (reader, writer):
        writer.write(START + b"Connection: close\r\n\r\n")
        await asks.wait()
        looks = asyncio.get_running_loop().time() + 5 * http_protocol.SECONDS
        while asyncio.get_running_loop().time() < looks:  # noqa: ASYNC110 - as many looks of its timer as may be
            await asyncio.sleep(0.01)
        assert not got[0].transport.is_closing()
        go_on.set()
        assert status(await reader.read()) == 200


HOSTS = {
    b"Host: console.example.com\r\n": 200,
    b"Host: console.example.com:443\r\n": 200,
    b"Host: LOCALHOST:18080\r\n": 200,
    b"Host: quarterdeck_web\r\n": 200,
    b"Host: 10.0.0.7:8080\r\n": 200,
    b"Host: [::1]:8080\r\n": 200,
    b"Host: [2001:db8::7]\r\n": 200,
    b"Host: \r\n": 400,
    b"": 400,
    b"Host: a\r\nHost: a\r\n": 400,
    b"Host: a\r\nHost: b\r\n": 400,
    b"Host: a, b\r\n": 400,
    b"Host: a b\r\n": 400,
    b"Host: http://a\r\n": 400,
    b"Host: a/b\r\n": 400,
    b"Host: a@b\r\n": 400,
    b"Host: <script>\r\n": 400,
    b"Host: a:99999\r\n": 400,
    b"Host: a:b\r\n": 400,
    b"Host: [::1\r\n": 400,
    b"Host: [1.2.3]\r\n": 400,
    b"Host: \xc3\xa4.example\r\n": 400,
    b"Host: " + b"a" * 254 + b"\r\n": 400,
    b"Host: " + b"a" * 5_000 + b"\r\n": 400,
}


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host[:40].decode("latin-1").strip() or "none")
async def test_host(host: bytes) -> None:
    async with served() as (port, _):
        answer = await asked(port, b"GET / HTTP/1.1\r\nConnection: close\r\n" + host + b"\r\n")
    assert status(answer) == HOSTS[host]


async def test_old_clients_name_no_host() -> None:
    async with served() as (port, _):
        assert status(await asked(port, b"GET / HTTP/1.0\r\n\r\n")) == 200


async def test_websocket_with_an_absurd_host(site: Site) -> None:
    parts = urlsplit(site.origin)
    assert parts.port
    head = b"GET /_nicegui_ws/socket.io/ HTTP/1.1\r\nHost: a b\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert status(await asked(parts.port, head)) == 400
