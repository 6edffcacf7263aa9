"""Staff accounts: made and mended by the command line and by super admins."""

import asyncpg
import pytest

from app.actor import Command
from app.crypto import passwords
from app.database import reading
from app.errors import Duplicate, Forbidden, Invalid, NotFound, NotSignedIn
from app.permissions import Permission, Role
from app.services import staff
from tests.people import PASSWORD, Company

NEW = "a new and long enough password"


async def test_create_tells_the_role_and_never_the_password(company: Company, admin: asyncpg.Connection) -> None:
    member = await staff.create(company.sue, " new@example.com ", " Nia New ", Role.SUPPORT, NEW)
    row = await admin.fetchrow("SELECT * FROM staff WHERE id = $1", member.id)
    assert (row["email"], row["name"], row["role"], row["limited"]) == ("new@example.com", "Nia New", "support", False)
    good, _ = await passwords.verify_and_update(NEW, row["password_hash"])
    assert good
    entry = await admin.fetchrow("SELECT * FROM audit_told()")
    assert (entry["action"], entry["target_label"], entry["team_id"]) == ("staff.created", "Nia New", None)
    assert '"password_hash": "set"' in entry["after"]
    assert row["password_hash"] not in str(entry)


async def test_an_email_is_taken_whatever_its_case(company: Company) -> None:
    with pytest.raises(Duplicate, match="already a staff account"):
        await staff.create(company.sue, "ANN@example.com", "Ann Two", Role.VIEWER, NEW)


@pytest.mark.parametrize("email", ["", "ann", "@example.com", "ann@", "a nn@example.com", "a" * 250 + "@x.org"])
async def test_what_is_no_email_is_refused(company: Company, email: str) -> None:
    with pytest.raises(Invalid) as refused:
        await staff.create(company.sue, email, "X", Role.VIEWER, NEW)
    assert list(refused.value.fields) == ["email"]


async def test_a_new_password_ends_all_sessions(company: Company, admin: asyncpg.Connection) -> None:
    await staff.set_password(company.sue, "Ann@Example.com", NEW)
    with pytest.raises(NotSignedIn):
        async with reading(company.ann, Permission.TEAMS_READ):
            pass
    entry = await admin.fetchrow("SELECT * FROM audit_told()")
    assert (entry["action"], entry["target_label"]) == ("staff.password_changed", "Ann Adler")
    assert (entry["before"], entry["after"]) == ('{"password_hash": null}', '{"password_hash": "changed"}')
    assert entry["detail"] == '{"sessions_ended": 1}'
    assert await admin.fetchval("SELECT count(*) FROM staff_sessions WHERE revoked_at IS NOT NULL") == 1
    with pytest.raises(NotFound, match="no staff account"):
        await staff.set_password(company.sue, "nobody@example.com", NEW)


async def test_only_super_admins_touch_accounts(company: Company) -> None:
    for verb in (
        staff.create(company.ann, "x@example.com", "X", Role.SUPER_ADMIN, NEW),
        staff.set_password(company.ann, "ann@example.com", NEW),
        staff.ensure_first_administrator(company.ann, "x@example.com", NEW),
    ):
        with pytest.raises(Forbidden):
            await verb


async def test_the_first_administrator_is_made_once(bound: object, admin: asyncpg.Connection) -> None:
    root = Command("root")
    made = await staff.ensure_first_administrator(root, "first@example.com", None)
    assert made is not None
    assert made.password is not None
    assert len(made.password) >= 20
    row = await admin.fetchrow("SELECT * FROM staff")
    assert (row["email"], row["role"]) == ("first@example.com", "super_admin")
    assert (await passwords.verify_and_update(made.password, row["password_hash"]))[0]
    assert await staff.ensure_first_administrator(root, "second@example.com", None) is None
    assert await admin.fetchval("SELECT count(*) FROM staff") == 1


async def test_a_chosen_first_password_is_not_told_again(bound: object) -> None:
    made = await staff.ensure_first_administrator(Command("root"), "first@example.com", PASSWORD)
    assert made == staff.FirstAdministrator("first@example.com", None)
