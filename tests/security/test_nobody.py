"""What somebody who is not signed in gets from the paths that the guard treats in a way of their own."""

import asyncio
from typing import Any

import httpx
import pytest
from limits import parse

from app.config import Settings
from app.errors import RateLimited
from app.web import guard, rate_limit
from app.web.guard import Guard
from app.web.rate_limit import BUCKETS, AnonymousLimit
from app.web.sign_in.one_time_links import LINKS
from tests.product import Product, http
from tests.security.test_attacks_requests import CUSTOMER, ORIGIN, PROXY, behind, told

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def tables() -> set[str]:
    """Every path that stands in a table of the guard."""
    return {*guard.ACCESS, *guard.DUTIES.values(), guard.SOCKET, guard.NICEGUI_UPLOADS, *guard._NOT_PAGES}


async def test_no_path_of_the_guards_tables_breaks_or_shows_the_product_to_nobody(product: Product) -> None:
    assert {"/login", "/auth/logout", "/health/live", "/metrics", LINKS, "/uploads"} <= tables()
    paths = {form for path in tables() for form in (path, f"{path.rstrip('/')}/", f"{path.rstrip('/')}/x/y")}
    async with http(product.origin) as client:
        for path in sorted(paths | {"/"}):
            for method in METHODS:
                answer = await client.request(method, path)
                assert answer.status_code < 500 or path == "/health/ready", (method, path)
                assert "client_id" not in answer.text, (method, path)


async def test_addresses_of_forms_typed_by_hand_lead_to_the_sign_in(product: Product) -> None:
    async with http(product.origin) as client:
        for path in ("/auth/login", "/auth/logout"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/login")


async def test_head_answers_as_get_without_a_body(product: Product) -> None:
    session = await product.session(product.company.ann)
    for path in ("/health/live", "/health/ready", "/login", "/", "/nowhere", "/api/v1/me", "/static/quarterdeck.css"):
        async with session.http(**{"accept-encoding": "gzip"}) as client:
            got, asked = await client.get(path), await client.head(path)
        assert asked.status_code == got.status_code, path
        assert asked.content == b"", path
        varying = {"date", "content-length", "content-security-policy", "ratelimit-remaining", "ratelimit-reset"}
        assert asked.headers.keys() == got.headers.keys(), path
        kept = asked.headers.keys() - varying
        assert {name: asked.headers[name] for name in kept} == {name: got.headers[name] for name in kept}, path
        assert int(asked.headers["content-length"]) > 0 or path == "/login", path  # which leads on
    async with http(product.origin) as client:
        answer = await client.head("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login"), "nobody gets no more by HEAD"


async def test_too_many_requests_of_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own only: neither somebody elsewhere, nor who is signed in, nor the health answers wait for it."""
    monkeypatch.setattr(rate_limit, "ANONYMOUS_RATE", parse("3/minute"))

    async def nobody(_: str) -> None:
        return None

    door = Guard(told, Settings(port=8080), nobody)

    async def statuses(peer: str, path: str, *, times: int) -> list[int]:
        transport = httpx.ASGITransport(door, client=(peer, 4711))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"accept": "text/html"}) as client:
            return [(await client.get(path)).status_code for _ in range(times)]

    monkeypatch.setattr(door, "_app", _hello)
    assert await statuses(CUSTOMER, "/login", times=5) == [200, 200, 200, 429, 429]
    assert await statuses(CUSTOMER, f"{LINKS}/secret", times=1) == [429]
    assert await statuses(PROXY, "/login", times=1) == [200]
    assert await statuses(CUSTOMER, "/health/live", times=9) == [200] * 9
    async with behind(CUSTOMER) as client:
        assert [(await client.get("/login")).status_code for _ in range(9)] == [200] * 9


async def _hello(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def test_sockets_of_nobody_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "ANONYMOUS_RATE", parse("2/minute"))
    passed, sent = list[str](), list[Any]()

    async def app(scope: Any, *_: Any) -> None:
        passed.append(scope["path"])

    async def nobody(_: str) -> None:
        return None

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    door = Guard(app, Settings(port=8080), nobody)
    scope = {"type": "websocket", "path": guard.SOCKET, "headers": [(b"origin", ORIGIN.encode())]}
    for _ in range(4):
        await door({**scope, "client": (CUSTOMER, 1)}, receive, send)
    assert len(passed) == 2
    assert [message["code"] for message in sent] == [1013, 1013]


async def test_what_is_remembered_of_addresses_is_bounded() -> None:
    limit = AnonymousLimit()
    for number in range(3 * BUCKETS):
        limit.count(f"2001:db8:{number >> 8:x}:{number & 255:x}::1")
    assert len(limit.kept) <= BUCKETS


async def test_who_waited_is_let_in_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "ANONYMOUS_RATE", parse("1/second"))
    limit = AnonymousLimit()
    with pytest.raises(RateLimited) as refused:
        while True:
            limit.count(CUSTOMER)
    assert refused.value.retry_after == 1
    while True:
        try:
            limit.count(CUSTOMER)
        except RateLimited:
            await asyncio.sleep(0.01)
        else:
            break
