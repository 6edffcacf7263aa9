"""Attacks on the gate, request by request: claims about who asks, slow bodies, smuggled requests.

Most meet a guard in this process, with a little application behind it that tells what it was given.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import nicegui
import pytest
from fastapi import FastAPI, Request
from pydantic import ValidationError
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import Message, Receive, Scope, Send

from app.actor import Staff
from app.authentication import sessions
from app.config import Settings
from app.ids import uuid7
from app.permissions import Role
from app.web import bodies, errors
from app.web.guard import Guard
from app.web.sign_in import password as sign_in
from tests.people import PASSWORD, Company
from tests.security.conftest import Site

ORIGIN = "http://127.0.0.1:8080"
ANN = Staff(uuid7(), uuid7(), "Ann Adler", "ann@example.com", Role.ADMIN)
PROXY, OTHER_PROXY, CUSTOMER = "10.0.0.1", "10.0.0.2", "203.0.113.9"


async def whoever(_: str) -> Staff:
    return ANN


async def told(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what the application behind the guard was told."""
    body = b""
    while scope["method"] != "GET":
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    heard = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    actor = scope["state"]["actor"]
    answer = {"client": scope["client"], "headers": heard, "ip": actor.ip, "host": scope["server"], "bytes": len(body)}
    await JSONResponse(answer)(scope, receive, send)


@asynccontextmanager
async def behind(peer: str, app: Any = told, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Requests that reach the guard from the address ``peer``."""
    guard = Guard(app, Settings(port=8080, **settings), whoever)
    headers = {"origin": ORIGIN, "cookie": "__Host-quarterdeck=x"}
    transport = httpx.ASGITransport(guard, client=(peer, 4711))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as client:
        yield client


@pytest.mark.parametrize(
    ("peer", "chain", "seen"),
    [
        (CUSTOMER, ["6.6.6.6"], CUSTOMER),  # nobody whom we trust
        ("10.0.0.9", ["6.6.6.6"], "10.0.0.9"),  # beside the proxy
        (PROXY, [], PROXY),
        (PROXY, [CUSTOMER], CUSTOMER),
        (PROXY, [f"6.6.6.6, {CUSTOMER}"], CUSTOMER),  # what the customer claims stands on the left
        (PROXY, ["6.6.6.6", CUSTOMER], CUSTOMER),  # in a header of its own
        (PROXY, [f"6.6.6.6, {CUSTOMER}, {OTHER_PROXY}"], CUSTOMER),
        (PROXY, [f"6.6.6.6, {PROXY}, {CUSTOMER}, {OTHER_PROXY}"], CUSTOMER),  # even when they claim to be a proxy
        (PROXY, [f"{PROXY}, {OTHER_PROXY}"], PROXY),  # asked from within
        (PROXY, ["", "  ", ","], PROXY),
        (PROXY, [f"{CUSTOMER}, unknown"], PROXY),  # a hop that hides ends what can be believed
        (PROXY, [f"{CUSTOMER}, <script>, {OTHER_PROXY}"], OTHER_PROXY),
        (PROXY, ["127.0.0.1' OR 1=1 --"], PROXY),
        (PROXY, ["1.2.3.4.5", "999.1.1.1"], PROXY),
        (PROXY, ["::1, 6.6.6.6"], "6.6.6.6"),
        (PROXY, [f"{CUSTOMER}:51234"], CUSTOMER),
        (PROXY, ["[2001:db8::7]:51234"], "2001:db8::7"),
        (PROXY, ["2001:DB8:0::7"], "2001:db8::7"),
        (PROXY, ["fe80::1%eth0'"], "fe80::1"),
        (PROXY, [f"::ffff:{CUSTOMER}"], CUSTOMER),  # the same person in other clothes
        (f"::ffff:{PROXY}", [CUSTOMER], CUSTOMER),
        ("2001:db8:1::1", [CUSTOMER], CUSTOMER),
        ("2001:db8:2::1", [CUSTOMER], "2001:db8:2::1"),
        (PROXY, ["6.6.6.6, " * 2_000 + CUSTOMER], CUSTOMER),
    ],
)
async def test_x_forwarded_for_injection(peer: str, chain: list[str], seen: str) -> None:
    sent = [("x-forwarded-for", value) for value in chain]
    async with behind(peer, trusted_proxies="10.0.0.1, 10.0.0.2/32 2001:db8:1::/48") as client:
        found = (await client.get("/", headers=sent)).json()
    assert (found["client"][0], found["ip"]) == (seen, seen)
    assert "x-forwarded-for" not in found["headers"]


async def test_without_configured_proxies_nobody_is_believed() -> None:
    async with behind("127.0.0.1") as client:
        assert (await client.get("/", headers={"x-forwarded-for": "6.6.6.6"})).json()["ip"] == "127.0.0.1"


async def test_even_a_trusted_proxy_changes_neither_host_nor_origin_nor_path() -> None:
    """Which pages may talk to us stands in the settings, whatever a proxy passes on from the one who asks."""
    claims = {
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "https",
        "x-forwarded-port": "1",
        "x-forwarded-prefix": "/evil",
        "x-real-ip": "6.6.6.6",
        "forwarded": "for=6.6.6.6;host=evil.example;proto=https",
    }
    async with behind(PROXY, trusted_proxies=PROXY) as client:
        found = (await client.get("/", headers=claims)).json()
        assert not claims.keys() & found["headers"].keys()
        assert (found["ip"], found["host"][0]) == (PROXY, "127.0.0.1")
        for origin in ("https://evil.example", "http://evil.example"):
            assert (await client.post("/", headers={**claims, "origin": origin})).status_code == 403


@pytest.mark.parametrize("proxies", ["proxy.example.com", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.1;10.0.0.2", "*"])
def test_what_is_no_network_is_refused_at_the_start(proxies: str) -> None:
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Settings(trusted_proxies=proxies)


async def test_the_address_that_a_proxy_tells_is_the_one_that_is_recorded(
    company: Company, settings: Settings, admin: asyncpg.Connection, password_hash: str
) -> None:
    await admin.execute("UPDATE staff SET password_hash = $1", password_hash)
    sessions.bind(sessions.Signing(settings.session_keys, timedelta(hours=1)))
    api = FastAPI()
    errors.install(api)
    api.include_router(sign_in.router(settings))
    guard = Guard(api, settings.model_copy(update={"trusted_proxies": PROXY, "port": 8080}), sessions.find)
    headers = {"origin": ORIGIN, "x-forwarded-for": f"6.6.6.6, {CUSTOMER}"}
    transport = httpx.ASGITransport(guard, client=(PROXY, 1))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as client:
        for password, status in (("not the password of ann", 401), (PASSWORD, 303)):
            form = {"email": company.ann.email, "password": password}
            assert (await client.post("/auth/login", data=form)).status_code == status
    recorded = await admin.fetch("SELECT DISTINCT ip FROM audit_entries WHERE action LIKE 'session.%'")
    assert [row[0] for row in recorded] == [CUSTOMER]
    assert await admin.fetchval("SELECT ip FROM staff_sessions ORDER BY created_at DESC LIMIT 1") == CUSTOMER


UNSAFE = ("POST", "PUT", "PATCH", "DELETE", "PROPFIND", "TRACE", "post", "X-ODD")
ELSEWHERE: dict[str, dict[str, str]] = {
    "another site": {"origin": "https://evil.example"},
    "a page without an origin": {"origin": "null"},
    "the same host, another port": {"origin": "http://127.0.0.1:8081"},
    "the same host, another scheme": {"origin": "https://127.0.0.1:8080"},
    "a name that begins alike": {"origin": f"{ORIGIN}.evil.example"},
    "our origin, but another site says the browser": {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
    "our origin, but a sister site says the browser": {"origin": ORIGIN, "sec-fetch-site": "same-site"},
    "nobody says from where": {},
    "the browser says: typed by hand": {"sec-fetch-site": "none"},
}


@pytest.mark.parametrize("whence", ELSEWHERE)
async def test_cross_site_request_of_every_unsafe_method(whence: str) -> None:
    async with behind(CUSTOMER) as client:
        del client.headers["origin"]
        for method in UNSAFE:
            for path in ("/auth/login", "/auth/logout", "/uploads", "/export/users.csv", "/api/v1/jobs", "/"):
                answer = await client.request(method, path, headers=ELSEWHERE[whence])
                assert answer.status_code == 403, (method, path)


@pytest.mark.parametrize("origin", ["https://console.example.com", ORIGIN])
async def test_headers_of_every_kind_of_answer(origin: str) -> None:
    """Pages, data, errors, refusals, redirects, assets of ours and of the framework."""
    api = FastAPI()
    errors.install(api)
    api.get("/page")(lambda: HTMLResponse("<!doctype html><p>page"))
    api.get("/api/data")(lambda: {"a": 1})
    async with behind(CUSTOMER, api, origin=origin) as client:
        asset = f"/_nicegui/{nicegui.__version__}/static/nothing.js"
        for path in ("/page", "/api/data", "/nowhere", "/api/nowhere", "/login", asset, "/static/nothing.css"):
            headers = (await client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff", path
            assert headers["x-frame-options"] == "DENY", path
            assert headers["cross-origin-opener-policy"] == "same-origin", path
            assert headers["cross-origin-resource-policy"] == "same-origin", path
            assert headers["referrer-policy"] == "same-origin", path
            assert "camera=()" in headers["permissions-policy"], path
            policy = headers["content-security-policy"]
            for part in ("default-src 'none'", "base-uri 'none'", "object-src 'none'", "form-action 'self'"):
                assert part in policy, path
            assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0], path
            assert ("strict-transport-security" in headers) == origin.startswith("https:"), path
            assert headers["cache-control"] == "no-store", path
            assert "server" not in headers, path


async def pieces(first: bytes, then: Callable[[], Any]) -> AsyncIterator[bytes]:
    yield first
    await then()


@pytest.mark.parametrize("path", ["/auth/login", "/api/echo", "/uploads"])
async def test_slow_body(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever announces a body and then says nothing is told so, and the connection ends."""
    monkeypatch.setattr(bodies, "SECONDS", 0.02)
    api = FastAPI()
    errors.install(api)

    @api.post("/uploads")
    async def upload(request: Request) -> int:
        return sum([len(piece) async for piece in request.stream()])

    async with behind(CUSTOMER, api) as client:
        answer = await client.post(path, content=pieces(b"x", asyncio.Event().wait))
        assert (answer.status_code, answer.json()["code"]) == (408, "TIMEOUT")
        assert answer.headers["connection"] == "close"


async def test_upload_that_goes_on_may_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 1)

    async def drops() -> AsyncIterator[bytes]:
        for _ in range(8):
            await asyncio.sleep(0.2)
            yield b"x"

    async with behind(CUSTOMER) as client:
        assert (await client.post("/uploads", content=drops())).json()["bytes"] == 8


async def test_body_of_many_bytes_that_announces_few() -> None:
    """What a server in front might pass on: the bytes themselves are counted, whatever was declared."""
    messages: list[Message] = [{"type": "http.request", "body": b"x" * 40_000, "more_body": True}] * 2
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    for declared in (b"5", b"", b"-1", b"x", b"0x9"):
        messages = [{"type": "http.request", "body": b"x" * 40_000, "more_body": True}] * 2
        headers = [(b"content-length", declared), (b"origin", ORIGIN.encode()), (b"cookie", b"__Host-quarterdeck=x")]
        scope = {"type": "http", "method": "POST", "path": "/api/echo", "query_string": b"", "headers": headers}
        await Guard(told, Settings(port=8080), whoever)({**scope, "client": (CUSTOMER, 1)}, receive, send)
        assert sent[-2]["status"] == 413


SMUGGLED = {
    "two lengths": "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "two lengths in one": "Content-Length: 5, 6\r\n\r\nhello!",
    "length and chunks": "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
    "unknown coding": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked is not last": "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "negative length": "Content-Length: -5\r\n\r\nhello",
    "length with a sign": "Content-Length: +5\r\n\r\nhello",
    "length in hexadecimal": "Content-Length: 0x5\r\n\r\nhello",
    "name with a space": "Content-Length : 5\r\n\r\nhello",
    "folded header": "X-A: b\r\n Content-Length: 5\r\n\r\nhello",
    "bare line feed": "X-A: b\nContent-Length: 5\r\n\r\nhello",
    "chunk of no number": "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("trick", SMUGGLED)
async def test_request_smuggling(site: Site, trick: str) -> None:
    """Two servers that read a request differently let one request hide in another: what is ambiguous is refused."""
    parts = urlsplit(site.origin)
    head = f"POST /api/echo HTTP/1.1\r\nHost: {parts.netloc}\r\nOrigin: {site.origin}\r\n"
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write((head + SMUGGLED[trick]).encode())
    with contextlib.suppress(ConnectionError):
        writer.write_eof()
    answer = (await reader.read()).decode()
    writer.close()
    assert answer.startswith("HTTP/1.1 400 "), answer
    assert answer.count("HTTP/1.1 ") == 1
