"""Attacks on proving again that it is you: by another site, another person, a thief of the cookie, by trying."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import jwt
import pytest

from app import clock
from tests.people import PASSWORD
from tests.security.conftest import Site

STEP_UP, LOCKED = "/auth/step-up", "/auth/locked"
LONG_AGO = timedelta(days=1)


def session_of(cookie: str) -> UUID:
    return UUID(jwt.decode(cookie, options={"verify_signature": False})["sid"])


async def aged(site: Site, behind: asyncpg.Connection, email: str = "vic@example.com") -> str:
    """The cookie of somebody who proved long ago who they are, and did nothing since: locked."""
    cookie = await site.sign_in(email)
    await behind.execute(
        "UPDATE staff_sessions SET authenticated_at = $1, last_seen_at = $1 WHERE id = $2",
        *(clock.now() - LONG_AGO, session_of(cookie)),
    )
    return cookie


async def proved(behind: asyncpg.Connection, cookie: str) -> bool:
    at = await behind.fetchval("SELECT authenticated_at FROM staff_sessions WHERE id = $1", session_of(cookie))
    return bool(clock.now() - at < LONG_AGO / 2)


async def test_proof_from_another_site_or_in_an_address(site: Site, behind: asyncpg.Connection) -> None:
    vic = await aged(site, behind)
    for origin in site.other_origins:
        async with site.http(vic, origin=origin) as client:
            for path in (STEP_UP, LOCKED):
                assert (await client.post(path, data={"secret": PASSWORD})).status_code == 403
    async with site.http(vic) as client:
        assert (await client.get(STEP_UP, params={"secret": PASSWORD})).json() == {"code": False}
        assert (await client.get(LOCKED, params={"secret": PASSWORD})).status_code == 200
        assert (await client.post(STEP_UP, params={"secret": PASSWORD})).status_code == 400
    assert not await proved(behind, vic)


async def test_proof_counts_for_this_session_alone(site: Site, behind: asyncpg.Connection) -> None:
    """What a thief of another session's cookie gains by it: nothing."""
    first, second = await aged(site, behind), await aged(site, behind)
    async with site.http(first) as client:
        answer = await client.post(STEP_UP, data={"secret": PASSWORD})
        assert (answer.status_code, answer.text) == (204, "")
        assert "set-cookie" not in answer.headers
    assert await proved(behind, first)
    assert not await proved(behind, second)


async def test_proof_by_nobody_or_for_an_ended_session(site: Site, behind: asyncpg.Connection) -> None:
    gone = await aged(site, behind)
    await behind.execute("UPDATE staff_sessions SET revoked_at = now() WHERE id = $1", session_of(gone))
    for cookie in (None, gone, f"{gone[:-4]}abcd"):
        async with site.http(cookie) as client:
            answer = await client.post(STEP_UP, data={"secret": PASSWORD})
            assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
            answer = await client.post(LOCKED, data={"secret": PASSWORD, "next": "/jobs"})
            assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/jobs")
    assert not await proved(behind, gone)


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("path", [STEP_UP, LOCKED])
async def test_brute_force_of_a_proof(site: Site, behind: asyncpg.Connection, path: str) -> None:
    """Whoever holds the device, or its cookie, may try a few times; the right password then waits, too."""
    thief = await aged(site, behind, "nil@example.com")
    async with site.http(thief) as client:
        said = [(await client.post(path, data={"secret": f"guess {n}"})).status_code for n in range(6)]
        assert set(said[:4]) <= {400, 422}
        assert said[4:] == [429, 429]
        answer = await client.post(path, data={"secret": PASSWORD})
        assert answer.status_code == 429
    assert not await proved(behind, thief)


async def test_password_of_a_proof_stays_out_of_the_log(site: Site, behind: asyncpg.Connection) -> None:
    vic = await aged(site, behind)
    async with site.http(vic) as client:
        await client.post(STEP_UP, data={"secret": "a wrong one that nobody else types"})
        assert (await client.post(LOCKED, data={"secret": PASSWORD})).status_code == 303
    log = site.log.read_text()
    assert PASSWORD not in log
    assert "a wrong one that nobody else types" not in log
    assert not await behind.fetchval(
        "SELECT count(*) FROM audit_told() e WHERE e::text LIKE '%a wrong one that nobody%'"
    )
