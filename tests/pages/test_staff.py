"""The screens of staff, roles and one's own profile, without a browser: every button and dialog."""

from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from app.permissions import Permission, Role
from app.services.staff import ALL_TEAMS
from pages.shared.permission_labels import RIGHTS
from tests.pages.visitor import Visit
from tests.people import Company

WHY = "Asked for by their manager"
OTHERS = ["What they may do", "Activity"]


@pytest.fixture
def asked(people: Company, admin: asyncpg.Connection) -> Callable[..., Any]:
    async def ask(question: str, *values: Any) -> Any:
        return await admin.fetchval(question, *values)

    return ask


def test_every_permission_has_words() -> None:
    assert set(RIGHTS) == set(Permission)
    assert len(set(RIGHTS.values())) == len(RIGHTS)


async def test_invite_shows_the_link_once_and_leads_to_the_account(
    visit: Visit, people: Company, asked: Callable[..., Any]
) -> None:
    sue = await visit(people.sue, "/staff")
    await sue.sees("Ann Adler", "vic@example.com", "1 team", ALL_TEAMS)
    sue.press("Invite")
    title = "Invite somebody to the staff"
    values = {"name": "Kim", "email": "kim@example.com", "role": "support", "sees": "some"}
    dialog = await sue.answer(title, **values, teams="")
    assert set(await sue.refuses(dialog)) == {"teams"}
    sue.send(dialog, "submit", {**values, "teams": str(people.acme), "email": "ANN@example.com"})
    await sue.sees("There is already a staff account with this e-mail.")
    sue.send(dialog, "submit", {**values, "teams": str(people.acme)})
    shown = await sue.finds(label="Send this link to Kim", dialog=True)
    path = shown.contents["link"]
    assert path.startswith("/welcome/")
    sue.send(shown, "submit", {})
    await sue.finds(kind="head", title="Kim")
    await sue.sees("Invited", "Sue Super", " invited", "1 team")
    assert path not in "".join(sue.texts())
    assert await asked("SELECT count(*) FROM staff_teams t JOIN staff s ON s.id = t.staff_id WHERE s.name = 'Kim'") == 1


async def test_change_role_where_somebody_was_faster(visit: Visit, people: Company, asked: Callable[..., Any]) -> None:
    vic = people.vic.staff_id
    sue = await visit(people.sue, f"/staff/{vic}")
    sue.press("Change role")
    await sue.finds(label="Change the role of Vic Vale", dialog=True)
    await asked("UPDATE staff SET role = 'support' WHERE id = $1", vic)
    await sue.answer("Change the role of Vic Vale", role="reviewer", reason=WHY)
    question = await sue.finds(label="Somebody changed this meanwhile", dialog=True)
    [field] = question.contents["conflict"]
    assert (field["label"], field["original"], field["theirs"], field["yours"]) == (
        "Role", "Viewer", "Support", "Reviewer",
    )  # fmt: skip
    sue.send(question, "submit", {"role": "mine"})
    await sue.hears("The role of Vic Vale is changed.")
    assert await asked("SELECT role FROM staff WHERE id = $1", vic) == "reviewer"
    assert await asked("SELECT reason FROM audit_told() WHERE action = 'staff.role_changed'") == WHY


async def test_change_teams(visit: Visit, people: Company, asked: Callable[..., Any]) -> None:
    sue = await visit(people.sue, f"/staff/{people.tess.staff_id}")
    await sue.sees("Sees only", "Acme")
    sue.press("Change teams")
    title = "Which teams does Tess Tam see?"
    dialog = await sue.finds(label=title, dialog=True)
    sees, teams, _ = dialog.contents["fields"]
    assert (sees["value"], teams["value"], teams["when"]) == ("some", str(people.acme), ("sees", "some"))
    await sue.answer(title, sees="all", teams=str(people.acme), reason=WHY)
    await sue.hears("Which teams Tess Tam sees is changed.")
    assert await asked("SELECT limited FROM staff WHERE id = $1", people.tess.staff_id) is False


async def test_link_deactivate_and_reactivate(visit: Visit, people: Company, asked: Callable[..., Any]) -> None:
    sue = await visit(people.sue, f"/staff/{people.vic.staff_id}")
    sue.press("Make a one-time link")
    await sue.answer("Make a one-time link for Vic Vale?", reason=WHY)
    shown = await sue.finds(label="Send this link to Vic Vale", dialog=True)
    sue.send(shown, "close")
    await sue.closes(shown)
    sue.press("Deactivate account")
    dialog = await sue.answer("Deactivate Vic Vale?", reason="")
    assert set(await sue.refuses(dialog)) == {"reason"}
    sue.send(dialog, "submit", {"reason": WHY})
    await sue.hears("Vic Vale is deactivated.")
    await sue.finds(kind="head", status=("Deactivated", "idle"))
    assert await asked("SELECT count(*) FROM staff_sessions WHERE revoked_at IS NOT NULL") == 1
    sue.press("Reactivate")
    await sue.answer("Reactivate Vic Vale?", reason=WHY)
    await sue.hears("Vic Vale can sign in again.")


async def test_a_new_password_is_demanded_of_whoever_has_one(
    visit: Visit, people: Company, asked: Callable[..., Any]
) -> None:
    invited = await visit(people.sue, f"/staff/{people.vic.staff_id}")
    assert "Demand a new password" not in str(invited.find(kind="head").contents["actions"])
    await asked("UPDATE staff SET password_set_at = now()")
    sue = await visit(people.sue, f"/staff/{people.vic.staff_id}")
    sue.press("Demand a new password")
    await sue.answer("Demand a new password from Vic Vale?", reason=WHY)
    await sue.hears("Vic Vale must choose a new password at the next sign-in.")
    await sue.sees("Must choose a new password")
    assert "Demand a new password" not in str(sue.find(kind="head").contents["actions"])
    assert await asked("SELECT must_change_password FROM staff WHERE id = $1", people.vic.staff_id)


async def test_who_is_offered_what(visit: Visit, people: Company) -> None:
    def buttons(visitor: Any) -> list[str]:
        return [action["label"] for action in visitor.find(kind="head").contents["actions"]]

    assert buttons(await visit(people.ann, "/staff")) == ["Roles"]
    assert buttons(await visit(people.ann, f"/staff/{people.vic.staff_id}")) == OTHERS
    own = await visit(people.sue, f"/staff/{people.sue.staff_id}")
    assert buttons(own) == OTHERS
    await own.sees("This is you")
    tess = await visit(people.tess, "/staff")
    assert tess.status == 403
    await tess.sees("Only people who see all teams may open this.")
    assert "/staff" not in [entry[2] for entry in tess.find(current="/staff").contents["entries"]]


async def test_roles_say_who_may_do_what(visit: Visit, people: Company) -> None:
    vic = await visit(people.vic, "/staff/roles")
    matrix = vic.find(label="Roles", own="Viewer").contents
    assert matrix["heads"] == [role.label for role in Role if role is not Role.NONE]
    rows = {name: marks for _, group in matrix["groups"] for _, name, marks, _ in group}
    assert set(rows) == {permission.value for permission in Permission}
    notes = {name: said for _, group in matrix["groups"] for _, name, _, said in group}
    assert notes["teams:suspend"] == ["asks for the password or code again"]
    assert notes["teams:create"] == ["only people who see all teams"]
    assert len(notes["staff:role"]) == 2
    assert rows["rows:edit"] == [False, False, True, True, True]
    assert rows["staff:create"] == [False, False, False, False, True]


async def test_what_one_person_may_do_is_said_with_the_reason(
    visit: Visit, people: Company, asked: Callable[..., Any]
) -> None:
    await asked("UPDATE staff SET password_set_at = now() WHERE name = 'Tess Tam'")
    sue = await visit(people.sue, f"/staff/{people.tess.staff_id}/permissions")
    shown = sue.find(label="What Tess Tam may do").contents
    rulings = {name: (may, why) for _, rows in shown["groups"] for _, name, may, why in rows}
    assert rulings["jobs:retry"] == (True, "Admin includes it, in 1 team.")
    assert rulings["staff:read"] == (False, "Limited to 1 team: staff accounts belong to no team.")
    assert [fact[0] for fact in sue.find(kind="facts").contents["facts"]] == ["Role", "Sees only"]
    nil = await visit(people.sue, f"/staff/{people.nil.staff_id}/permissions")
    await nil.sees("Nil Noor may do nothing now", "They have not chosen a password so far.")


async def test_profile_changes_the_name_everywhere(visit: Visit, people: Company, asked: Callable[..., Any]) -> None:
    tess = await visit(people.tess, "/profile")
    await tess.sees("tess@example.com", "Admin", "Acme")
    form = tess.find(submit="Save name")
    tess.send(form, "submit", {"name": " "})
    await tess.sees("Give a name of at most 120 characters")
    tess.send(form, "submit", {"name": "Tess Tamm"})
    await tess.hears("You are called Tess Tamm now.")
    await tess.finds(name="Tess Tamm", profile=True)
    assert await asked("SELECT name FROM staff WHERE id = $1", people.tess.staff_id) == "Tess Tamm"
    plain = tess.find(submit="Change password")
    assert plain.contents["action"] == "/auth/password"
    assert not plain._event_listeners, "nothing typed there reaches this page"
    await (await visit(people.tess, "/profile?changed=2")).sees("2 other sessions ended.")
    await (await visit(people.tess, "/profile?changed=<b>")).sees("Change your password")
