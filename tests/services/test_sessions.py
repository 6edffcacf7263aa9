"""Sessions seen and ended: one's own by everybody, anybody's by those who administer staff."""

import json
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from app import clock
from app.actor import Command, Staff
from app.database import reading
from app.errors import Conflict, Forbidden, Invalid, NotFound, NotSignedIn
from app.ids import uuid7
from app.paging import PageRequest
from app.permissions import Permission
from app.services import own_sessions, staff_sessions
from tests.people import Company

WHY = "Lost their laptop"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Mobile/15E148 Safari/604.1"


async def another(admin: asyncpg.Connection, person: Staff, *, ends: timedelta = timedelta(days=1)) -> UUID:
    """Another session of this person, on a phone."""
    now, session_id = clock.now(), uuid7()
    await admin.execute(
        "INSERT INTO staff_sessions (id, staff_id, created_at, last_seen_at, expires_at, authenticated_at, ip,"
        " user_agent) VALUES ($1, $2, $3, $4, $5, $3, '10.0.0.7', $6)",
        *(session_id, person.staff_id, now, now - timedelta(minutes=5), now + ends, PHONE),
    )
    return session_id


async def test_own_sessions_also_of_the_limited(company: Company, admin: asyncpg.Connection) -> None:
    for person in (company.tess, company.vic):
        phone = await another(admin, person)
        await another(admin, person, ends=timedelta(seconds=-1))
        page = await own_sessions.search(person, PageRequest())
        assert [(row.id, row.here) for row in page.rows] == [(person.session_id, True), (phone, False)]
        shown = page.rows[1]
        assert (shown.device, shown.ip, shown.method) == ("Safari on iPhone", "10.0.0.7", "Password")
        assert page.count.value == 2
    with pytest.raises(Forbidden):
        await own_sessions.search(company.nil, PageRequest())
    assert (await own_sessions.search(Command("root"), PageRequest())).rows == []


async def test_end_one_of_ones_own_and_nobody_elses(company: Company, admin: asyncpg.Connection) -> None:
    tess, phone = company.tess, await another(admin, company.tess)
    told: list[str] = []
    await admin.add_listener("quarterdeck", lambda *notice: told.append(notice[3]))
    await own_sessions.end(tess, phone)
    assert [row.id for row in (await own_sessions.search(tess, PageRequest())).rows] == [tess.session_id]
    entry = await admin.fetchrow("SELECT * FROM audit_told()")
    assert (entry["action"], entry["actor_id"], entry["target_id"]) == (
        "session.revoked", tess.staff_id, str(tess.staff_id),
    )  # fmt: skip
    assert json.loads(entry["detail"]) == {"sessions_ended": 1}
    assert json.dumps(["sessions", str(phone), "revoked"]) in told
    for session_id in (phone, company.vic.session_id, uuid7()):
        with pytest.raises(NotFound):
            await own_sessions.end(tess, session_id)
    with pytest.raises(Conflict):
        await own_sessions.end(tess, tess.session_id)
    assert await admin.fetchval("SELECT count(*) FROM staff_sessions WHERE revoked_at IS NOT NULL") == 1
    assert await admin.fetchval("SELECT count(*) FROM audit_entries") == 1


async def test_end_all_others_of_ones_own(company: Company, admin: asyncpg.Connection) -> None:
    phones = {await another(admin, company.vic) for _ in range(2)}
    await another(admin, company.ann)
    assert await own_sessions.end_others(company.vic) == 2
    assert await own_sessions.end_others(company.vic) == 0
    ended = await admin.fetch("SELECT id FROM staff_sessions WHERE revoke_reason = 'ended by its owner'")
    assert {row["id"] for row in ended} == phones
    assert await admin.fetchval("SELECT count(*) FROM audit_entries") == 1, "who ends nothing did nothing"


async def test_administrators_see_anybodys_and_only_super_admins_end_them(
    company: Company, admin: asyncpg.Connection
) -> None:
    phone = await another(admin, company.vic)
    vic = company.vic.staff_id
    for person in (company.ann, company.sue):
        page = await staff_sessions.search(person, vic, PageRequest())
        assert {row.id for row in page.rows} == {phone, company.vic.session_id}
        assert not any(row.here for row in page.rows)
    for person in (company.ann, company.vic, company.tess):
        with pytest.raises(Forbidden):
            await staff_sessions.end(person, phone, WHY)
        with pytest.raises(Forbidden):
            await staff_sessions.end_all(person, vic, WHY)
    for person in (company.vic, company.tess):
        with pytest.raises(Forbidden):
            await staff_sessions.search(person, vic, PageRequest())


async def test_end_one_of_somebody_else(company: Company, admin: asyncpg.Connection) -> None:
    phone = await another(admin, company.vic)
    for reason in ("", "  "):
        with pytest.raises(Invalid):
            await staff_sessions.end(company.sue, phone, reason)
    await staff_sessions.end(company.sue, phone, WHY)
    entry = await admin.fetchrow("SELECT * FROM audit_told() WHERE action = 'session.revoked'")
    assert (entry["target_label"], entry["reason"]) == ("Vic Vale", WHY)
    assert json.loads(entry["detail"]) == {"sessions_ended": 1, "device": "Safari on iPhone"}
    for gone in (phone, uuid7()):
        with pytest.raises(NotFound):
            await staff_sessions.end(company.sue, gone, WHY)
    async with reading(company.vic, Permission.HOME_READ):
        pass


async def test_end_all_of_somebody_else(company: Company, admin: asyncpg.Connection) -> None:
    await another(admin, company.vic)
    assert await staff_sessions.end_all(company.sue, company.vic.staff_id, WHY) == 2
    with pytest.raises(NotSignedIn):
        async with reading(company.vic, Permission.HOME_READ):
            pass
    async with reading(company.ann, Permission.HOME_READ):
        pass
    for own in (
        staff_sessions.end_all(company.sue, company.sue.staff_id, WHY),
        staff_sessions.end(company.sue, company.sue.session_id, WHY),
    ):
        with pytest.raises(Forbidden):
            await own
    with pytest.raises(NotFound):
        await staff_sessions.end_all(company.sue, uuid7(), WHY)
