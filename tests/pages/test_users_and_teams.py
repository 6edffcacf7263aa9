"""The screens of users and teams: what they show to whom, and every verb through its dialog."""

import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.services import teams, users
from app.services.teams import Limits
from tests.factories import add_job, add_user
from tests.pages.visitor import Visit, Visitor
from tests.people import Company

CONFLICT = "Somebody changed this meanwhile"


@pytest.fixture
async def ada(admin: asyncpg.Connection, people: Company) -> UUID:
    return await add_user(admin, people.acme, "Ada Lovelace", "ada@example.com", options='{"theme": "light", "n": 1}')


def buttons(seen: Visitor) -> list[str]:
    return [action["label"] for action in seen.find(kind="head").contents["actions"]]


async def said(admin: asyncpg.Connection) -> Any:
    """The latest entry: what, why."""
    latest = "SELECT action, reason FROM audit_told() ORDER BY id DESC LIMIT 1"
    return tuple(await admin.fetchrow(latest))


async def test_lists_show_what_one_may_see(visit: Visit, people: Company, admin: asyncpg.Connection, ada: UUID) -> None:
    await add_user(admin, people.nordlicht, "Bob", "bob@example.com", plan="premium", status="deactivated")
    ann = await visit(people.ann, "/users?sort=name")
    await ann.sees("Ada Lovelace", "ada@example.com", "Bob", "Deactivated", "Premium", "Nordlicht")
    assert buttons(ann) == ["New user"]
    tess = await visit(people.tess, "/users?q=example.com")
    await tess.sees("Ada Lovelace")
    assert not {"Bob", "Nordlicht"} & set(tess.texts())
    chosen = await visit(people.ann, f"/users?team={people.nordlicht}")
    await chosen.sees("Bob")
    assert chosen.find(label="Users").contents["count"] == "1"
    assert [words for _, words in chosen.find(label="Users").contents["filters"][2]["choices"]] == ["Acme", "Nordlicht"]
    all_teams = await visit(people.vic, "/teams")
    await all_teams.sees("Acme", "1 free", "Nordlicht")
    assert buttons(all_teams) == []
    assert buttons(await visit(people.tess, "/teams")) == []


async def test_a_record_shows_one_time_line_and_leads_on(
    visit: Visit, people: Company, admin: asyncpg.Connection, ada: UUID
) -> None:
    job = await add_job(admin, people.acme, kind="dataset.import")
    await admin.execute("UPDATE jobs SET user_id = $1, error = 'Disk full' || chr(10) || 'inside'", ada)
    await admin.execute(
        "INSERT INTO payments (id, team_id, user_id, amount_minor, currency, status, refunded_minor, description,"
        " version, created_at, updated_at) SELECT uuidv7(), $1, $2, 1250, 'JPY', 'succeeded', 0, 'Premium', 1, now(),"
        " now() FROM generate_series(1, 60)",
        *(people.acme, ada),
    )
    ann = await visit(people.ann, f"/users/{ada}")
    await ann.sees("Ada Lovelace", "ada@example.com", "1,250\N{NO-BREAK SPACE}JPY", "theme", "light")
    line = ann.find(kind="timeline").contents
    assert (len(line["entries"]), line["note"]) == (50, "the latest 50")
    assert {f"/jobs?user={ada}", f"/payments?user={ada}", f"/audit?record=user:{ada}"} <= links(ann)
    await admin.execute("DELETE FROM payments")
    again = await visit(people.vic, f"/teams/{people.acme}")
    await again.sees("1, no limit", "Import")
    entries = again.find(kind="timeline").contents["entries"]
    assert [entry["reason"] for entry in entries] == ["Disk full", ""]
    assert [f"/jobs/{job}" in str(entry["parts"]) for entry in entries] == [True, False]
    assert f"/audit?team={people.acme}" not in links(again), "viewers do not read the audit log"
    assert (await visit(people.tess, f"/teams/{people.nordlicht}")).status == 404


def links(seen: Visitor) -> set[str]:
    """Where the facts of a record lead."""
    return {fact[3] for e in seen.elements if getattr(e, "kind", "") == "facts" for fact in e.contents["facts"]}  # type: ignore[attr-defined] # facts have contents


async def test_a_new_user_and_a_new_team(visit: Visit, people: Company, admin: asyncpg.Connection, ada: UUID) -> None:
    ann = await visit(people.ann, "/teams")
    ann.press("New team")
    dialog = await ann.answer("New team", name="Acme")
    assert (await ann.refuses(dialog))["name"] == "There is already a team with this name."
    ann.send(dialog, "submit", {"name": "Kite Labs"})
    await ann.finds(kind="head", title="Kite Labs")
    kite = await admin.fetchval("SELECT id FROM teams WHERE name = 'Kite Labs'")
    ann.press("New user")
    dialog = await ann.answer("New user", name="Kit", email="ADA@example.com", plan="premium")
    assert (await ann.refuses(dialog))["email"] == "There is already a user with this e-mail."
    ann.send(dialog, "submit", {"name": "Kit", "email": "kit@example.com", "plan": "premium"})
    await ann.hears("Kit is added.")
    await ann.finds(kind="head", title="Kit")
    assert await admin.fetchval("SELECT team_id FROM users WHERE name = 'Kit'") == kite
    tess = await visit(people.tess, "/users")
    tess.press("New user")
    dialog = await tess.finds(label="New user", dialog=True)
    assert dialog.contents["fields"][2]["choices"] == [(str(people.acme), "Acme")]
    tess.send(dialog, "submit", {"name": "T", "email": "t@example.com", "plan": "free", "team": str(kite)})
    assert "does not exist" in (await tess.refuses(dialog))[""]
    tess.send(dialog, "submit", {"name": "T", "email": "t@example.com", "plan": "free", "team": "Kite Labs"})
    await tess.sees("There is no team with this name or id")


async def test_of_very_many_teams_one_types_the_name(
    visit: Visit, people: Company, admin: asyncpg.Connection, ada: UUID
) -> None:
    await admin.execute(
        "INSERT INTO teams (id, name, status, version, created_at, updated_at)"
        " SELECT uuidv7(), 'Team ' || n, 'active', 1, now(), now() FROM generate_series(1, 100) n"
    )
    ann = await visit(people.ann, "/users")
    assert [one["kind"] for one in ann.find(label="Users").contents["filters"]] == ["choice", "choice", "id", "time"]
    ann = await visit(people.ann, f"/users/{ada}")
    ann.press("Move to a team")
    dialog = await ann.answer("Move to another team", team="Team 7", reason="")
    assert dialog.contents["fields"][0]["kind"] == "text"
    assert set(await ann.refuses(dialog)) == {"reason"}
    ann.send(dialog, "submit", {"team": "Team 700", "reason": "Asked"})
    await ann.sees("There is no team with this name or id")
    ann.send(dialog, "submit", {"team": "Team 7", "reason": "Asked"})
    await ann.sees("moved", "Team 7")
    assert await said(admin) == ("user.moved", "Asked")


async def test_every_verb_of_a_user(visit: Visit, people: Company, admin: asyncpg.Connection, ada: UUID) -> None:
    ann = await visit(people.ann, f"/users/{ada}")
    for button, title, values, heard, action in (
        ("Change plan", "Change the plan", {"plan": "premium"}, "on the premium plan now", "user.plan_changed"),
        (
            *("Correct e-mail", "Correct the e-mail", {"email": "ada@new.example"}),
            *("signs in by ada@new.example now", "user.email_corrected"),
        ),
        (
            *("Edit options", "Edit the options of Ada Lovelace", {"options": '{"theme": "dark"}'}),
            *("The options are saved", "user.options_edited"),
        ),
        (
            *("Move to a team", "Move to another team", {"team": str(people.nordlicht)}),
            *("is in another team now", "user.moved"),
        ),
        ("Deactivate user", "Deactivate Ada Lovelace?", {}, "is deactivated", "user.deactivated"),
        ("Reactivate", "Reactivate Ada Lovelace?", {}, "can sign in again", "user.reactivated"),
    ):
        head = ann.find(kind="head")
        ann.press(button)
        dialog = await ann.answer(title, **values, reason="  ")
        assert set(await ann.refuses(dialog)) == {"reason"}, button
        ann.send(dialog, "submit", {**values, "reason": "As asked"})
        await ann.hears(heard)
        await ann.closes(head)
        await ann.finds(kind="head")
        assert await said(admin) == (action, "As asked")
    await ann.sees("moved", "Nordlicht")
    stored = await admin.fetchrow("SELECT plan, email, options, team_id, status FROM users WHERE id = $1", ada)
    assert tuple(stored) == ("premium", "ada@new.example", '{"theme": "dark"}', people.nordlicht, "active")


async def test_every_verb_of_a_team(visit: Visit, people: Company, admin: asyncpg.Connection, ada: UUID) -> None:
    ann = await visit(people.ann, f"/teams/{people.acme}")
    for button, title, values, heard, action in (
        ("Rename", "Rename Acme", {"name": "Acme Labs"}, "is called Acme Labs now", "team.renamed"),
        (
            *("Change limits", "Change the limits of Acme Labs", {"user_limit": "1", "dataset_limit": ""}),
            *("The limits are saved", "team.limits_changed"),
        ),
        ("Suspend team", "Suspend Acme Labs?", {}, "is suspended", "team.suspended"),
        ("Resume team", "Resume Acme Labs?", {}, "goes on", "team.resumed"),
    ):
        head = ann.find(kind="head")
        ann.press(button)
        await ann.answer(title, **values, reason="As asked")
        await ann.hears(heard)
        await ann.closes(head)
        await ann.finds(kind="head")
        assert await said(admin) == (action, "As asked")
    await ann.sees("1 of at most 1", "0, no limit")
    ann.press("Change limits")
    dialog = await ann.answer("Change the limits of Acme Labs", user_limit="many", dataset_limit="", reason="x")
    assert set(await ann.refuses(dialog)) == {"user_limit"}
    ann.send(dialog, "close")
    await ann.closes(dialog)
    ann.press("New user")
    dialog = await ann.answer("New user", name="Bob", email="bob@example.com", plan="free")
    assert "may have 1 active user and has 1" in (await ann.refuses(dialog))[""]


async def test_two_people_edit_options_and_nothing_is_lost(
    visit: Visit, people: Company, admin: asyncpg.Connection, ada: UUID
) -> None:
    ann = await visit(people.ann, f"/users/{ada}")
    ann.press("Edit options")
    dialog = await ann.finds(label="Edit the options of Ada Lovelace", dialog=True)
    assert json.loads(dialog.contents["fields"][0]["value"]) == {"theme": "light", "n": 1}
    await users.edit_options(people.sue, ada, {"theme": "blue", "n": 1, "new": True}, {"theme": "light", "n": 1}, "Sue")
    ann.send(dialog, "submit", {"options": '{"theme": "dark"}', "reason": "Ann"})
    question = await ann.finds(label=CONFLICT)
    [asked] = question.contents["conflict"]
    assert (asked["name"], asked["original"], asked["theirs"], asked["yours"]) == (
        *("theme", '"light"', '"blue"', '"dark"'),
    )
    ann.send(question, "close")
    assert "Not saved" in (await ann.refuses(dialog))[""]
    ann.send(dialog, "submit", {"options": '{"theme": "dark"}', "reason": "Ann"})
    await ann.closes(question)
    await ann.answer(CONFLICT, theme="mine")
    await ann.hears("The options are saved.")
    kept = json.loads(await admin.fetchval("SELECT options FROM users"))
    assert kept == {"theme": "dark", "new": True}, "mine where I changed it, theirs where they did"


async def test_theirs_stays_when_it_is_chosen_and_other_changes_need_no_question(
    visit: Visit, people: Company, admin: asyncpg.Connection, ada: UUID
) -> None:
    ann = await visit(people.ann, f"/teams/{people.acme}")
    ann.press("Change limits")
    dialog = await ann.finds(label="Change the limits of Acme", dialog=True)
    await teams.limit(people.sue, people.acme, Limits(7, None), Limits(), "Sue")
    ann.send(dialog, "submit", {"user_limit": "", "dataset_limit": "3", "reason": "Ann"})
    await ann.hears("The limits are saved.")
    assert (await teams.get(people.ann, people.acme)).limits == Limits(7, 3)
    await ann.sees("1 of at most 7")
    ann.press("Rename")
    dialog = await ann.finds(label="Rename Acme", dialog=True)
    await teams.rename(people.sue, people.acme, "Acme Corp", "Acme", "Sue")
    ann.send(dialog, "submit", {"name": "Acme Labs", "reason": "Ann"})
    await ann.answer(CONFLICT, name="theirs")
    await ann.hears("The name stays as it was saved.")
    assert await admin.fetchval("SELECT name FROM teams WHERE id = $1", people.acme) == "Acme Corp"


async def test_what_is_offered_depends_on_the_role(visit: Visit, people: Company, ada: UUID) -> None:
    assert buttons(await visit(people.vic, f"/users/{ada}")) == []
    assert buttons(await visit(people.vic, f"/teams/{people.acme}")) == []
    tess = await visit(people.tess, f"/users/{ada}")
    tess.press("Move to a team")
    await tess.hears("There is no other team that you may see.")
