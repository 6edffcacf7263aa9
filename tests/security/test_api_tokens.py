"""Attacks by and on API tokens: forged, dead, out of place, out of scope, too many; and what is told of them where."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import aiohttp
import asyncpg
import httpx
import pytest

from app import clock
from app.crypto import api_tokens
from app.ids import uuid7
from tests.factories import add_job
from tests.security.conftest import COOKIE, Site, Wire

ME = "/api/v1/me"
DEAD = "This API token does not work, or not any more. Make a new one under “API tokens”."


@asynccontextmanager
async def program(site: Site, secret: str | None = None, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """Requests as curl makes them: no Origin, no cookie."""
    sent = {**({"authorization": f"Bearer {secret}"} if secret else {}), **headers}
    async with httpx.AsyncClient(base_url=site.origin, headers=sent, trust_env=False, timeout=20) as client:
        yield client


async def token_of(
    behind: asyncpg.Connection, owner: str, permissions: str = "{jobs:read}", teams: list[UUID] | None = None
) -> str:
    """A token of somebody of the site, as the table keeps it."""
    secret = api_tokens.new_secret()
    await behind.execute(
        "INSERT INTO api_tokens (id, staff_id, name, hint, digest, permissions, team_ids, created_at, expires_at)"
        " SELECT $1, id, 'CI', $3, $4, $5::text::text[], $6, now(), $7 FROM staff WHERE email = $2",
        *(uuid7(), f"{owner}@example.com", api_tokens.hint(secret), api_tokens.digest(secret), permissions, teams),
        clock.now() + timedelta(days=7),
    )
    return secret


@pytest.fixture
async def anns(behind: asyncpg.Connection) -> str:
    """A token of Ann's that works."""
    return await token_of(behind, "ann")


async def test_a_token_says_whose_it_is_and_when_it_ends(site: Site, anns: str) -> None:
    async with program(site, anns) as curl:
        answer = await curl.get(ME)
    told = answer.json()
    assert answer.status_code == 200
    assert (told["person"]["email"], told["person"]["role"], told["teams"]) == ("ann@example.com", "admin", None)
    assert (told["permissions"], told["token"]["name"]) == (["jobs:read"], "CI")
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    assert int(answer.headers["ratelimit-limit"]) == 120
    assert 0 < int(answer.headers["ratelimit-remaining"]) < 120
    async with site.http(await site.sign_in()) as browser:
        own = (await browser.get(ME)).json()
    assert own["token"] is None
    assert {"jobs:read", "profile:edit", "datasets:delete"} <= set(own["permissions"])


FORGERIES: dict[str, Callable[[str], str]] = {
    "nothing": lambda _: "Bearer",
    "no scheme's space": lambda secret: f"Bearer{secret}",
    "another one": lambda _: f"Bearer {api_tokens.new_secret()}",
    "truncated": lambda secret: f"Bearer {secret[:-1]}",
    "its hint alone": lambda secret: f"Bearer {api_tokens.hint(secret)}",
    "its last digit changed": lambda secret: f"Bearer {secret[:-1]}{'0' if secret[-1] != '0' else '1'}",
    "its first digit changed": lambda secret: f"Bearer qd_{'0' if secret[3] != '0' else '1'}{secret[4:]}",
    "longer": lambda secret: f"Bearer {secret}0",
    "upper case": lambda secret: f"Bearer {secret.upper()}",
    "the digest itself": lambda secret: f"Bearer {hashlib.sha256(secret.encode()).hexdigest()}",
    "the digest dressed up": lambda secret: f"Bearer qd_{hashlib.sha256(secret.encode()).hexdigest()}00000000",
    "SQL": lambda _: "Bearer ' OR true --",
    "a wildcard": lambda _: "Bearer %",
    "letters of elsewhere": lambda secret: f"Bearer {secret[:-1]}\xe9",
    "very long": lambda _: f"Bearer {'a' * 30_000}",
    "a session's token": lambda _: "Bearer eyJhbGciOiJub25lIn0.e30.",
}


async def test_a_forged_token_is_refused_and_all_are_told_the_same(site: Site, anns: str) -> None:
    async with program(site) as curl:
        told = set()
        for name, forged in FORGERIES.items():
            answer = await curl.get(ME, headers=[(b"authorization", forged(anns).encode("latin-1"))])
            assert answer.status_code == 401, name
            assert answer.headers["www-authenticate"].startswith("Bearer"), name
            if name != "no scheme's space":
                told.add((answer.json()["code"], answer.json()["message"]))
        assert told == {("UNAUTHORIZED", DEAD)}
        twice = [("authorization", f"Bearer {anns}"), ("authorization", f"Bearer {anns}")]
        assert (await curl.get(ME, headers=twice)).status_code == 401
        assert (await curl.get(ME)).json()["message"] != DEAD
        assert (await curl.get(ME, headers={"authorization": f"bEARER {anns}"})).status_code == 200


async def test_a_token_is_looked_up_by_its_digest_alone(behind: asyncpg.Connection, anns: str) -> None:
    """So the time that a comparison takes tells nothing of the right one: whoever tries cannot choose its bits."""
    right, near = (api_tokens.digest(one) or b"" for one in (anns, f"{anns[:-1]}{'0' if anns[-1] != '0' else '1'}"))
    assert len(right) == len(near) == 32
    assert sum(a == b for a, b in zip(right, near, strict=True)) < 16, "a token that is nearly right is not near"
    asked = await behind.fetchrow(
        "SELECT pg_get_function_arguments(oid) AS given, prosrc FROM pg_proc WHERE proname = 'door_token'"
    )
    assert asked["given"] == "token bytea"
    assert "t.digest = token" in asked["prosrc"]
    plan = await behind.fetchval("SELECT indexdef FROM pg_indexes WHERE indexname = 'uq_api_tokens_digest'")
    assert "UNIQUE" in plan


@pytest.mark.parametrize(
    ("end", "mend"),
    [
        ("UPDATE api_tokens SET revoked_at = now()", ""),
        ("UPDATE api_tokens SET expires_at = now()", ""),
        ("UPDATE staff SET status = 'deactivated' WHERE name LIKE 'Ann%'", "UPDATE staff SET status = 'active'"),
        (
            "UPDATE staff SET must_change_password = true WHERE name LIKE 'Ann%'",
            "UPDATE staff SET must_change_password = false",
        ),
    ],
    ids=["revoked", "expired", "owner deactivated", "owner must change the password"],
)
async def test_a_dead_token(site: Site, behind: asyncpg.Connection, anns: str, end: str, mend: str) -> None:
    async with program(site, anns) as curl:
        assert (await curl.get(ME)).status_code == 200
        await behind.execute(end)
        for path in (ME, f"/api/v1/jobs/{uuid7()}", "/api/v1/nothing"):
            answer = await curl.get(path)
            assert (answer.status_code, answer.json()["message"]) == (401, DEAD)
        if mend:
            await behind.execute(mend)


async def test_an_owner_demoted_or_limited_after_its_creation(site: Site, behind: asyncpg.Connection) -> None:
    acme, nordlicht = [row["id"] for row in await behind.fetch("SELECT id FROM teams ORDER BY name")]
    secret = await token_of(behind, "ann", "{jobs:read,jobs:retry,staff:read}")
    narrow = await token_of(behind, "ann", teams=[nordlicht])
    theirs, ours = await add_job(behind, nordlicht), await add_job(behind, acme)

    async def asked(sent: str, path: str) -> Any:
        async with program(site, sent) as curl:
            return await curl.get(path)

    async def may() -> list[str]:
        return list((await asked(secret, ME)).json()["permissions"])

    async def found(sent: str) -> list[int]:
        return [(await asked(sent, f"/api/v1/jobs/{job}")).status_code for job in (theirs, ours)]

    assert await may() == ["jobs:read", "jobs:retry", "staff:read"]
    assert (await found(secret), await found(narrow)) == ([200, 200], [200, 404])
    try:
        await behind.execute("UPDATE staff SET limited = true WHERE name LIKE 'Ann%'")
        assert (await asked(secret, ME)).json()["teams"] == []
        await behind.execute("INSERT INTO staff_teams SELECT id, $1 FROM staff WHERE name LIKE 'Ann%'", acme)
        assert await may() == ["jobs:read", "jobs:retry"]
        assert (await asked(secret, ME)).json()["teams"] == [str(acme)]
        assert (await found(secret), await found(narrow)) == ([404, 200], [404, 404])
        await behind.execute("UPDATE staff SET role = 'viewer' WHERE name LIKE 'Ann%'")
        assert await may() == ["jobs:read"]
        await behind.execute("UPDATE staff SET role = 'none' WHERE name LIKE 'Ann%'")
        assert await may() == []
        refused = await asked(secret, f"/api/v1/jobs/{ours}")
        assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    finally:
        await behind.execute("DELETE FROM staff_teams WHERE staff_id = (SELECT id FROM staff WHERE name LIKE 'Ann%')")
        await behind.execute("UPDATE staff SET role = 'admin', limited = false WHERE name LIKE 'Ann%'")


async def test_a_job_of_another_team_and_one_that_never_was_look_alike(site: Site, behind: asyncpg.Connection) -> None:
    acme, nordlicht = [row["id"] for row in await behind.fetch("SELECT id FROM teams ORDER BY name")]
    theirs = await add_job(behind, nordlicht)
    for sent in (await token_of(behind, "tess"), await token_of(behind, "sue", teams=[acme])):
        async with program(site, sent) as curl:
            answers = [await curl.get(f"/api/v1/jobs/{job}") for job in (theirs, uuid7())]
            assert {(a.status_code, a.content.replace(b" ", b"")) for a in answers} == {
                (404, answers[0].content.replace(b" ", b""))
            }
            wrong = await curl.get("/api/v1/jobs/1")
            assert (wrong.status_code, wrong.json()["code"]) == (400, "VALIDATION_ERROR")


async def test_a_failed_job_tells_its_sentence_and_no_bugs_own_words(site: Site, behind: asyncpg.Connection) -> None:
    acme = await behind.fetchval("SELECT id FROM teams WHERE name = 'Acme'")
    secret = await token_of(behind, "ann")
    for code, kept, told in (
        ("NOT_FOUND", "The file is gone.", "The file is gone."),
        (
            "INTERNAL_ERROR",
            "KeyError: password=hunter2 at postgres://me:hunter2@db",
            "Something went wrong on our side.",
        ),
    ):
        job = await add_job(behind, acme)
        await behind.execute(
            "UPDATE jobs SET error_code = $2, error = $3, input = $4 WHERE id = $1",
            job,
            code,
            kept,
            '{"key": "hunter2"}',
        )
        async with program(site, secret) as curl:
            answer = await curl.get(f"/api/v1/jobs/{job}")
        assert answer.json()["error"]["code"] == code
        assert answer.json()["error"]["message"].startswith(told)
        assert "hunter2" not in answer.text


async def test_a_token_opens_the_api_and_nothing_else(site: Site, anns: str) -> None:
    async with program(site, anns, accept="text/html") as curl:
        for path in ("/", "/jobs", "/profile/tokens", "/api/v1x/me", "//api/v1/me", "/API/v1/me", "/api"):
            answer = await curl.get(path)
            assert (answer.status_code, answer.text[:30]) in {(303, ""), (401, answer.text[:30])}, path
        for path in ("/api/fired", "/api/stream", "/uploads", "/_nicegui/client/x/upload/1", "/auth/x", "/api/v2/me"):
            assert (await curl.get(path)).status_code == 401, path
        for path in ("/api/v1", "/api/v1/", "/api/v1/../../jobs", "/api/v1/%2e%2e/jobs", "/api/v1//", "/api/v1/me/"):
            answer = await curl.get(path)
            assert answer.status_code in {404, 303, 401}, path
            assert "<html" not in answer.text, path
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = await curl.request(method, ME)
            assert answer.status_code in {404, 405}, method


async def test_a_token_on_the_websocket_is_nobody(site: Site, anns: str) -> None:
    opened, before = await site.open(await site.sign_in()), await site.fired()
    query = {"client_id": opened.client_id, "tab_id": "t", "document_id": "d", "implicit_handshake": "true"}
    for cookie, headers in ((anns, {}), (None, {"authorization": f"Bearer {anns}"})):
        sent = {"origin": site.origin, **headers, **({"cookie": f"{COOKIE}={cookie}"} if cookie else {})}
        address = f"{site.origin}/_nicegui_ws/socket.io/?{urlencode({**query, 'EIO': 4, 'transport': 'websocket'})}"
        async with aiohttp.ClientSession() as session, session.ws_connect(address, headers=sent) as ws:
            wire = Wire(ws)
            assert (await wire.connect()).startswith("44")
            await ws.send_str(opened.click())
    assert await site.fired() == before


async def test_a_token_in_a_cookie_or_in_the_address_is_no_token(site: Site, anns: str) -> None:
    async with program(site) as curl:
        for cookie in (f"{COOKIE}={anns}", f"token={anns}", f"authorization=Bearer {anns}"):
            assert (await curl.get(ME, headers={"cookie": cookie})).status_code == 401
        for name in ("token", "access_token", "authorization", "api_key"):
            assert (await curl.get(ME, params={name: anns})).status_code == 401
        for name in ("x-api-key", "x-auth-token", "proxy-authorization"):
            assert (await curl.get(ME, headers={name: anns})).status_code == 401
        basic = httpx.BasicAuth("ann@example.com", anns)
        assert (await curl.get(ME, auth=basic)).status_code == 401


async def test_cookie_and_token_together_the_token_counts(site: Site, behind: asyncpg.Connection) -> None:
    vics = await token_of(behind, "vic")
    cookie = {"cookie": f"{COOKIE}={await site.sign_in()}"}
    async with program(site, vics, **cookie) as both:
        assert (await both.get(ME)).json()["person"]["email"] == "vic@example.com"
        assert (await both.get("/")).status_code == 200, "elsewhere the cookie, as ever"
    async with program(site, f"{vics[:-1]}x", **cookie) as both:
        assert (await both.get(ME)).status_code == 401, "no falling back"


async def test_the_api_by_cookie_from_another_site(site: Site, anns: str) -> None:
    async with program(site, cookie=f"{COOKIE}={await site.sign_in()}") as browser:
        for headers in ({}, {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
            answer = await browser.post(ME, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN"), headers
        answer = await browser.get(ME, headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in answer.headers
    async with program(site) as browser:
        asks = {"origin": "https://evil.example", "access-control-request-headers": "authorization"}
        answer = await browser.options(ME, headers={**asks, "access-control-request-method": "GET"})
        assert not [name for name in answer.headers if name.startswith("access-control")]
    async with program(site, anns) as curl:
        assert (await curl.post(ME)).status_code in {404, 405}, "a program has no origin, and needs none"


async def test_the_log_and_the_database_never_hold_a_token(site: Site, behind: asyncpg.Connection, anns: str) -> None:
    async with program(site, anns) as curl:
        await curl.get(ME, params={"token": anns})
        await curl.get(f"/api/v1/{anns}")
        await curl.get(f"/{anns}")
        await curl.post(f"/api/v1/jobs/{anns}", content=anns)
    log = await site.logged(f"/api/v1/jobs/{api_tokens.hint(anns)}")
    assert f"/api/v1/{api_tokens.hint(anns)}" in log
    assert anns not in log
    assert anns[11:] not in log
    for table in await behind.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    ):
        rows = str(await behind.fetch(f'SELECT t::text FROM public."{table["relname"]}" t'))
        assert anns[11:] not in rows, table["relname"]
