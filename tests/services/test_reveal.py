"""Masked values are revealed one at a time, by who may, for a reason that the log keeps without the value."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from app.actor import Staff
from app.errors import Forbidden, Invalid, NotFound, RateLimited
from app.ids import uuid7
from app.permissions import IN_PERSON, Permission, Role
from app.services import personal, users
from tests.factories import add_user
from tests.people import Company
from tests.services.test_personal import EMAIL, NAME, WORDS, nothing_of, plant, told


@pytest.fixture
async def rita(company: Company, admin: asyncpg.Connection) -> Staff:
    """A reviewer."""
    await admin.execute("UPDATE staff SET role = 'reviewer', name = 'Rita' WHERE id = $1", company.vic.staff_id)
    return replace(company.vic, role=Role.REVIEWER, name="Rita")


async def test_a_reviewer_reveals_one_value_with_a_reason_and_the_log_keeps_it_without_the_value(
    company: Company, admin: asyncpg.Connection, rita: Staff
) -> None:
    user, paid, job = await plant(admin, company)
    assert await personal.reveal(rita, "user", user, "email", "  The letter came back ") == EMAIL
    entry = await admin.fetchrow("SELECT * FROM audit_told() ORDER BY id DESC LIMIT 1")
    assert (entry["action"], entry["target_type"], entry["target_id"], entry["reason"]) == (
        *("personal.revealed", "user", str(user), "The letter came back"),
    )
    assert (entry["actor_name"], entry["team_id"], json.loads(entry["detail"])) == (
        *("Rita", company.acme, {"field": "email"}),
    )
    assert (entry["before"], entry["after"], entry["target_label"]) == (None, None, f"user {user.hex[-8:]}")
    assert nothing_of(told(dict(entry)))
    assert await personal.reveal(rita, "user", user, "name", "why not") == NAME
    assert await personal.reveal(rita, "payment", paid, "description", "why not") == WORDS
    assert await personal.reveal(rita, "job", job, "error", "why not") == WORDS
    shown = await users.get(rita, user)
    assert (shown.user.email, shown.history.acts[0].target_label) == ("z••••@p••••.example", f"user {user.hex[-8:]}")


async def test_what_cannot_be_revealed(company: Company, admin: asyncpg.Connection, rita: Staff) -> None:
    user, *_ = await plant(admin, company)
    theirs_ = await add_user(admin, company.nordlicht, NAME, f"far.{EMAIL}")
    before = await admin.fetchval("SELECT count(*) FROM audit_told() WHERE action = 'personal.revealed'")
    assert Permission.PERSONAL_REVEAL in IN_PERSON  # no program looks
    with pytest.raises(Forbidden):
        await personal.reveal(company.nil, "user", user, "email", "why")
    for record, id_, field in (
        *(("user", user, field) for field in ("plan", "team_id", "options", "nonsense", "__class__")),
        *(("staff", company.ann.staff_id, "email"), ("team", company.acme, "name"), ("user", uuid7(), "email")),
    ):
        with pytest.raises(NotFound):
            await personal.reveal(rita, record, id_, field, "why")
    with pytest.raises(NotFound):
        await personal.reveal(company.tess, "user", theirs_, "email", "another team's")
    for reason in ("", "   "):
        with pytest.raises(Invalid):
            await personal.reveal(rita, "user", user, "email", reason)
    assert await admin.fetchval("SELECT count(*) FROM audit_told() WHERE action = 'personal.revealed'") == before


async def test_a_person_reveals_only_so_many_in_an_hour(
    company: Company, admin: asyncpg.Connection, rita: Staff
) -> None:
    user, *_ = await plant(admin, company)
    spent = (
        "INSERT INTO audit_entries (at, team_id, actor_id, actor_name, actor_kind, action, target_type, target_id,"
        " target_label) SELECT now() - $3::interval, $1, $2, 'Rita', 'staff', 'personal.revealed', 'user', 'x', 'x'"
        " FROM generate_series(1, $4)"
    )
    await admin.execute(spent, company.acme, rita.staff_id, timedelta(minutes=61), personal.MOST)
    await admin.execute(spent, company.acme, company.ann.staff_id, timedelta(minutes=1), personal.MOST)
    await admin.execute(spent, company.acme, rita.staff_id, timedelta(minutes=20), personal.MOST - 1)
    asked = (personal.reveal(rita, "user", user, "email", "why") for _ in range(3))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(type(one).__name__ for one in answers) == ["RateLimited", "RateLimited", "str"]
    refusal = next(one for one in answers if isinstance(one, RateLimited))
    assert refusal.message == f"You have revealed {personal.MOST} values within an hour. Try again in 40 minutes."
    assert 0 < refusal.retry_after <= 40 * 60
    revealed = "SELECT count(*) FROM audit_told() WHERE action = 'personal.revealed' AND reason = 'why'"
    assert await admin.fetchval(revealed) == 1
