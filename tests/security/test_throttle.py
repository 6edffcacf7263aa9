"""Attacks by trying again and again: over two processes, at once, on known devices, to learn who exists."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from pydantic import SecretStr

from app.actor import Nobody
from app.authentication import sessions
from app.config import Settings
from app.crypto import passwords
from app.database import engine
from app.errors import RateLimited
from app.postgres.embedded import EmbeddedPostgres
from tests.conftest import PASSWORD as DATABASE_PASSWORD
from tests.people import PASSWORD
from tests.security.conftest import COOKIE, DATABASE, SESSION_KEY, Site

FREE = 4

pytestmark = pytest.mark.usefixtures("patience")


@pytest.fixture
async def second_process(site: Site, server: EmbeddedPostgres) -> AsyncIterator[None]:
    """This test process as another web process beside the site's, on the same database."""
    engine.configure(Settings(database_url=SecretStr(server.url("quarterdeck_app", DATABASE_PASSWORD, DATABASE))))
    sessions.bind(sessions.Signing((SESSION_KEY,), timedelta(hours=24)))
    yield
    await engine.dispose()


async def over_there(site: Site, email: str, password: str = "wrong password", cookie: str = "") -> int:
    """The status of one try at the site's process."""
    form, sent = {"email": email, "password": password}, {"cookie": cookie} if cookie else {}
    async with site.http() as client:
        return (await client.post("/auth/login", data=form, headers=sent)).status_code


async def over_here(email: str) -> int:
    """The same at this process."""
    try:
        await sessions.sign_in(Nobody("10.9.9.9"), email, "wrong password", "a browser")
    except (RateLimited, sessions.WrongPassword) as refused:
        return refused.status
    return 303


@pytest.mark.usefixtures("second_process")
@pytest.mark.parametrize("email", ["vic@example.com", "nobody@example.com"])
async def test_brute_force_over_two_processes(site: Site, behind: asyncpg.Connection, email: str) -> None:
    """All at once at both: of the password no more is measured than is free, whether or not the person exists."""
    tries = [over_there(site, email) if n % 2 else over_here(email) for n in range(24)]
    assert Counter(await asyncio.gather(*tries)) == {401: FREE, 429: 24 - FREE}
    assert await over_there(site, email.upper(), PASSWORD) == 429, "not even the right one"
    entries = await behind.fetch("SELECT * FROM audit_told() WHERE action = 'session.throttled'")
    assert [entry["target_label"] for entry in entries].count(email) == 1


@pytest.mark.usefixtures("second_process")
async def test_who_has_to_wait_keeps_no_thread_busy(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(FREE):
        assert await over_there(site, "vic@example.com") == 401

    async def measured(*_: object) -> tuple[bool, None]:
        pytest.fail("a password was measured")

    monkeypatch.setattr(passwords, "verify_and_update", measured)
    assert await over_here("vic@example.com") == 429


async def test_known_device_is_not_locked_out_by_an_attacker(site: Site) -> None:
    async with site.http() as client:
        first = await client.post("/auth/login", data={"email": "vic@example.com", "password": PASSWORD})
    device = first.headers.get_list("set-cookie")[1].split(";")[0]
    assert device.startswith(f"{COOKIE}-device=")
    for _ in range(FREE):
        await over_there(site, "vic@example.com")
    assert await over_there(site, "vic@example.com", PASSWORD) == 429
    assert await over_there(site, "vic@example.com", PASSWORD, device) == 303
    assert await over_there(site, "vic@example.com", PASSWORD, f"{device}x") == 429, "a token of one's own making"
    for _ in range(FREE):
        assert await over_there(site, "vic@example.com", "wrong password", device) == 401
    assert await over_there(site, "vic@example.com", PASSWORD, device) == 429
    assert await over_there(site, "tess@example.com", PASSWORD) == 303, "others are not touched"


async def test_enumeration_by_waiting(site: Site, behind: asyncpg.Connection) -> None:
    """Known, unknown and deactivated people wait after the same try, in the same words, for the same time."""
    await behind.execute("UPDATE staff SET status = 'deactivated' WHERE email = 'nil@example.com'")
    seen = {}
    async with site.http() as client:
        for email in ("ann@example.com", "nobody@example.com", "nil@example.com"):
            said = []
            for _ in range(FREE + 2):
                answer = await client.post("/auth/login", data={"email": email, "password": "wrong password"})
                text = re.sub(r'value="[^"]*" autocomplete="username"|nonce="[^"]*"|\b9\d\b', "", answer.text)
                said.append((answer.status_code, text))
            assert 90 < int(answer.headers["retry-after"]) <= 100
            seen[email] = said
    await behind.execute("UPDATE staff SET status = 'active' WHERE email = 'nil@example.com'")
    first, *others = seen.values()
    assert all(other == first for other in others)
    assert [status for status, _ in first] == [401] * FREE + [429] * 2
    assert "Too many tries that failed. Wait 2 minutes, then try again." in first[-1][1]
