"""Attacks on plain requests: anonymous, cross-origin, oversize, and with headers that claim too much."""

import asyncio
import contextlib
import gzip
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.security.conftest import COOKIE, Site

FOREIGN = ["https://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"]


async def test_anonymous_pages_lead_to_the_sign_in(site: Site) -> None:
    async with site.http() as client:
        for path, login in (
            ("/", "/login"),
            ("/jobs", "/login?next=/jobs"),
            ("/jobs?status=failed&q=a%20b", "/login?next=/jobs%3Fstatus%3Dfailed%26q%3Da%2520b"),
            ("/_nicegui/0.0.1/static/nicegui.js.html/../x", None),
        ):
            answer = await client.get(path)
            if login:
                assert (answer.status_code, answer.headers["location"]) == (303, login)


@pytest.mark.parametrize("path", ["/api/fired", "/api/nothing", "/uploads", "/_nicegui/client/x/upload/1", "/auth/x"])
async def test_anonymous_data_is_401(site: Site, path: str) -> None:
    async with site.http() as client:
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")


async def test_anonymous_upload(site: Site) -> None:
    async with site.http() as client:
        assert (await client.put("/uploads", content=b"x" * 5_000)).status_code == 401


async def test_nicegui_upload_is_closed_whoever_asks(site: Site) -> None:
    """NiceGUI's own upload took five megabytes from a stranger where the page allowed a kilobyte."""
    opened = await site.open(ann := await site.sign_in())
    files = {"file": ("x", b"x" * 5_000_000)}
    for cookie, status in ((None, 401), (ann, 404)):
        async with site.http(cookie) as client:
            for element in range(3, 12):
                path = f"/_nicegui/client/{opened.client_id}/upload/{element}"
                assert (await client.post(path, files=files)).status_code == status


async def test_public_paths_need_nobody(site: Site) -> None:
    async with site.http() as client:
        for path, status in (
            ("/login", 200),
            ("/health/live", 200),
            ("/health/ready", 200),
            ("/static/quarterdeck.css", 200),
            ("/static/nothing", 404),
            ("/static/../pyproject.toml", 303),
            ("/static/%2e%2e/pyproject.toml", 404),
            ("/static/.//quarterdeck.css", 404),
            ("/static/grid/../quarterdeck.css", 200),
        ):
            assert (await client.get(path)).status_code == status, path
        assert (await client.get("/health/live")).json() == {"status": "live"}
        assert (await client.get("/health/ready")).json() == {"status": "ready"}


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("path", ["/auth/login", "/auth/logout", "/api/echo", "/uploads"])
async def test_cross_origin_post(site: Site, path: str, origin: str) -> None:
    async with site.http(ann := await site.sign_in(), origin=origin) as client:
        answer = await client.post(path, data={"email": "ann@example.com", "password": "x"})
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
    async with site.http(ann) as client:
        assert (await client.get("/api/fired")).status_code == 200, "the session lives on"


@pytest.mark.parametrize("fetch_site", ["cross-site", "same-site", "none"])
async def test_cross_site_post_that_hides_its_origin(site: Site, fetch_site: str) -> None:
    headers = {"cookie": f"{COOKIE}={await site.sign_in()}", "sec-fetch-site": fetch_site}
    async with httpx.AsyncClient(base_url=site.origin, trust_env=False) as client:
        assert (await client.post("/auth/logout", headers=headers)).status_code == 403
        del headers["sec-fetch-site"]
        assert (await client.post("/auth/logout", headers=headers)).status_code == 403, "neither header"
        headers["sec-fetch-site"] = "same-origin"
        assert (await client.post("/api/echo", headers=headers)).status_code == 200


async def test_oversize_body_declared(site: Site) -> None:
    async with site.http(await site.sign_in()) as client:
        assert (await client.post("/api/echo", content=b"x" * 65_536)).json()["bytes"] == 65_536
        answer = await client.post("/api/echo", content=b"x" * 65_537)
        assert answer.status_code == 413
        assert answer.json()["message"] == "This request is larger than 65,536 bytes."


async def test_oversize_body_chunked(site: Site) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(1_000):
            yield b"x" * 1_000
            await asyncio.sleep(0)

    async with site.http(await site.sign_in()) as client:
        # The server answers and hangs up in the middle of the body; whether the answer is still read is luck.
        with contextlib.suppress(httpx.WriteError, httpx.ReadError):
            assert (await client.post("/api/echo", content=chunks())).status_code == 413
        await site.logged("POST /api/echo 413")
        assert (await client.put("/uploads", content=chunks())).json() == {"bytes": 1_000_000}


async def test_oversize_sign_in_by_nobody(site: Site) -> None:
    async with site.http() as client:
        answer = await client.post("/auth/login", data={"email": "a@b", "password": "x" * 70_000})
        assert answer.status_code == 413


async def test_forwarded_headers_are_ignored(site: Site) -> None:
    """They may come from anybody, and NiceGUI would write one of them into its pages."""
    injected = {
        "x-forwarded-prefix": "/evil",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "https",
        "x-forwarded-for": "6.6.6.6",
        "x-real-ip": "6.6.6.6",
        "forwarded": "for=6.6.6.6;host=evil.example",
    }
    async with site.http(await site.sign_in(), **injected) as client:
        page = (await client.get("/")).text
        assert "evil" not in page
        assert (await client.post("/api/echo")).json()["host"] == "127.0.0.1"
    async with site.http(**injected) as client:
        assert (await client.get("/jobs")).headers["location"] == "/login?next=/jobs"


async def test_every_answer_is_protected(site: Site) -> None:
    async with site.http(await site.sign_in()) as client:
        for path in (
            "/",
            "/login",
            "/api/fired",
            "/api/nothing",
            "/static/quarterdeck.css",
            "/health/live",
            "/api/stream",
        ):
            headers = (await client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff", path
            assert headers["referrer-policy"] == "same-origin", path
            assert "default-src 'none'" in headers["content-security-policy"], path
            assert "frame-ancestors 'none'" in headers["content-security-policy"], path
            stored = "public, max-age=300" if path.startswith("/static/") else "no-store"
            assert headers["cache-control"] == stored, path


async def test_nonce_is_new_in_every_page_and_on_every_script(site: Site) -> None:
    seen = set()
    async with site.http(await site.sign_in()) as client:
        for _ in range(2):
            answer = await client.get("/")
            nonce = re.search(r"'nonce-([\w-]{20,})'", answer.headers["content-security-policy"])
            assert nonce
            seen.add(nonce[1])
            assert answer.headers["content-encoding"] == "gzip"
            assert answer.text.count("<script") == answer.text.count(f'<script nonce="{nonce[1]}"') > 0
    assert len(seen) == 2


async def test_pages_and_assets_for_those_who_cannot_read_gzip(site: Site) -> None:
    async with site.http(await site.sign_in(), **{"accept-encoding": "identity"}) as client:
        assert "</html>" in (await client.get("/")).text
        plain = await client.get("/static/quarterdeck.css?v=1")
        assert "content-encoding" not in plain.headers
        assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    async with (
        site.http(**{"accept-encoding": "gzip"}) as client,
        client.stream("GET", "/static/quarterdeck.css") as packed,
    ):
        raw = b"".join([chunk async for chunk in packed.aiter_raw()])
        assert gzip.decompress(raw) == plain.content
        assert packed.headers["vary"] == "accept-encoding"


@pytest.mark.stumbles
async def test_bug_of_ours_shows_a_reference_and_nothing_of_its_inside(site: Site) -> None:
    async with site.http(await site.sign_in()) as client:
        answer = await client.get("/api/bug", headers={"x-secret": "must not be logged"})
    assert answer.status_code == 500
    assert answer.json()["code"] == "INTERNAL_ERROR"
    assert "inner detail" not in answer.text
    reference = answer.json()["message"].rsplit(" ", 1)[1]
    assert re.fullmatch(r"\w{4}-\w{2}", reference)
    log = await site.logged("LookupError: an inner detail")
    assert log.count(f"Unexpected error, reference {reference}") == 1
    assert log.count("LookupError: an inner detail") == 1
    assert "must not be logged" not in log, "values of local variables stay out of the log"
