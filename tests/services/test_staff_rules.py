"""What roles demand: who may say so, what happens to those who lack it, and taking a second factor away."""

import json
from datetime import timedelta

import asyncpg
import pytest

from app.actor import Command, Nobody, Staff
from app.authentication import second_factor, sessions
from app.authentication.second_factor import Sealing
from app.authentication.sessions import Asked
from app.config import Settings
from app.database import reading
from app.errors import Conflict, Forbidden, Invalid, StepUpRequired, Unfinished
from app.permissions import Permission, Role
from app.services import staff, staff_rules
from tests.people import PASSWORD, Company
from tests.product import password_hash
from tests.services.phones import Clock, enrol

__all__ = ["password_hash"]

WHY = "The auditors ask for it"


@pytest.fixture
async def ann(company: Company, settings: Settings) -> Staff:
    sessions.bind(sessions.Signing(settings.session_keys, timedelta(hours=1)))
    second_factor.bind(Sealing(settings.totp_keys, "Quarterdeck (Tests)"))
    return company.ann


async def test_who_lacks_what_the_role_demands_does_nothing_else(
    ann: Staff, company: Company, admin: asyncpg.Connection
) -> None:
    await staff_rules.demand_second_factor(company.sue, "admin", True, 0, WHY)
    for person in (ann, company.tess):
        with pytest.raises(Unfinished):
            async with reading(person, Permission.TEAMS_READ):
                pass
    for spared in (company.vic, company.sue):
        async with reading(spared, Permission.TEAMS_READ):
            pass
    entry = await admin.fetchrow("SELECT * FROM audit_told()")
    assert (entry["action"], entry["target_label"], entry["reason"]) == ("role_rule.changed", "Admin", WHY)
    assert json.loads(entry["after"])["second_factor"] is True
    await enrol(ann, Clock())
    async with reading(ann, Permission.TEAMS_READ):
        pass
    assert (await second_factor.get(ann)).demanded
    with pytest.raises(Conflict, match="Your role needs"):
        await second_factor.turn_off(ann, "000000")
    await staff_rules.demand_second_factor(company.sue, "admin", False, 1, WHY)
    async with reading(company.tess, Permission.TEAMS_READ):
        pass


async def test_the_database_itself_turns_off_nothing_that_is_demanded(
    ann: Staff, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule is made between the question and the click."""
    phone = await enrol(ann, Clock())
    genuine = second_factor._own

    async def own(actor: Staff) -> object:
        found = await genuine(actor)
        await admin.execute(
            "INSERT INTO role_rules (id, role, second_factor, version, updated_at)"
            " VALUES (gen_random_uuid(), 'admin', true, 1, now())"
        )
        return found

    monkeypatch.setattr(second_factor, "_own", own)
    with pytest.raises(Invalid):
        await second_factor.turn_off(ann, phone.recovery[0])
    assert await admin.fetchval("SELECT totp_set_at IS NOT NULL FROM staff WHERE id = $1", ann.staff_id)
    assert await admin.fetchval("SELECT count(*) FROM staff_recovery_codes WHERE used_at IS NULL") == 10


async def test_demands_are_told_with_whom_they_concern(ann: Staff, company: Company) -> None:
    await enrol(ann, Clock())
    await staff_rules.demand_second_factor(company.sue, "admin", True, 0, WHY)
    seen = {demand.role: demand for demand in await staff_rules.search(company.sue)}
    assert list(seen) == [Role.VIEWER, Role.SUPPORT, Role.REVIEWER, Role.ADMIN, Role.SUPER_ADMIN]
    assert seen[Role.ADMIN][1:] == (True, 1, 2, 1)
    assert seen[Role.VIEWER][1:] == (False, 0, 1, 1)
    assert seen[Role.SUPPORT][1:] == (False, 0, 0, 0)


async def test_somebody_changed_the_rule_meanwhile(company: Company, admin: asyncpg.Connection) -> None:
    await staff_rules.demand_second_factor(company.sue, "viewer", True, 0, WHY)
    for stale in (0, 7):
        with pytest.raises(Conflict):
            await staff_rules.demand_second_factor(company.sue, "viewer", False, stale, WHY)
    for wrong in ({"needed": True, "seen": 1}, {"role": "king"}, {"reason": " "}):
        values = {"role": "viewer", "needed": False, "seen": 1, "reason": WHY} | wrong
        with pytest.raises(Invalid):
            await staff_rules.demand_second_factor(company.sue, **values)  # type: ignore[arg-type]  # of each sort
    assert await admin.fetchval("SELECT second_factor FROM role_rules") is True


async def test_only_super_admins_make_rules_and_only_after_proving_who_they_are(
    company: Company, admin: asyncpg.Connection
) -> None:
    for person in (company.ann, company.tess, company.vic, company.nil):
        with pytest.raises(Forbidden):
            await staff_rules.demand_second_factor(person, "viewer", True, 0, WHY)
        with pytest.raises(Forbidden):
            await staff.remove_second_factor(person, company.sue.staff_id, WHY)
    await admin.execute("UPDATE staff_sessions SET authenticated_at = now() - interval '11 minutes'")
    with pytest.raises(StepUpRequired):
        await staff_rules.demand_second_factor(company.sue, "viewer", True, 0, WHY)
    with pytest.raises(StepUpRequired):
        await staff.remove_second_factor(company.sue, company.ann.staff_id, WHY)


async def test_a_second_factor_is_taken_away_with_its_codes_and_sessions(
    ann: Staff, company: Company, admin: asyncpg.Connection, password_hash: str
) -> None:
    await admin.execute("UPDATE staff SET password_hash = $1 WHERE id = $2", password_hash, ann.staff_id)
    phone = await enrol(ann, Clock())
    asked = await sessions.sign_in(Nobody(), ann.email, PASSWORD, "a browser")
    assert isinstance(asked, Asked)
    with pytest.raises(Conflict, match="no second factor"):
        await staff.remove_second_factor(company.sue, company.vic.staff_id, WHY)
    await staff.remove_second_factor(company.sue, ann.staff_id, WHY)
    with pytest.raises(Conflict, match="no second factor"):
        await staff.remove_second_factor(Command("root"), "ANN@example.com", WHY)
    row = await admin.fetchrow("SELECT totp_secret, totp_step, totp_set_at FROM staff WHERE id = $1", ann.staff_id)
    assert tuple(row) == (None, None, None)
    assert await admin.fetchval("SELECT count(*) FROM staff_recovery_codes") == 0
    assert await admin.fetchval("SELECT revoke_reason FROM staff_sessions WHERE id = $1", ann.session_id)
    with pytest.raises(second_factor.Lapsed):
        await second_factor.sign_in(Nobody(), asked.token, phone.recovery[0], "a browser")
    entry = await admin.fetchrow("SELECT * FROM audit_told() WHERE action = 'staff.second_factor_removed'")
    assert (entry["actor_id"], entry["target_id"], entry["reason"]) == (company.sue.staff_id, str(ann.staff_id), WHY)
    assert phone.secret not in str(entry)
    assert json.loads(entry["after"])["totp_secret"] == "changed"
