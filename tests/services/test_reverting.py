"""Taking changes back: what is put back, what speaks against it, who may, and how both entries name each other."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.actor import Staff
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.models import Action
from app.paging import PageRequest
from app.permissions import Role
from app.services import audit, datasets, jobs, queues, reverting, rows, teams, users
from app.services.reverting_rules import NEVER, NOTHING, RULES
from app.services.teams import Limits
from tests.factories import Made, add_job, add_user, add_values, make_dataset
from tests.people import Company

WHY = "A mistake"
TABLES = ("users", "teams", "datasets", "dataset_rows", "queues")


@pytest.fixture
async def otto(company: Company, admin: asyncpg.Connection) -> UUID:
    options = '{"theme": "light", "pages": 20}'
    return await add_user(admin, company.acme, "Otto Braun", "otto@example.com", options=options)


@pytest.fixture
async def flights(company: Company, admin: asyncpg.Connection) -> Made:
    made = await make_dataset(admin, company.acme, "Flights", {"origin": "text", "price": "number"})
    await add_values(admin, made, [{"origin": "JFK", "price": 1.5}])
    return made


async def latest(company: Company) -> Any:
    return (await audit.search(company.ann, PageRequest())).rows[0]


async def test_every_change_that_may_be_reverted_is_put_back_and_back_again(
    company: Company, admin: asyncpg.Connection, otto: UUID, flights: Made
) -> None:
    ann, row = company.ann, await admin.fetchval("SELECT id FROM dataset_rows")
    queue = await admin.fetchval(
        "INSERT INTO queues (id, name, version, created_at, updated_at) VALUES (uuidv7(), 'slow', 1, now(), now())"
        " RETURNING id"
    )
    acts: dict[Action, Callable[[], Awaitable[Any]]] = {
        Action.USER_PLAN_CHANGED: lambda: users.change_plan(ann, otto, "premium", "Paid"),
        Action.USER_OPTIONS_EDITED: lambda: users.edit_options(
            *(ann, otto, {"theme": "dark", "new": {"a": [1]}}, {"theme": "light", "pages": 20}, "Asked")
        ),
        Action.USER_EMAIL_CORRECTED: lambda: users.correct_email(
            ann, otto, "o@example.com", "otto@example.com", "Typo"
        ),
        Action.USER_MOVED: lambda: users.move(ann, otto, company.nordlicht, "Asked"),
        Action.USER_DEACTIVATED: lambda: users.deactivate(ann, otto, "Left"),
        Action.USER_REACTIVATED: lambda: users.reactivate(ann, otto, "Came back"),
        Action.TEAM_RENAMED: lambda: teams.rename(ann, company.acme, "Acme 2", "Acme", "Asked"),
        Action.TEAM_LIMITS_CHANGED: lambda: teams.limit(ann, company.acme, Limits(9, 4), Limits(), "Agreed"),
        Action.TEAM_SUSPENDED: lambda: teams.suspend(ann, company.acme, "Unpaid"),
        Action.TEAM_RESUMED: lambda: teams.resume(ann, company.acme, "Paid"),
        Action.DATASET_RENAMED: lambda: datasets.rename(ann, flights.id, "Departures", "Flights"),
        Action.QUEUE_LIMITED: lambda: queues.limit(ann, queue, 5, None, "Too many"),
        Action.ROW_EDITED: lambda: rows.edit(ann, flights.id, row, "price", 1.5, 2.25),
    }
    tables = "SELECT to_jsonb(t) - 'version' - 'updated_at' FROM {} t ORDER BY id"
    assert set(acts) == set(RULES) - {Action.DATASET_DELETED}

    async def everything() -> list[Any]:
        return [await admin.fetch(tables.format(table)) for table in TABLES]

    for action, act in acts.items():
        if action == Action.USER_REACTIVATED:
            await users.deactivate(ann, otto, "Left")
        if action == Action.TEAM_RESUMED:
            await teams.suspend(ann, company.acme, "Unpaid")
        before = await everything()
        await act()
        after, first = await everything(), await latest(company)
        assert first.action == action
        assert before != after
        plan = await reverting.plan(ann, first.id)
        assert not plan.refused
        assert {f.name: f.back for f in plan.fields} == first.before
        assert all(f.holds for f in plan.fields)
        await reverting.revert(ann, first.id, WHY)
        assert await everything() == before, action
        second = await latest(company)
        assert second.action == RULES[action].becomes
        assert (second.before, second.after, second.reason) == (first.after, first.before, WHY)
        assert await reverting.links(ann, second.id) == reverting.Links(reverts=first.id)
        assert await reverting.links(ann, first.id) == reverting.Links(reverted_by=second.id)
        assert "reverted already" in (await reverting.plan(ann, first.id)).refused
        await reverting.revert(ann, second.id, "It was right after all")
        assert await everything() == after, action
        await reverting.revert(ann, (await latest(company)).id, WHY)


async def test_nothing_of_an_erased_user_is_put_back(company: Company, admin: asyncpg.Connection, otto: UUID) -> None:
    """Erasing leaves a user deactivated, as an act before may have done."""
    await users.deactivate(company.ann, otto, "Left")
    entry = (await latest(company)).id
    await admin.execute("UPDATE users SET erased_at = now() WHERE id = $1", otto)
    erased = "The personal data of this user are erased."
    assert (await reverting.plan(company.ann, entry)).refused.startswith(erased)
    with pytest.raises(Conflict, match=erased):
        await reverting.revert(company.ann, entry, WHY)


async def test_what_somebody_changed_since_is_named_and_stays(company: Company, otto: UUID) -> None:
    ann, was = company.ann, {"theme": "light", "pages": 20}
    await users.edit_options(ann, otto, {"theme": "dark", "pages": 30}, was, "Asked")
    first = await latest(company)
    await users.edit_options(ann, otto, {"theme": "sepia", "pages": 30}, {"theme": "dark", "pages": 30}, "Asked")
    plan = await reverting.plan(ann, first.id)
    assert {f.name: f.holds for f in plan.fields} == {"options.theme": False, "options.pages": True}
    assert plan.refused == "Not reverted: theme was changed again since. Look at the later entries of this record."
    with pytest.raises(Conflict, match="theme was changed again since"):
        await reverting.revert(ann, first.id, WHY)
    assert (await users.get(ann, otto)).user.options == {"theme": "sepia", "pages": 30}
    with pytest.raises(Invalid):
        await reverting.revert(ann, first.id, " ")


async def test_rules_of_the_change_itself_hold(company: Company, admin: asyncpg.Connection, otto: UUID) -> None:
    ann = company.ann
    await users.deactivate(ann, otto, "Left")
    left = await latest(company)
    await teams.limit(ann, company.acme, Limits(0, None), Limits(), "Full")
    with pytest.raises(Conflict, match="may have 0 active users"):
        await reverting.revert(ann, left.id, WHY)
    await users.correct_email(ann, otto, "o@example.com", "otto@example.com", "Typo")
    typo = await latest(company)
    await add_user(admin, company.nordlicht, "Another", "otto@example.com")
    with pytest.raises(Conflict, match="already a user with this e-mail"):
        await reverting.revert(ann, typo.id, WHY)
    await users.move(ann, otto, company.nordlicht, "Asked")
    moved = await latest(company)
    await teams.suspend(ann, company.acme, "Unpaid")
    with pytest.raises(Conflict, match="is suspended"):
        await reverting.revert(ann, moved.id, WHY)
    await admin.execute("DELETE FROM users WHERE id = $1", otto)
    assert (await reverting.plan(ann, moved.id)).refused == "The record is not there any more."


async def test_a_value_must_fit_its_field_of_today(company: Company, admin: asyncpg.Connection, flights: Made) -> None:
    row = await admin.fetchval("SELECT id FROM dataset_rows")
    await rows.edit(company.ann, flights.id, row, "price", 1.5, 20)
    first = await latest(company)
    await admin.execute("UPDATE schema_fields SET minimum = 10 WHERE key = 'price'")
    with pytest.raises(Conflict, match="does not fit any more"):
        await reverting.revert(company.ann, first.id, WHY)
    await admin.execute("DELETE FROM schema_fields WHERE key = 'price'")
    with pytest.raises(Conflict, match="has no field “price” any more"):
        await reverting.revert(company.ann, first.id, WHY)
    await admin.execute("UPDATE datasets SET status = 'deleting'")
    with pytest.raises(NotFound, match="does not exist any more"):
        await reverting.revert(company.ann, first.id, WHY)


async def test_a_deleted_dataset_is_restored_until_its_rows_go(
    company: Company, admin: asyncpg.Connection, flights: Made
) -> None:
    ann = company.ann
    await datasets.delete(ann, flights.id, "Flights", "Not needed")
    first = await latest(company)
    assert not (await reverting.plan(ann, first.id)).refused
    await reverting.revert(ann, first.id, WHY)
    second = await latest(company)
    assert (second.action, second.detail) == (Action.DATASET_RESTORED, {"reverts": first.id})
    assert (await datasets.get(ann, flights.id)).rows == 1
    assert await admin.fetchval("SELECT status FROM jobs") == "cancelled"
    await datasets.delete(ann, flights.id, "Flights", "Not needed after all")
    again = await latest(company)
    await admin.execute("UPDATE jobs SET status = 'running' WHERE status = 'queued'")
    assert "has begun" in (await reverting.plan(ann, again.id)).refused
    with pytest.raises(Conflict, match="has begun"):
        await reverting.revert(ann, again.id, WHY)


async def test_what_is_never_reverted_says_why(company: Company, admin: asyncpg.Connection, otto: UUID) -> None:
    job = await add_job(admin, company.acme)
    await jobs.retry(company.ann, job, "Again")
    entry = await latest(company)
    assert (await reverting.plan(company.ann, entry.id)).refused == NEVER["job."]
    with pytest.raises(Conflict, match="retry or cancel the job"):
        await reverting.revert(company.ann, entry.id, WHY)
    for action in Action:
        told = action in RULES or any(action.value.startswith(prefix) for prefix in NEVER)
        assert told, f"say of {action} why it cannot be reverted"
    assert NOTHING


async def test_it_takes_both_rights_and_the_team(company: Company, admin: asyncpg.Connection, otto: UUID) -> None:
    await users.change_plan(company.ann, otto, "premium", "Paid")
    first = await latest(company)
    for person in (company.vic, company.nil):
        with pytest.raises(Forbidden):
            await reverting.revert(person, first.id, WHY)
    await admin.execute("UPDATE staff SET role = 'support' WHERE id = $1", company.vic.staff_id)
    support: Staff = replace(company.vic, role=Role.SUPPORT)
    assert not (await reverting.plan(support, first.id)).refused
    with pytest.raises(Forbidden, match="audit:revert"):
        await reverting.revert(support, first.id, WHY)
    await admin.execute("UPDATE users SET team_id = $1", company.nordlicht)
    await users.change_plan(company.ann, otto, "free", "Unpaid")
    theirs = await latest(company)
    for verb in (reverting.plan, reverting.links):
        with pytest.raises(NotFound):
            await verb(company.tess, theirs.id)
    with pytest.raises(NotFound):
        await reverting.revert(company.tess, theirs.id, WHY)
