"""One's own account, also of those who see some teams only: name, password, and what ends with it."""

import json
from datetime import timedelta

import asyncpg
import pytest

from app import clock
from app.actor import Command, Nobody, Staff
from app.authentication import one_time_links, sessions, throttle
from app.authentication import passwords as own_passwords
from app.config import Settings
from app.crypto import links as tokens
from app.crypto import passwords
from app.database import reading
from app.errors import Forbidden, Invalid, NotSignedIn, RateLimited, Unfinished
from app.permissions import Permission
from app.services import profile, staff
from tests.people import PASSWORD, Company

NEW = "another correct horse battery staple"
WHY = "Asked for by their manager"


@pytest.fixture
async def tess(company: Company, settings: Settings, admin: asyncpg.Connection) -> Staff:
    """Limited to Acme, with a real password and two sessions."""
    assert settings.session_key
    sessions.bind(sessions.Signing((settings.session_key.get_secret_value(),), timedelta(hours=1)))
    hashed = await passwords.hash_password(PASSWORD)
    await admin.execute("UPDATE staff SET password_hash = $1", hashed)
    await sessions.sign_in(Nobody(), company.tess.email, PASSWORD, "another browser")
    await admin.execute("ALTER TABLE audit_entries DISABLE TRIGGER ALL")
    await admin.execute("DELETE FROM audit_entries")
    await admin.execute("ALTER TABLE audit_entries ENABLE TRIGGER ALL")
    return company.tess


async def living(admin: asyncpg.Connection, person: Staff) -> list[str]:
    question = "SELECT id::text FROM staff_sessions WHERE staff_id = $1 AND revoked_at IS NULL"
    return [row["id"] for row in await admin.fetch(question, person.staff_id)]


async def test_profile_of_somebody_who_sees_one_team(tess: Staff, company: Company) -> None:
    seen = await profile.get(tess)
    assert (seen.account.name, seen.account.role, seen.account.sessions) == ("Tess Tam", tess.role, 2)
    assert seen.teams == [(company.acme, "Acme")]
    assert (await profile.get(company.ann)).teams is None
    with pytest.raises(Forbidden):
        await profile.get(company.nil)
    with pytest.raises(NotSignedIn):
        await profile.get(Command("root"))


async def test_rename_is_recorded_and_only_ones_own(tess: Staff, admin: asyncpg.Connection) -> None:
    assert await profile.rename(tess, " Tess Tamm ") == "Tess Tamm"
    assert await profile.rename(tess, "Tess Tamm") == "Tess Tamm"
    names = [row["name"] for row in await admin.fetch("SELECT name FROM staff ORDER BY name")]
    assert names == ["Ann Adler", "Nil Noor", "Sue Super", "Tess Tamm", "Vic Vale"]
    [entry] = await admin.fetch("SELECT * FROM audit_told()")
    assert (entry["action"], entry["actor_id"], entry["session_id"]) == (
        "staff.renamed",
        tess.staff_id,
        tess.session_id,
    )
    assert (entry["before"], entry["after"], entry["ip"]) == (
        '{"name": "Tess Tam"}', '{"name": "Tess Tamm"}', "127.0.0.1",
    )  # fmt: skip
    for wrong in ("", "  ", "a\tb", "x" * 121):
        with pytest.raises(Invalid):
            await profile.rename(tess, wrong)


async def test_change_password_ends_other_sessions_and_this_one_goes_on(tess: Staff, admin: asyncpg.Connection) -> None:
    link = await staff.make_link(Command("root"), tess.staff_id, WHY)
    assert await profile.change_password(tess, PASSWORD, NEW) == 1
    assert await living(admin, tess) == [str(tess.session_id)]
    async with reading(tess, Permission.TEAMS_READ):
        pass
    await sessions.sign_in(Nobody(), tess.email, NEW, "a browser")
    with pytest.raises(sessions.WrongPassword):
        await sessions.sign_in(Nobody(), tess.email, PASSWORD, "a browser")
    with pytest.raises(one_time_links.DeadLink):
        await one_time_links.find(link.path.removeprefix("/welcome/"))
    entry = await admin.fetchrow("SELECT * FROM audit_told() WHERE action = 'staff.password_changed'")
    assert (entry["actor_id"], entry["target_id"]) == (tess.staff_id, str(tess.staff_id))
    assert json.loads(entry["detail"]) == {"sessions_ended": 1}
    assert "argon2" not in str(entry)


async def test_change_password_needs_the_present_one_and_the_policy(
    tess: Staff, admin: asyncpg.Connection, company: Company
) -> None:
    for present, wanted, field in (
        ("wrong password", NEW, "present"),
        ("", NEW, "present"),
        ("x" * 2_000, NEW, "present"),
        (PASSWORD, "short", "password"),
        (PASSWORD, PASSWORD, "password"),
    ):
        with pytest.raises(Invalid) as refused:
            await profile.change_password(tess, present, wanted)
        assert list(refused.value.fields) == [field]
    assert len(await living(admin, tess)) == 2
    refused_entries = await admin.fetch("SELECT * FROM audit_told() WHERE action = 'session.not_proved'")
    assert {(e["actor_name"], e["session_id"], e["ip"]) for e in refused_entries} == {
        (tess.name, tess.session_id, "127.0.0.1")
    }
    with pytest.raises(Forbidden):
        await profile.change_password(company.nil, PASSWORD, NEW)


async def test_who_must_choose_a_password_can_do_nothing_else_and_goes_on(
    tess: Staff, admin: asyncpg.Connection, company: Company
) -> None:
    with pytest.raises(Invalid, match="not your present password any more"):
        await own_passwords.choose_due(tess, PASSWORD, NEW)
    await admin.execute("UPDATE staff SET must_change_password = true")
    for verb in (profile.get(tess), profile.change_password(tess, PASSWORD, NEW), profile.rename(tess, "Tess")):
        with pytest.raises(Unfinished):
            await verb
    for present, wanted, field in (
        ("wrong password", NEW, "present"),
        (PASSWORD, "short", "password"),
        (PASSWORD, PASSWORD, "password"),
        (PASSWORD, "Tess Tam 2026 tess", "password"),
    ):
        with pytest.raises(Invalid) as refused:
            await own_passwords.choose_due(tess, present, wanted)
        assert list(refused.value.fields) == [field]
    await own_passwords.choose_due(tess, PASSWORD, NEW)
    assert await living(admin, tess) == [str(tess.session_id)]
    assert (await profile.get(tess)).account.name == "Tess Tam"
    entry = await admin.fetchrow("SELECT * FROM audit_told() WHERE action = 'staff.password_changed'")
    assert (entry["actor_id"], entry["session_id"], entry["ip"]) == (tess.staff_id, tess.session_id, "127.0.0.1")
    await own_passwords.choose_due(company.nil, PASSWORD, NEW)  # whatever one's role
    with pytest.raises(NotSignedIn):
        await own_passwords.choose_due(Command("root"), PASSWORD, NEW)


async def test_a_link_ends_the_duty_to_choose_a_password(tess: Staff, admin: asyncpg.Connection) -> None:
    await admin.execute("UPDATE staff SET must_change_password = true WHERE id = $1", tess.staff_id)
    token = (await staff.make_link(Command("root"), tess.staff_id, WHY)).path.removeprefix("/welcome/")
    with pytest.raises(Invalid, match="Use more than your name"):
        await one_time_links.use(Nobody(), token, "Tess-Tam-2026")
    await one_time_links.use(Nobody(), token, NEW)
    assert not await admin.fetchval("SELECT must_change_password FROM staff WHERE id = $1", tess.staff_id)


async def test_ones_own_password_is_no_way_to_guess_it(tess: Staff, admin: asyncpg.Connection) -> None:
    """Not by a stolen session either; and whoever guesses there locks nobody out at the sign-in."""
    await admin.execute("UPDATE staff SET must_change_password = true WHERE id = $1", tess.staff_id)
    for _ in range(4):
        with pytest.raises(Invalid):
            await own_passwords.choose_due(tess, "wrong password", NEW)
    await admin.execute("UPDATE sign_in_tries SET blocked_until = now() + interval '1 hour' WHERE failures > 3.5")
    with pytest.raises(RateLimited):
        await own_passwords.choose_due(tess, PASSWORD, NEW)
    await sessions.sign_in(Nobody(), tess.email, PASSWORD, "another browser")


async def test_dead_links_cannot_be_tried_for_ever(company: Company, admin: asyncpg.Connection) -> None:
    for _ in range(throttle.ADDRESS.free):
        with pytest.raises(one_time_links.DeadLink):
            await one_time_links.use(Nobody("10.0.0.1"), "never made", NEW)
    wait = "UPDATE sign_in_tries SET blocked_until = now() + interval '1 hour' WHERE key = sha256('address:10.0.0.1')"
    await admin.execute(wait)
    with pytest.raises(RateLimited):
        await one_time_links.use(Nobody("10.0.0.1"), "never made", NEW)
    with pytest.raises(one_time_links.DeadLink):
        await one_time_links.use(Nobody("10.0.0.2"), "never made", NEW)


async def test_a_password_that_changed_while_it_was_measured_is_not_overwritten(
    tess: Staff, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = passwords.verify_and_update

    async def measured(password: str, hashed: str | None) -> tuple[bool, str | None]:
        found = await genuine(password, hashed)
        await admin.execute("UPDATE staff SET password_hash = 'changed' WHERE id = $1", tess.staff_id)
        return found

    monkeypatch.setattr(passwords, "verify_and_update", measured)
    with pytest.raises(Invalid, match="not your present password any more"):
        await profile.change_password(tess, PASSWORD, NEW)
    assert await admin.fetchval("SELECT password_hash FROM staff WHERE id = $1", tess.staff_id) == "changed"


async def test_a_link_lets_choose_a_password_once(tess: Staff, admin: asyncpg.Connection) -> None:
    made = await staff.make_link(Command("root"), tess.staff_id, WHY)
    token = made.path.removeprefix("/welcome/")
    holder = await one_time_links.find(token)
    assert holder == ("Tess Tam", tess.email, "invite"), "the tests' people have never chosen a password"
    with pytest.raises(Invalid):
        await one_time_links.use(Nobody("10.0.0.1"), token, "short")
    await one_time_links.use(Nobody("10.0.0.1"), token, NEW)
    assert await living(admin, tess) == []
    await sessions.sign_in(Nobody(), tess.email, NEW, "a browser")
    with pytest.raises(one_time_links.DeadLink):
        await one_time_links.use(Nobody(), token, NEW)
    entry = await admin.fetchrow("SELECT * FROM audit_told() WHERE action = 'staff.link_used'")
    assert (entry["actor_name"], entry["ip"], entry["target_id"]) == ("Tess Tam", "10.0.0.1", str(tess.staff_id))
    assert json.loads(entry["detail"]) == {"purpose": "invite", "sessions_ended": 2}
    assert token not in str(entry)
    assert (await staff.make_link(Command("root"), tess.staff_id, WHY)).path != made.path
    assert await admin.fetchval("SELECT purpose FROM staff_links WHERE used_at IS NULL") == "reset"


@pytest.mark.parametrize(
    "why",
    [
        "UPDATE staff_links SET used_at = now()",
        "UPDATE staff_links SET revoked_at = now()",
        "UPDATE staff_links SET expires_at = now()",
        "UPDATE staff SET status = 'deactivated'",
        "DELETE FROM staff_links",
    ],
)
async def test_a_dead_link_is_dead_for_whatever_reason(
    company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    async def hashed(_: str) -> str:
        return "hashed"

    monkeypatch.setattr(passwords, "hash_password", hashed)
    token = (await staff.make_link(company.sue, company.vic.staff_id, WHY)).path.removeprefix("/welcome/")
    await one_time_links.find(token)
    await admin.execute(why)
    before = await admin.fetch("SELECT * FROM staff")
    said = set()
    for ask in (
        one_time_links.find(token),
        one_time_links.use(Nobody(), token, NEW),
        one_time_links.find("never made"),
        one_time_links.find(""),
    ):
        with pytest.raises(one_time_links.DeadLink) as dead:
            await ask
        said.add(dead.value.message)
    assert said == {"This link does not work any more. Ask whoever sent it to you for a new one."}
    assert await admin.fetch("SELECT * FROM staff") == before


async def test_a_link_lives_for_72_hours_and_is_kept_as_a_digest(company: Company, admin: asyncpg.Connection) -> None:
    made = await staff.make_link(company.sue, company.vic.staff_id, WHY)
    row = await admin.fetchrow("SELECT * FROM staff_links")
    assert row["digest"] == tokens.digest(made.path.removeprefix("/welcome/"))
    assert timedelta(hours=71) < row["expires_at"] - clock.now() <= timedelta(hours=72)
    assert row["created_by"] == company.sue.staff_id
