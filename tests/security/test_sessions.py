"""Sessions that have ended, or are locked: their cookies, their open pages, their clicks."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr

from app import clock
from app.actor import Command, Staff
from app.config import Settings
from app.database import engine
from app.permissions import Role
from app.postgres.embedded import EmbeddedPostgres
from app.services import own_sessions, staff, staff_sessions, teams
from tests.conftest import PASSWORD as DATABASE_PASSWORD
from tests.people import PASSWORD
from tests.security.conftest import DATABASE, Site, frame
from tests.security.test_step_up import aged, session_of

WHY = "An attack"
HERE = Command("root")


@pytest.fixture
async def elsewhere(server: EmbeddedPostgres, site: Site) -> AsyncIterator[None]:
    """This process acts on the site's database, as another process of the installation does."""
    engine.configure(Settings(database_url=SecretStr(server.url("quarterdeck_app", DATABASE_PASSWORD, DATABASE))))
    yield
    await engine.dispose()


End = Callable[[asyncpg.Connection, UUID, UUID], Awaitable[object]]
ENDINGS: dict[str, End] = {
    "by an administrator": lambda _, __, session: staff_sessions.end(HERE, session, WHY),
    "all by an administrator": lambda _, vic, __: staff_sessions.end_all(HERE, vic, WHY),
    "another role": lambda _, vic, __: staff.change_role(HERE, vic, "support", "viewer", WHY),
    "another team": lambda _, vic, __: _limit(vic),
    "another password": lambda _, __, ___: staff.set_password(HERE, "vic@example.com", PASSWORD),
    "deactivated": lambda _, vic, __: staff.deactivate(HERE, vic, WHY),
}


async def _limit(vic: UUID) -> None:
    [first, *_] = await teams.names(HERE)
    await staff.change_teams(HERE, vic, [first[0]], None, WHY)


@pytest.fixture
async def vic(behind: asyncpg.Connection) -> AsyncIterator[UUID]:
    """Vic, put back to what he was."""
    found: UUID = await behind.fetchval("SELECT id FROM staff WHERE email = 'vic@example.com'")
    yield found
    await behind.execute("UPDATE staff SET role = 'viewer', limited = false, status = 'active' WHERE id = $1", found)
    await behind.execute("DELETE FROM staff_teams WHERE staff_id = $1", found)


@pytest.mark.parametrize("ending", ENDINGS)
async def test_an_ended_session_opens_nothing_and_its_open_page_leaves(
    site: Site, behind: asyncpg.Connection, elsewhere: None, vic: UUID, ending: str
) -> None:
    """Told by another process than the one that serves the page."""
    before, cookie = await site.fired(), await site.sign_in("vic@example.com")
    opened = await site.open(cookie)
    async with site.wire(opened.client_id, cookie) as wire:
        assert (await wire.connect()).startswith("40")
        await ENDINGS[ending](behind, vic, session_of(cookie))
        assert "/login" in await wire.text('42["open"')
        await wire.ws.send_str(opened.click())
        # Messages of one socket are handled in their order: once this one is answered, the click was decided.
        values = {"client_id": opened.client_id, "tab_id": "t", "document_id": "d"}
        await wire.ws.send_str(f"421{frame('handshake', values)[2:]}")
        assert await wire.text("431") == "431[false]"
    async with site.wire(opened.client_id, cookie) as wire:
        assert "Implicit handshake failed" in await wire.connect()
    async with site.http(cookie) as client:
        assert (await client.get("/")).headers["location"] == "/login"
        assert (await client.get("/api/fired")).status_code == 401
        assert (await client.post("/api/echo", content=b"x")).status_code == 401
    assert await site.fired() == before


async def test_ending_ones_other_sessions_ends_a_stolen_one(
    site: Site, behind: asyncpg.Connection, elsewhere: None, vic: UUID
) -> None:
    mine, stolen = await site.sign_in("vic@example.com"), await site.sign_in("vic@example.com")
    opened = await site.open(stolen)
    async with site.wire(opened.client_id, stolen) as wire:
        assert (await wire.connect()).startswith("40")
        me = Staff(session_of(mine), vic, "Vic Vale", "vic@example.com", Role.VIEWER, ip="127.0.0.1")
        assert await own_sessions.end_others(me) >= 1
        assert "/login" in await wire.text('42["open"')
    async with site.http(mine) as client:
        assert (await client.get("/")).status_code == 200
    last = "SELECT ip FROM audit_entries WHERE action = 'session.revoked' ORDER BY id DESC LIMIT 1"
    assert await behind.fetchval(last) == "127.0.0.1"


async def test_stolen_cookie_after_sign_out(site: Site) -> None:
    cookie = await site.sign_in("vic@example.com")
    async with site.http(cookie) as client:
        assert (await client.post("/auth/logout")).status_code == 303
    async with site.http(cookie) as thief:
        assert (await thief.get("/")).headers["location"] == "/login"
        assert (await thief.get("/api/fired")).status_code == 401
        assert (await thief.post("/auth/step-up", data={"secret": PASSWORD})).status_code == 401


async def test_a_locked_session_reaches_nothing_but_ways_to_open_it(site: Site, behind: asyncpg.Connection) -> None:
    cookie = await aged(site, behind)
    async with site.http(cookie) as client:
        for path, leads in (("/", "/auth/locked?next=/"), ("/jobs?q=a%20b", "/auth/locked?next=/jobs%3Fq%3Da%2520b")):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, leads)
        for answer in (
            await client.get("/api/fired"),
            await client.post("/api/echo", content=b"x"),
            await client.put("/uploads", content=b"x" * 5_000),
            await client.post("/auth/second-factor/set-up", data={}),
            await client.post("/auth/password", data={"present": PASSWORD}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (401, "LOCKED")
        # A form that the browser itself sends, and a link to a plain page, are looked at: no JSON there.
        answer = await client.post("/auth/password", data={"present": PASSWORD}, headers={"accept": "text/html"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/locked?next=/")
        assert (await client.get("/login", params={"next": "/jobs"})).headers["location"] == "/jobs"
        assert (await client.get("/login", params={"other": "1"})).status_code == 200
        for wanted, leads in (("/jobs?q=a", "/jobs?q=a"), ("https://evil.example", "/"), ("//evil.example", "/")):
            assert f'name="next" value="{leads}"' in (await client.get("/auth/locked", params={"next": wanted})).text
        answer = await client.post("/auth/locked", data={"secret": PASSWORD, "next": "//evil.example"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/auth/locked", params={"next": "/jobs"})).headers["location"] == "/jobs"


async def test_nothing_but_its_owner_wakes_a_locked_session(site: Site, behind: asyncpg.Connection) -> None:
    """A tab that comes back, a click, a request: none of them counts as somebody's being there."""
    cookie = await site.sign_in("vic@example.com")
    opened = await site.open(cookie)
    before = clock.now() - timedelta(days=1)
    moved = "UPDATE staff_sessions SET last_seen_at = $1 WHERE id = $2"
    await behind.execute(moved, before, session_of(cookie))
    async with site.wire(opened.client_id, cookie) as wire:
        assert (await wire.connect()).startswith("40")
        await wire.ws.send_str(opened.click())
        await wire.text("42")
    async with site.http(cookie) as client:
        assert (await client.get("/")).status_code == 303
        assert (await client.post("/api/echo", content=b"x")).status_code == 401
    asked = "SELECT last_seen_at FROM staff_sessions WHERE id = $1"
    assert await behind.fetchval(asked, session_of(cookie)) == before


async def test_what_a_page_fetches_by_itself_is_no_act(site: Site, behind: asyncpg.Connection) -> None:
    cookie = await site.sign_in("vic@example.com")
    opened = await site.open(cookie)
    before = clock.now() - timedelta(hours=1)
    asked = "SELECT last_seen_at FROM staff_sessions WHERE id = $1"
    await behind.execute("UPDATE staff_sessions SET last_seen_at = $1 WHERE id = $2", before, session_of(cookie))
    async with site.http(cookie) as client, site.wire(opened.client_id, cookie) as wire:
        assert (await client.get("/api/fired")).status_code == 200
        assert (await wire.connect()).startswith("40")
    assert await behind.fetchval(asked, session_of(cookie)) == before
