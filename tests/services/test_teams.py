"""Teams: finding them with what they have, changing them, and what suspended and full teams refuse."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from app.config import Settings
from app.database import reading
from app.errors import Conflict, Duplicate, Forbidden, Invalid, NotFound
from app.models import Plan
from app.paging import CountKind, PageRequest, Sort
from app.permissions import Permission
from app.repositories.teams import EXPORT, matching
from app.services import datasets, imports, teams, users
from app.services.teams import Limits
from app.worker import stats
from tests.factories import Desk, choices, make_dataset
from tests.people import Company

NONE = Limits()


async def test_teams_have_names_and_unique_ones(company: Company, admin: asyncpg.Connection) -> None:
    made = await teams.create(company.ann, "  aardvark ")
    known = [(made.id, "aardvark"), (company.acme, "Acme"), (company.nordlicht, "Nordlicht")]
    assert await teams.names(company.vic) == sorted(known, key=lambda team: team[1].lower())
    assert len(await teams.names(company.vic, 2)) == 2
    entry = await admin.fetchrow("SELECT * FROM audit_told()")
    assert (entry["action"], entry["team_id"], entry["before"]) == ("team.created", made.id, None)
    with pytest.raises(Duplicate, match="already a team"):
        await teams.create(company.ann, "Acme")
    for name in ("", " ", "x" * 121, "a\nb"):
        with pytest.raises(Invalid) as refused:
            await teams.create(company.ann, name)
        assert list(refused.value.fields) == ["name"]
    with pytest.raises(Forbidden):
        await teams.create(company.vic, "Kite Labs")
    with pytest.raises(Forbidden):
        await teams.names(company.nil)


async def test_limited_people_see_their_teams_and_found_none(company: Company) -> None:
    assert await teams.names(company.tess) == [(company.acme, "Acme")]
    with pytest.raises(Forbidden, match="teams:create"):
        await teams.create(company.tess, "Mine")


async def test_a_team_is_typed_by_its_whole_name_or_id(company: Company) -> None:
    assert await teams.named(company.ann, " Nordlicht ") == company.nordlicht
    assert await teams.named(company.tess, str(company.acme)) == company.acme
    for actor, words in ((company.ann, "Nord"), (company.tess, "Nordlicht"), (company.tess, str(company.nordlicht))):
        with pytest.raises(NotFound):
            await teams.named(actor, words)


async def test_the_list_says_what_teams_have_now_without_counting(company: Company, admin: asyncpg.Connection) -> None:
    for n, plan in enumerate([Plan.FREE, Plan.PREMIUM, Plan.PREMIUM]):
        await users.create(company.ann, company.acme, f"U{n}", f"u{n}@example.com", plan)
    gone = await users.create(company.ann, company.acme, "Gone", "gone@example.com")
    await users.deactivate(company.ann, gone.id, "Left")
    await make_dataset(admin, company.acme, "Cities", {"city": "text"})
    empty, full = await listed(company, "name")
    assert (empty.name, empty.users, empty.datasets) == ("Nordlicht", 0, 0)
    assert (full.name, full.plans, full.users, full.deactivated, full.datasets) == (
        *("Acme", {Plan.FREE: 1, Plan.PREMIUM: 2}, 3, 1, 1),
    )
    assert await stats.add_up() > 0
    assert await listed(company, "name") == [empty, full]
    assert (await teams.get(company.tess, company.acme)).team == full
    async with reading(company.ann, Permission.TEAMS_READ) as work:
        query = matching(PageRequest(search="acm")).with_only_columns(*EXPORT.values())
        [row] = (await work.execute(query)).all()
    told = dict(zip(EXPORT, row, strict=True))
    assert (told["active_users"], told["active_premium"], told["datasets"], told["user_limit"]) == (3, 2, 1, None)


async def listed(company: Company, by: str) -> list[teams.TeamRow]:
    return list((await teams.search(company.ann, PageRequest(sort=Sort(by)))).rows)


async def test_filters_search_and_exact_counts(company: Company, admin: asyncpg.Connection) -> None:
    await teams.suspend(company.ann, company.nordlicht, "Unpaid")
    for filters, search, actor, found in (
        ({"status": ("suspended",)}, "", company.ann, ["Nordlicht"]),
        ({"status": ("suspended",)}, "", company.tess, []),
        ({}, "LICHT", company.ann, ["Nordlicht"]),
        ({}, "no", company.ann, ["Nordlicht"]),
        ({}, "ic", company.ann, []),
        ({}, str(company.acme), company.ann, ["Acme"]),
        ({}, "", company.tess, ["Acme"]),
        ({"created_at": ("2001-01-01", "2002-01-01")}, "", company.ann, []),
    ):
        page = await teams.search(actor, PageRequest(filters, search))
        assert [row.name for row in page.rows] == found, (filters, search)
        assert (page.count.value, page.count.kind) == (len(found), CountKind.EXACT)
    with pytest.raises(Invalid):
        await teams.search(company.ann, PageRequest({"status": ("closed",)}))
    await admin.execute("DELETE FROM staff_teams")
    assert (await teams.search(company.tess, PageRequest())).count.value == 0


async def test_renaming_meets_who_was_faster(company: Company, admin: asyncpg.Connection) -> None:
    await teams.rename(company.ann, company.acme, " Acme Labs ", "Acme", "They asked")
    entry = await admin.fetchrow("SELECT * FROM audit_told()")
    assert (entry["action"], entry["reason"], entry["target_label"]) == ("team.renamed", "They asked", "Acme")
    with pytest.raises(Conflict) as late:
        await teams.rename(company.sue, company.acme, "Acme Corp", "Acme", "They asked me")
    assert late.value.theirs == {"name": "Acme Labs"}
    with pytest.raises(Duplicate):
        await teams.rename(company.ann, company.acme, "Nordlicht", "Acme Labs", "Why not")
    with pytest.raises(Invalid) as same:
        await teams.rename(company.ann, company.acme, "Acme Labs", "Acme Labs", "Again")
    assert list(same.value.fields) == ["name"]
    with pytest.raises(Invalid) as silent:
        await teams.rename(company.ann, company.acme, "Other", "Acme Labs", " ")
    assert list(silent.value.fields) == ["reason"]


async def test_a_suspended_team_begins_nothing_new_until_it_is_resumed(
    company: Company, admin: asyncpg.Connection, settings: Settings
) -> None:
    made = await make_dataset(admin, company.acme, "Cities", {"city": "text"})
    ada = await users.create(company.ann, company.acme, "Ada", "ada@example.com")
    bob = await users.create(company.ann, company.nordlicht, "Bob", "bob@example.com")
    await users.deactivate(company.ann, ada.id, "Left")
    await teams.suspend(company.tess, company.acme, "Unpaid")
    desk = Desk.of(company.ann, settings)
    looked = await desk.look(b"city\nUlm\n")
    for refused in (
        users.create(company.ann, company.acme, "Eve", "eve@example.com"),
        users.move(company.ann, bob.id, company.acme, "Asked"),
        users.reactivate(company.ann, ada.id, "Back"),
        imports.start_new(
            *(company.ann, desk.store, looked), team_id=company.acme, name="X", choices=choices(looked), skip_bad=True
        ),
        imports.start(*(company.ann, desk.store, looked), dataset_id=made.id, choices=choices(looked), skip_bad=True),
    ):
        with pytest.raises(Conflict, match="Acme is suspended: it takes no new users, datasets or imports"):
            await refused
    await users.change_plan(company.ann, ada.id, Plan.PREMIUM, "What is there can be changed")
    with pytest.raises(Conflict, match="suspended already"):
        await teams.suspend(company.ann, company.acme, "Twice")
    await teams.resume(company.ann, company.acme, "Paid")
    with pytest.raises(Conflict, match="not suspended"):
        await teams.resume(company.ann, company.acme, "Twice")
    await desk.start(b"city\nUlm\n", made.id)
    await users.reactivate(company.ann, ada.id, "Back")
    acts = await admin.fetch("SELECT action, reason FROM audit_told() WHERE target_type = 'team' ORDER BY id")
    assert [tuple(act) for act in acts] == [("team.suspended", "Unpaid"), ("team.resumed", "Paid")]


async def test_limits_hold_also_when_many_come_at_once(company: Company, admin: asyncpg.Connection) -> None:
    await teams.limit(company.ann, company.acme, Limits(user_limit=2), NONE, "Small plan")
    tries = [users.create(company.ann, company.acme, f"U{n}", f"u{n}@example.com") for n in range(4)]
    ended = await asyncio.gather(*tries, return_exceptions=True)
    refused = [one for one in ended if isinstance(one, BaseException)]
    assert [str(one) for one in refused] == [
        "Acme may have 2 active users and has 2. Raise the team's limit, or make room first."
    ] * 2
    assert await admin.fetchval("SELECT count(*) FROM users") == 2
    first, second = await admin.fetch("SELECT id FROM users ORDER BY id")
    bob = await users.create(company.ann, company.nordlicht, "Bob", "bob@example.com")
    with pytest.raises(Conflict, match="may have 2 active users"):
        await users.move(company.ann, bob.id, company.acme, "Asked")
    await users.deactivate(company.ann, first["id"], "Left")
    both = await asyncio.gather(
        users.reactivate(company.ann, first["id"], "Back"),
        users.move(company.ann, bob.id, company.acme, "Asked"),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in both) == ["Conflict", "NoneType"]
    assert (
        await admin.fetchval("SELECT count(*) FROM users WHERE team_id = $1 AND status = 'active'", company.acme) == 2
    )
    await users.deactivate(company.ann, second["id"], "Left")
    sleeper = await users.create(company.ann, company.nordlicht, "Sleeper", "sleeper@example.com")
    await users.deactivate(company.ann, sleeper.id, "Sleeps")
    await teams.limit(company.ann, company.acme, Limits(user_limit=0), Limits(user_limit=2), "None at all")
    await users.move(company.ann, sleeper.id, company.acme, "Takes no place")


async def test_a_team_full_of_datasets_takes_no_more(
    company: Company, admin: asyncpg.Connection, settings: Settings
) -> None:
    desk = Desk.of(company.ann, settings)
    limits = Limits(dataset_limit=1)
    await teams.limit(company.ann, company.acme, limits, NONE, "Small plan")
    first, second = [await desk.look(f"city\n{name}\n".encode()) for name in ("Ulm", "Jena")]

    async def start(looked: imports.Looked, name: str) -> None:
        await imports.start_new(
            *(company.ann, desk.store, looked), team_id=company.acme, name=name, choices=choices(looked), skip_bad=True
        )

    ended = await asyncio.gather(start(first, "A"), start(second, "B"), return_exceptions=True)
    assert sorted(type(one).__name__ for one in ended) == ["Conflict", "NoneType"]
    with pytest.raises(Conflict, match="Acme may have 1 dataset and has 1"):
        await start(second if isinstance(ended[1], Conflict) else first, "C")
    dataset_id: UUID = await admin.fetchval("SELECT id FROM datasets")
    await desk.run_all(admin)
    name = await admin.fetchval("SELECT name FROM datasets")
    await datasets.delete(company.ann, dataset_id, name, "Make room")
    await start(second if isinstance(ended[1], Conflict) else first, "C")


async def test_limits_are_numbers_that_two_people_may_both_change(company: Company) -> None:
    await teams.limit(company.ann, company.acme, Limits(5, 1), NONE, "Small plan")
    with pytest.raises(Conflict) as late:
        await teams.limit(company.sue, company.acme, Limits(9, None), NONE, "Big plan")
    assert (late.value.theirs, late.value.yours) == (
        {"user_limit": 5, "dataset_limit": 1},
        {"user_limit": 9, "dataset_limit": None},
    )
    with pytest.raises(Invalid, match="already"):
        await teams.limit(company.ann, company.acme, Limits(5, 1), Limits(5, 1), "Again")
    with pytest.raises(Invalid) as wrong:
        await teams.limit(company.ann, company.acme, Limits(-1, 10**7), Limits(5, 1), "Wrong")
    assert set(wrong.value.fields) == {"user_limit", "dataset_limit"}
    assert (await teams.get(company.tess, company.acme)).limits == Limits(5, 1)
    with pytest.raises(NotFound):
        await teams.limit(company.tess, company.nordlicht, Limits(5, 1), NONE, "Theirs")


async def test_the_history_of_a_team_leaves_out_its_rows(company: Company, admin: asyncpg.Connection) -> None:
    await teams.rename(company.ann, company.acme, "Acme Labs", "Acme", "They asked")
    await users.create(company.ann, company.acme, "Ada", "ada@example.com")
    await admin.execute(
        "INSERT INTO audit_entries (team_id, actor_name, actor_kind, action, target_type, target_id, target_label)"
        " SELECT $1, 'Ann', 'staff', 'row.edited', 'row', n::text, 'x' FROM generate_series(1, 600) n",
        company.acme,
    )
    acts = (await teams.get(company.ann, company.acme)).history.acts
    assert [act.action for act in acts] == ["team.renamed"]  # the user's entry lies beyond so many rows
    assert (await teams.get(company.ann, company.nordlicht)).history.acts == []
