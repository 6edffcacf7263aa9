"""Users: found by what people know of them, changed with a reason, and never over somebody else's change."""

import asyncio
from typing import Any

import asyncpg
import pytest

from app.database import reading
from app.errors import Conflict, Duplicate, Forbidden, Invalid, NotFound
from app.ids import uuid7
from app.models import Plan, User
from app.paging import CountKind, PageRequest, Sort
from app.permissions import Permission
from app.repositories.users import EXPORT, matching
from app.services import users
from tests.factories import add_job
from tests.people import Company


@pytest.fixture
async def ada(company: Company) -> User:
    return await users.create(company.ann, company.acme, "  Ada   Lovelace ", " ada@example.com ", "premium")


@pytest.fixture
async def bob(company: Company) -> User:
    return await users.create(company.ann, company.nordlicht, "Bob Иванов", "bob@nordlicht.example", "free")


async def entry(admin: asyncpg.Connection) -> Any:
    return await admin.fetchrow("SELECT * FROM audit_told() ORDER BY id DESC LIMIT 1")


async def test_a_new_user(company: Company, admin: asyncpg.Connection, ada: User) -> None:
    assert (ada.name, ada.email, ada.plan, ada.status, ada.options) == (
        *("Ada Lovelace", "ada@example.com", "premium", "active", {}),
    )
    made = await entry(admin)
    assert (made["action"], made["team_id"], made["target_label"]) == ("user.created", company.acme, "Ada Lovelace")
    with pytest.raises(Duplicate, match="There is already a user with this e-mail"):
        await users.create(company.ann, company.nordlicht, "Other", "ADA@example.com")
    both = await asyncio.gather(
        *(users.create(company.ann, company.acme, "Eve", "eve@example.com") for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in both) == ["Duplicate", "User"]
    with pytest.raises(NotFound):
        await users.create(company.tess, company.nordlicht, "Mine", "mine@example.com")
    with pytest.raises(NotFound):
        await users.create(company.ann, uuid7(), "Nowhere", "nowhere@example.com")
    with pytest.raises(Forbidden):
        await users.create(company.vic, company.acme, "Mine", "mine@example.com")
    assert (await users.create(company.ann, company.acme, "நி\u200dலா", "nila@example.com")).name == "நி\u200dலா"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        *[({"name": name}, "name") for name in ("", "  ", "x" * 121, "a\x00b", "a\u202eb")],
        *[({"email": email}, "email") for email in ("", "ada", "a@b", "a b@c.de", "a@b@c.de", f"{'x' * 250}@b.de")],
        ({"plan": "gold"}, "plan"),
    ],
)
async def test_a_new_user_needs_a_name_an_address_and_a_plan(
    company: Company, wrong: dict[str, str], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await users.create(company.ann, company.acme, **({"name": "Ada", "email": "ada@example.com"} | wrong))
    assert list(refused.value.fields) == [field]


async def test_people_find_users_by_what_they_know(company: Company, ada: User, bob: User) -> None:
    for words, found in (
        ("lovel", [ada]),
        ("LOVE", [ada]),
        ("lo", [ada]),
        ("ov", []),
        ("иван", [bob]),
        ("nordlicht.ex", [bob]),
        ("bob@nordlicht.example", [bob]),
        ("bo", [bob]),
        ("%", []),
        ("a_a", []),
        (str(ada.id), [ada]),
        (ada.id.hex, [ada]),
        ("nobody", []),
    ):
        page = await users.search(company.ann, PageRequest(search=words))
        assert [row.id for row in page.rows] == [user.id for user in found], words
        page = await users.search(company.tess, PageRequest(search=words))
        assert [row.id for row in page.rows] == [user.id for user in found if user is ada], words
        assert page.count.value == len(page.rows)


async def test_filters_count_exactly_and_lists_turn_their_pages(company: Company, ada: User, bob: User) -> None:
    eve = await users.create(company.ann, company.acme, "eve", "eve@example.com")
    await users.deactivate(company.ann, eve.id, "Left")
    acme, nordlicht = str(company.acme), str(company.nordlicht)
    for filters, found in (
        ({}, [eve, bob, ada]),
        ({"plan": ("premium",)}, [ada]),
        ({"plan": ("free",), "status": ("active",)}, [bob]),
        ({"status": ("deactivated",)}, [eve]),
        ({"team": (acme,)}, [eve, ada]),
        ({"team": (acme, nordlicht), "plan": ("free",)}, [eve, bob]),
        ({"created_at": ("2001-01-01T00:00:00+00:00", "")}, [eve, bob, ada]),
        ({"created_at": ("", "2001-01-01T00:00:00+00:00")}, []),
    ):
        for actor in (company.ann, company.tess):
            mine = [user.id for user in found if actor is company.ann or user.team_id == company.acme]
            page = await users.search(actor, PageRequest(filters))
            assert sorted(row.id for row in page.rows) == sorted(mine), filters
            assert (page.count.value, page.count.kind) == (len(mine), CountKind.EXACT), filters
    by_name = PageRequest(sort=Sort("name", descending=False), size=2)
    first = await users.search(company.ann, by_name)
    second = await users.search(company.ann, PageRequest(sort=by_name.sort, size=2, cursor=first.next))
    assert [row.name for row in (*first.rows, *second.rows)] == ["Ada Lovelace", "Bob Иванов", "eve"]
    for wrong in ({"plan": ("gold",)}, {"team": ("acme",)}):
        with pytest.raises(Invalid):
            await users.search(company.ann, PageRequest(wrong))


async def test_a_file_of_users_has_the_same_rows(company: Company, ada: User) -> None:
    async with reading(company.tess, Permission.USERS_READ) as work:
        query = matching(PageRequest(search="lovelace")).with_only_columns(*EXPORT.values())
        [row] = (await work.execute(query)).all()
    assert dict(zip(EXPORT, row, strict=True)) | {"created_at": None} == {
        "id": ada.id, "name": "Ada Lovelace", "email": "ada@example.com", "team_id": company.acme, "team": "Acme",
        "plan": "premium", "status": "active", "last_active_day": None, "created_at": None,
    }  # fmt: skip


async def test_a_user_with_everything_that_happened(company: Company, admin: asyncpg.Connection, ada: User) -> None:
    job = await add_job(admin, company.acme)
    await admin.execute("UPDATE jobs SET user_id = $1", ada.id)
    payment = uuid7()
    await admin.execute(
        "INSERT INTO payments (id, team_id, user_id, amount_minor, currency, status, refunded_minor, description,"
        " version, created_at, updated_at) VALUES ($1, $2, $3, 1250, 'JPY', 'succeeded', 0, '', 1, $4, $4)",
        *(payment, company.acme, ada.id, ada.created_at),
    )
    seen = await users.get(company.tess, ada.id)
    assert (seen.user.name, seen.team.name, seen.last_active) == ("Ada Lovelace", "Acme", ada.created_at.date())
    assert [act.action for act in seen.history.acts] == ["user.created"]
    assert ([one.id for one in seen.history.jobs], [one.id for one in seen.history.payments]) == ([job], [payment])
    [row] = (await users.search(company.tess, PageRequest())).rows
    assert row.last_active == ada.created_at.date()
    with pytest.raises(NotFound):
        await users.get(company.ann, uuid7())


async def test_each_verb_has_a_reason_and_an_entry(company: Company, admin: asyncpg.Connection, ada: User) -> None:
    for verb, action, before, after in (
        (users.change_plan(company.ann, ada.id, "free", "why"), "user.plan_changed", "premium", "free"),
        (users.deactivate(company.ann, ada.id, "why"), "user.deactivated", "active", "deactivated"),
        (users.reactivate(company.ann, ada.id, "why"), "user.reactivated", "deactivated", "active"),
        (
            users.correct_email(company.ann, ada.id, "ada@x.example", "ada@example.com", "why"),
            *("user.email_corrected", "ada@example.com", "ada@x.example"),
        ),
        (
            users.move(company.ann, ada.id, company.nordlicht, "why"),
            *("user.moved", str(company.acme), str(company.nordlicht)),
        ),
        (users.edit_options(company.ann, ada.id, {"theme": "dark"}, {}, "why"), "user.options_edited", None, "dark"),
    ):
        await verb
        told = await entry(admin)
        assert (told["action"], told["reason"], told["target_id"]) == (action, "why", str(ada.id))
        assert f'"{after}"' in told["after"]
        assert before is None or f'"{before}"' in told["before"]
    for silent in (
        users.change_plan(company.ann, ada.id, "premium", " "),
        users.deactivate(company.ann, ada.id, ""),
        users.reactivate(company.ann, ada.id, "\x00"),
        users.correct_email(company.ann, ada.id, "a@b.example", "x", ""),
        users.move(company.ann, ada.id, company.acme, ""),
        users.edit_options(company.ann, ada.id, {}, {}, ""),
    ):
        with pytest.raises(Invalid) as refused:
            await silent
        assert list(refused.value.fields) == ["reason"]


async def test_what_is_so_already_is_said(company: Company, ada: User) -> None:
    await users.deactivate(company.ann, ada.id, "Left")
    for verb, words in (
        (users.change_plan(company.ann, ada.id, Plan.PREMIUM, "why"), "on the premium plan already"),
        (users.deactivate(company.ann, ada.id, "why"), "deactivated already"),
        (users.move(company.ann, ada.id, company.acme, "why"), "in Acme already"),
    ):
        with pytest.raises(Conflict, match=words):
            await verb
    await users.reactivate(company.ann, ada.id, "Back")
    with pytest.raises(Conflict, match="active already"):
        await users.reactivate(company.ann, ada.id, "why")
    with pytest.raises(Invalid, match="already"):
        await users.correct_email(company.ann, ada.id, "ada@example.com", "ada@example.com", "why")
    with pytest.raises(Invalid, match="Nothing is different"):
        await users.edit_options(company.ann, ada.id, {}, {}, "why")


async def test_a_limited_person_moves_nobody_out_of_sight(
    company: Company, admin: asyncpg.Connection, ada: User, bob: User
) -> None:
    for user, team in ((ada, company.nordlicht), (bob, company.acme)):
        with pytest.raises(NotFound):
            await users.move(company.tess, user.id, team, "Mine")
    assert await admin.fetchval("SELECT team_id FROM users WHERE id = $1", ada.id) == company.acme
    await users.move(company.ann, bob.id, company.acme, "Asked")
    assert (await users.get(company.tess, bob.id)).team.id == company.acme
    told = await entry(admin)
    assert (told["team_id"], told["detail"]) == (company.acme, '{"team": "Acme"}')


async def test_an_address_meets_who_was_faster_and_who_has_it(company: Company, ada: User, bob: User) -> None:
    with pytest.raises(Duplicate, match="already a user with this e-mail"):
        await users.correct_email(company.ann, ada.id, "Bob@Nordlicht.example", "ada@example.com", "Typo")
    await users.correct_email(company.ann, ada.id, "Ada@example.com", "ada@example.com", "Her own spelling")
    with pytest.raises(Conflict) as late:
        await users.correct_email(company.sue, ada.id, "lady@example.com", "ada@example.com", "Typo")
    assert late.value.theirs == {"email": "Ada@example.com"}


async def test_options_are_one_object_and_meet_who_was_faster(
    company: Company, admin: asyncpg.Connection, ada: User
) -> None:
    kept = {"theme": "dark", "limits": {"pages": 20}, "price": 2.5, "tags": ["a", None]}
    await users.edit_options(company.ann, ada.id, kept, {}, "As asked")
    assert (await users.get(company.ann, ada.id)).user.options == kept
    with pytest.raises(Conflict) as late:
        await users.edit_options(company.sue, ada.id, {"theme": "light"}, {}, "As asked by phone")
    assert (late.value.original, late.value.theirs, late.value.yours) == ({}, kept, {"theme": "light"})
    await users.edit_options(company.ann, ada.id, {"theme": "dark"}, kept, "Less")
    gone = (await entry(admin))["before"]
    assert '"options.price": 2.5' in gone
    assert "theme" not in gone
