"""The audit log on screen: sentences with the change in them, the pane beside the list, reverting, activity."""

import json

import asyncpg
import pytest

from app.models import Action
from app.services import users
from app.services.reverting_rules import NEVER
from pages.audit_actions import FAMILIES
from tests.factories import add_user
from tests.pages.visitor import Visit, Visitor
from tests.people import Company


@pytest.fixture
async def entry(people: Company, admin: asyncpg.Connection) -> int:
    """The entry of "Ann changed the plan of Otto Braun"."""
    otto = await add_user(admin, people.acme, "Otto Braun", "otto@example.com")
    await users.change_plan(people.ann, otto, "premium", "ticket 4312")
    return int(await admin.fetchval("SELECT max(id) FROM audit_entries"))


def buttons(seen: Visitor) -> list[str]:
    return [action["label"] for action in seen.find(kind="head").contents["actions"]]


async def test_the_list_tells_sentences_and_a_row_opens_beside_it(visit: Visit, people: Company, entry: int) -> None:
    ann = await visit(people.ann, f"/audit?ip=127.0.0.1&person={people.ann.staff_id}")
    said = "Ann Adler changed the plan of Otto Braun from Free to Premium (ticket 4312)"
    await ann.sees(said)
    table = ann.find(label="Audit log")
    [[key, _, links, acts, _]] = table.contents["rows"]
    assert (key, links[1], acts) == (str(entry), f"/audit/{entry}", [0])
    ann.send(table, "act", [key, 0])
    pane = await ann.finds(title=f"Entry {entry:,}")
    assert pane.contents["changes"] == [["plan", "Free", "Premium"]]
    assert tuple(pane.contents["links"][0]) == ("Open the entry", f"/audit/{entry}")
    ann.send(pane, "close")
    await ann.closes(pane)
    empty = await visit(people.ann, "/audit?ip=203.0.113.7")
    assert empty.find(label="Audit log").contents["rows"] == []
    moved = await visit(people.ann, "/audit?day=2020-01-01")
    assert moved.find(label="Audit log").contents["rows"] == []
    assert moved.find(label="Audit log").contents["previous"] is None
    wrong = await visit(people.ann, "/audit?day=yesterday")
    assert wrong.find(label="Audit log").contents["error"]["status"] == 422


async def test_a_change_is_reverted_from_its_page_and_both_entries_link(
    visit: Visit, people: Company, admin: asyncpg.Connection, entry: int
) -> None:
    ann = await visit(people.ann, f"/audit/{entry}")
    assert buttons(ann) == ["Open the record", "Revert this change"]
    ann.press("Revert this change")
    dialog = await ann.answer("Revert this change?", reason=" ")
    assert dialog.contents["plan"] == ["Plan of Otto Braun: Premium → Free"]
    assert set(await ann.refuses(dialog)) == {"reason"}
    ann.send(dialog, "submit", {"reason": "Unpaid"})
    await ann.hears("The change is reverted.")
    await ann.sees("This change was reverted")
    second = int(await admin.fetchval("SELECT max(id) FROM audit_entries"))
    assert ann.find(title="This change was reverted").contents["opens"] == f"/audit/{second}"
    assert buttons(ann) == ["Open the record"]
    assert await admin.fetchval("SELECT plan FROM users") == "free"
    there = await visit(people.ann, f"/audit/{second}")
    told = there.find(title="About this entry").contents["facts"]
    facts = {label: (value, opens) for label, _, value, opens, *_ in told}
    assert facts["Reverts"] == (f"Entry {entry:,}", f"/audit/{entry}")
    assert facts["By"] == ("Ann Adler (person)", f"/staff/{people.ann.staff_id}/activity")


async def test_what_cannot_be_reverted_says_why(
    visit: Visit, people: Company, admin: asyncpg.Connection, entry: int
) -> None:
    await admin.execute("UPDATE users SET plan = 'free'")
    ann = await visit(people.ann, f"/audit/{entry}")
    assert "plan was changed again since" in ann.find(title="This change cannot be reverted now").contents["sentence"]
    await admin.execute(
        "INSERT INTO audit_entries (actor_name, actor_kind, action, target_type, target_id, target_label)"
        " VALUES ('Sue', 'staff', 'staff.role_changed', 'staff', 'x', 'Ann')"
    )
    role = int(await admin.fetchval("SELECT max(id) FROM audit_entries"))
    ann = await visit(people.ann, f"/audit/{role}")
    assert f"No. {NEVER['staff.']}" in ann.texts()
    assert buttons(ann) == []


async def test_the_badge_says_how_far_the_log_can_be_believed(
    visit: Visit, people: Company, admin: asyncpg.Connection, entry: int
) -> None:
    ann = await visit(people.ann, "/audit")
    await ann.sees("Not verified so far")
    badge = ann.find(words="Not verified so far")
    ann.send(badge, "act")
    await ann.hears("The workers verify the whole log now.")
    await admin.execute("UPDATE audit_checks SET up_to = $1, verified_at = now(), whole_at = now()", entry)
    ann.send(badge, "look")
    await ann.sees(f"Verified up to entry {entry:,}")
    problem = {"kind": "changed", "sentence": f"Entry {entry} was changed.", "entry": entry, "seal": 0}
    await admin.execute("UPDATE audit_checks SET problems = $1", json.dumps([problem] * 11))
    ann.send(badge, "look")
    await ann.sees("Tampering found: 11 things do not fit")
    assert badge.contents["tone"] == "bad"
    findings = [(f["sentence"], f["opens"]) for f in badge.contents["findings"]]
    assert findings[0] == (f"Entry {entry} was changed.", f"/audit/{entry}")
    assert (len(findings), findings[-1][0][:12]) == (11, "And 1 more: ")


async def test_each_action_has_a_meaning_and_a_number(visit: Visit, people: Company, entry: int) -> None:
    assert {action.value.partition(".")[0] for action in Action} <= set(FAMILIES)
    ann = await visit(people.ann, "/audit/actions")
    table = ann.find(label="Kinds of entries")
    assert len(table.contents["rows"]) == len(Action)
    one = await visit(people.ann, "/audit/actions?action=user.plan_changed")
    [[key, cells, *_]] = one.find(label="Kinds of entries").contents["rows"]
    assert (key, cells) == (
        "user.plan_changed",
        ["Somebody changed the plan of …", "A customer's person changed.", "Yes", 1, "user.plan_changed"],
    )


async def test_a_persons_activity_tells_their_days_and_what_was_done_to_them(
    visit: Visit, people: Company, entry: int
) -> None:
    sue = await visit(people.sue, f"/staff/{people.ann.staff_id}/activity")
    said = "Ann Adler changed the plan of Otto Braun from Free to Premium (ticket 4312)"
    await sue.sees(said, "1 act", "Unknown device")
    assert sue.find(kind="timeline").contents["entries"] == []
    other = await visit(people.sue, f"/staff/{people.sue.staff_id}/activity")
    assert other.find(label="What they did").contents["rows"] == []
