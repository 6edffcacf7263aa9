"""When somebody was last seen: written down now and then, at no cost in between, and never in the way."""

from datetime import datetime, timedelta

import asyncpg
import pytest

from app import clock
from app.authentication import sessions
from app.config import Settings
from app.crypto import tokens
from app.database import engine
from tests.people import Company

LONG_AGO = timedelta(hours=1)


@pytest.fixture
def token(company: Company, settings: Settings) -> str:
    assert settings.session_key
    key = settings.session_key.get_secret_value()
    sessions.bind(sessions.Signing((key,), timedelta(hours=1)))
    now = clock.now().replace(microsecond=0)
    ann = company.ann
    return tokens.sign(tokens.Claims(ann.staff_id, ann.session_id, now, now + timedelta(hours=1)), key)


async def last_seen(admin: asyncpg.Connection, company: Company) -> datetime:
    question = "SELECT last_seen_at FROM staff_sessions WHERE id = $1"
    found: datetime = await admin.fetchval(question, company.ann.session_id)
    return found


async def test_it_is_written_once_a_minute(
    company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = clock.now()
    await admin.execute("UPDATE staff_sessions SET last_seen_at = $1", started - LONG_AGO)
    await sessions.saw(company.ann.session_id)
    first = await last_seen(admin, company)
    assert first >= started
    others = "SELECT count(*) FROM staff_sessions WHERE last_seen_at > $1"
    assert await admin.fetchval(others, started - LONG_AGO) == 1, "nobody else's"

    await admin.execute("UPDATE staff_sessions SET last_seen_at = $1", started - LONG_AGO)
    await sessions.saw(company.ann.session_id)
    assert await last_seen(admin, company) == started - LONG_AGO, "within the minute nothing is asked of the database"

    monkeypatch.setattr(clock, "now", lambda: started + timedelta(minutes=2))
    await sessions.saw(company.ann.session_id)
    assert await last_seen(admin, company) == started + timedelta(minutes=2)
    assert await admin.fetchval("SELECT count(*) FROM audit_entries") == 0


async def test_a_process_that_comes_later_does_not_write_what_is_known(
    company: Company, admin: asyncpg.Connection
) -> None:
    before = await last_seen(admin, company)
    await sessions.saw(company.ann.session_id)
    assert await last_seen(admin, company) == before


async def test_looking_a_session_up_is_no_act_of_its_owner(
    company: Company, admin: asyncpg.Connection, token: str
) -> None:
    before = clock.now() - LONG_AGO
    await admin.execute("UPDATE staff_sessions SET last_seen_at = $1", before)
    found = await sessions.find(token)
    assert found is not None
    assert not found.locked
    assert await last_seen(admin, company) == before


async def test_it_never_stands_in_the_way(company: Company) -> None:
    await engine.dispose()
    await sessions.saw(company.ann.session_id)
