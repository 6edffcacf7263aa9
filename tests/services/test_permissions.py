"""What one person may do, and why: the same answer as the door gives, with the rule that decides in words."""

import asyncpg
import pytest

from app.actor import Staff
from app.database import reading
from app.errors import Forbidden
from app.permissions import ALL_TEAMS_ONLY, ROLE_PERMISSIONS, STEP_UP, Permission, Role
from app.services import permissions
from app.services.permissions import Explanation, Verdict
from tests.people import Company


@pytest.fixture
async def sue(company: Company, admin: asyncpg.Connection) -> Staff:
    """Asks; everybody has chosen a password."""
    await admin.execute("UPDATE staff SET password_set_at = now()")
    return company.sue


def ruled(seen: Explanation) -> dict[Permission, Verdict]:
    return {verdict.permission: verdict for verdict in seen.verdicts}


async def test_explain_says_what_the_door_does(sue: Staff, company: Company) -> None:
    for person in (company.ann, company.vic, company.tess, company.nil, company.sue):
        seen = ruled(await permissions.explain(sue, person.staff_id))
        assert set(seen) == set(Permission)
        for permission, verdict in seen.items():
            assert verdict.may == await _let_in(person, permission), (person.name, permission)
            assert verdict.why.endswith(".")


async def test_explain_names_the_rule(sue: Staff, company: Company, admin: asyncpg.Connection) -> None:
    ann = ruled(await permissions.explain(sue, company.ann.staff_id))
    assert ann[Permission.JOBS_RETRY].why == "Admin includes it."
    assert ann[Permission.STAFF_ROLE].why == "Admin does not include it; Super admin would."
    assert ann[Permission.TEAMS_SUSPEND].why == "Admin includes it; asks for the password or code again."
    assert all((permissions.ASKS_AGAIN in verdict.why) == (p in STEP_UP) for p, verdict in ann.items() if verdict.may)
    tess = ruled(await permissions.explain(sue, company.tess.staff_id))
    assert tess[Permission.JOBS_RETRY].why == "Admin includes it, in 1 team."
    assert tess[Permission.STAFF_READ].why == "Limited to 1 team: staff accounts belong to no team."
    assert tess[Permission.TEAMS_CREATE].why == "Limited to 1 team: a new team would be none of these."
    assert {p for p in ROLE_PERMISSIONS[Role.ADMIN] if not tess[p].may} == ALL_TEAMS_ONLY & ROLE_PERMISSIONS[Role.ADMIN]
    vic = ruled(await permissions.explain(sue, company.vic.staff_id))
    assert vic[Permission.JOBS_RETRY].why == "Viewer does not include it; Support, Admin or Super admin would."
    nil = ruled(await permissions.explain(sue, company.nil.staff_id))
    assert nil[Permission.HOME_READ].why.startswith("Has no role; Viewer, Support")
    await admin.execute("DELETE FROM staff_teams")
    tess = ruled(await permissions.explain(sue, company.tess.staff_id))
    assert tess[Permission.JOBS_RETRY].why == "Admin includes it, in no team at all."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("status = 'deactivated'", "The account is deactivated."),
        ("password_set_at = NULL", "They have not chosen a password so far."),
        ("must_change_password = true", "They must choose a new password first."),
        ("role = 'reviewer'", "They must set up a second factor first: their role demands one."),
    ],
)
async def test_explain_says_what_comes_before_everything(
    sue: Staff, company: Company, admin: asyncpg.Connection, change: str, words: str
) -> None:
    await admin.execute("INSERT INTO role_rules VALUES (uuidv7(), 'reviewer', true, 1, now())")
    await admin.execute(f"UPDATE staff SET {change} WHERE id = $1", company.vic.staff_id)
    seen = await permissions.explain(sue, company.vic.staff_id)
    assert seen.hindrance == words
    assert not any(verdict.may for verdict in seen.verdicts)
    assert ruled(seen)[Permission.JOBS_READ].why.endswith(f"includes it, but: {words}")
    assert not ruled(seen)[Permission.STAFF_ROLE].why.endswith(words), "nor would they without it"


async def test_explain_is_for_those_who_may_see_staff(company: Company) -> None:
    assert (await permissions.explain(company.ann, company.sue.staff_id)).role is Role.SUPER_ADMIN
    for person in (company.vic, company.tess, company.nil):
        with pytest.raises(Forbidden):
            await permissions.explain(person, company.sue.staff_id)


async def _let_in(person: Staff, permission: Permission) -> bool:
    try:
        async with reading(person, permission):
            return True
    except Forbidden:
        return False
