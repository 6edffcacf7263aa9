"""Proving again that it is you: what is dangerous needs it, so does a locked session; who acts is asked at the door."""

import asyncio
import json
from datetime import timedelta

import asyncpg
import pytest

from app import clock
from app.actor import Command, Nobody, Staff
from app.authentication import sessions, step_up
from app.config import Settings
from app.crypto import tokens
from app.database import step_up as asking
from app.database import writing
from app.errors import Forbidden, Invalid, Locked, NotProved, NotSignedIn, RateLimited, StepUpRequired
from app.permissions import STEP_UP, Permission
from app.services import own_sessions, staff, teams
from tests.people import PASSWORD, Company
from tests.product import password_hash
from tests.services.phones import Phone, ann, phone, time

__all__ = ["ann", "password_hash", "phone", "time"]

WHY = "Asked for by their manager"
LONG_AGO, HOURS = timedelta(minutes=11), timedelta(hours=13)


@pytest.fixture
async def sue(company: Company, settings: Settings, admin: asyncpg.Connection, password_hash: str) -> Staff:
    """With a real password, which she typed too long ago for what is dangerous."""
    assert settings.session_key
    sessions.bind(sessions.Signing((settings.session_key.get_secret_value(),), timedelta(hours=1)))
    await admin.execute("UPDATE staff SET password_hash = $1", password_hash)
    await admin.execute("UPDATE staff_sessions SET authenticated_at = $1", clock.now() - LONG_AGO)
    return company.sue


async def lock(admin: asyncpg.Connection) -> None:
    await admin.execute("UPDATE staff_sessions SET last_seen_at = $1", clock.now() - HOURS)


async def test_what_is_dangerous_needs_a_recent_proof(sue: Staff) -> None:
    assert STEP_UP
    for permission in STEP_UP:
        with pytest.raises(StepUpRequired):
            async with writing(sue, permission):
                pass
        async with writing(Command("root"), permission):
            pass
    async with writing(sue, Permission.TEAMS_RENAME):
        pass


async def test_who_may_not_is_refused_and_not_asked(sue: Staff, company: Company) -> None:
    with pytest.raises(Forbidden):
        await staff.deactivate(company.vic, sue.staff_id, WHY)


async def test_the_password_proves_it_for_ten_minutes(
    sue: Staff, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StepUpRequired):
        await staff.deactivate(sue, company.vic.staff_id, WHY)
    await step_up.prove(sue, PASSWORD)
    await staff.deactivate(sue, company.vic.staff_id, WHY)
    entry = await admin.fetchrow("SELECT * FROM audit_told() WHERE action = 'session.proved'")
    assert (entry["actor_id"], entry["session_id"], entry["ip"]) == (sue.staff_id, sue.session_id, "127.0.0.1")
    assert json.loads(entry["detail"]) == {"method": "password"}
    only = "SELECT count(*) FROM staff_sessions WHERE authenticated_at > $1"
    assert await admin.fetchval(only, clock.now() - timedelta(minutes=1)) == 1, "nobody else's session"

    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + LONG_AGO)
    with pytest.raises(StepUpRequired):
        await staff.reactivate(sue, company.vic.staff_id, WHY)


async def test_a_wrong_password_proves_nothing_and_is_recorded(sue: Staff, admin: asyncpg.Connection) -> None:
    for wrong in ("wrong password", "", "123456", "x" * 2_000):
        with pytest.raises(Invalid) as refused:
            await step_up.prove(sue, wrong)
        assert list(refused.value.fields) == ["secret"]
    with pytest.raises(StepUpRequired):
        async with writing(sue, Permission.STAFF_RULES):
            pass
    entries = await admin.fetch("SELECT * FROM audit_told() WHERE action = 'session.not_proved'")
    assert [(e["actor_id"], e["actor_kind"], e["session_id"], e["ip"]) for e in entries] == [
        (sue.staff_id, "staff", sue.session_id, "127.0.0.1")
    ] * 4
    assert {e["detail"] for e in entries} == {'{"method": "password"}'}
    with pytest.raises(RateLimited):
        await step_up.prove(sue, PASSWORD)
    told = await admin.fetch("SELECT actor_name, actor_kind FROM audit_entries WHERE action = 'session.throttled'")
    assert [tuple(entry) for entry in told] == [(sue.name, "staff")]
    assert not await admin.fetchval("SELECT count(*) FROM audit_entries WHERE actor_kind = 'nobody'")


async def test_no_one_proves_anything_for_an_ended_session(
    sue: Staff, company: Company, admin: asyncpg.Connection
) -> None:
    await admin.execute("UPDATE staff_sessions SET revoked_at = now() WHERE id = $1", sue.session_id)
    with pytest.raises(NotSignedIn):
        await step_up.prove(sue, PASSWORD)
    for nobody in (Nobody(), Command("root")):
        with pytest.raises(NotSignedIn):
            await step_up.prove(nobody, PASSWORD)
    assert not await admin.fetchval("SELECT bool_or(authenticated_at > now() - interval '5 min') FROM staff_sessions")


async def test_a_click_waits_at_the_door_and_is_done_once(
    sue: Staff, company: Company, admin: asyncpg.Connection
) -> None:
    """Outside of any transaction: whoever is asked may take their time."""
    asked: list[StepUpRequired] = []

    async def prove(refusal: StepUpRequired) -> bool:
        asked.append(refusal)
        open_ = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL"
        assert await admin.fetchval(open_) == 1, "none but this question's own"
        await step_up.prove(sue, PASSWORD)
        return True

    with asking.may_ask(prove):
        await asyncio.gather(staff.deactivate(sue, company.vic.staff_id, WHY))
        await staff.reactivate(sue, company.vic.staff_id, WHY)
    assert len(asked) == 1
    assert await admin.fetchval("SELECT count(*) FROM audit_entries WHERE action = 'staff.deactivated'") == 1


async def test_who_would_not_prove_it_changes_nothing(sue: Staff, company: Company, admin: asyncpg.Connection) -> None:
    async def closed(_: StepUpRequired) -> bool:
        raise NotProved

    async def lied(_: StepUpRequired) -> bool:
        return True

    for ask, refusal in ((closed, NotProved), (lied, StepUpRequired)):
        with asking.may_ask(ask), pytest.raises(refusal):
            await staff.deactivate(sue, company.vic.staff_id, WHY)
    assert await admin.fetchval("SELECT status FROM staff WHERE id = $1", company.vic.staff_id) == "active"


async def test_a_locked_session_passes_no_door(sue: Staff, admin: asyncpg.Connection) -> None:
    await lock(admin)
    with pytest.raises(Locked):
        await teams.names(sue)
    with pytest.raises(Locked):
        await own_sessions.end_others(sue)
    await step_up.prove(sue, PASSWORD)
    assert await teams.names(sue)


async def test_nothing_but_a_proof_wakes_a_locked_session(
    sue: Staff, settings: Settings, admin: asyncpg.Connection
) -> None:
    """A click is written down as an act; of a locked session it is none."""
    assert settings.session_key
    await lock(admin)
    now = clock.now().replace(microsecond=0)
    claims = tokens.Claims(sue.staff_id, sue.session_id, now, now + timedelta(hours=1))
    found = await sessions.find(tokens.sign(claims, settings.session_key.get_secret_value()))
    assert found is not None
    assert found.locked
    await sessions.saw(sue.session_id)
    with pytest.raises(Locked):
        await teams.names(sue)


async def test_a_code_of_ones_app_opens_a_locked_session_once(
    ann: Staff, phone: Phone, admin: asyncpg.Connection
) -> None:
    code = phone.next()
    await lock(admin)
    assert await step_up.has_code(ann)
    for wrong in (phone.recovery[0], "000000"):
        with pytest.raises(Invalid):
            await step_up.prove(ann, wrong)
    with pytest.raises(Locked):
        await teams.names(ann)
    await step_up.prove(ann, code)
    assert await teams.names(ann)
    entry = await admin.fetchval("SELECT detail FROM audit_told() WHERE action = 'session.proved'")
    assert json.loads(entry) == {"method": "code"}
    await lock(admin)
    with pytest.raises(Invalid):
        await step_up.prove(ann, code)
    assert await admin.fetchval("SELECT bool_and(used_at IS NULL) FROM staff_recovery_codes"), "not for this"
