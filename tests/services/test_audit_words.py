"""Searching the words of the audit log: what whom finds, behind the seals and before them, and what erasing takes."""

import asyncpg
import pytest

from app.config import Settings
from app.errors import Invalid
from app.models import Action
from app.paging import PageRequest, Sort
from app.repositories import audit_words
from app.services import audit, datasets, rows, users
from app.worker import audit_words as worker
from tests.factories import add_user, add_values, make_dataset
from tests.people import Company
from tests.services.sealed import log_of


async def hits(person: object, words: str, **filters: tuple[str, ...]) -> list[str]:
    page = await audit.search(person, PageRequest(filters, search=words))  # type: ignore[arg-type] # a person of the company
    assert page.count.value == len(page.rows)
    return [row.action for row in page.rows]


@pytest.fixture
async def told(company: Company, admin: asyncpg.Connection) -> None:
    """Some entries, none of them sealed."""
    ann = company.ann
    otto = await add_user(admin, company.acme, "Otto Braun", "otto@example.com")
    await users.change_plan(ann, otto, "premium", "ticket 4312, as agreed")
    await users.edit_options(ann, otto, {"theme": "sepia"}, {}, "asked by phone")
    made = await make_dataset(admin, company.acme, "Flights", {"origin": "text"})
    await add_values(admin, made, [{"origin": "Kigali"}])
    await rows.edit(ann, made.id, await admin.fetchval("SELECT id FROM dataset_rows"), "origin", "Kigali", "Nairobi")
    theirs = await make_dataset(admin, company.nordlicht, "Voyages", {"origin": "text"})
    await datasets.rename(ann, theirs.id, "Kigali trips", "Voyages")


CASES = {
    "otto": [Action.USER_OPTIONS_EDITED, Action.USER_PLAN_CHANGED],
    "Otto BRA": [Action.USER_OPTIONS_EDITED, Action.USER_PLAN_CHANGED],
    "4312": [Action.USER_PLAN_CHANGED],
    "premium otto": [Action.USER_PLAN_CHANGED],
    "sepia": [Action.USER_OPTIONS_EDITED],
    "kig": [Action.DATASET_RENAMED, Action.ROW_EDITED],
    "nairobi kigali": [Action.ROW_EDITED],
    "nothing like this": [],
    "'": [],
    "\\": [],
    "& | ! :*": [],
}


async def read_all(settings: Settings, admin: asyncpg.Connection) -> None:
    while await log_of(settings, admin).sealer.seal():
        pass
    while await worker.read_on():
        pass
    unread = "SELECT count(*) FROM audit_entries WHERE id NOT IN (SELECT entry_id FROM audit_words)"
    assert await admin.fetchval(unread) == 0


@pytest.mark.parametrize("sealed", [False, True])
async def test_words_are_found_before_and_behind_the_seals(
    company: Company, admin: asyncpg.Connection, settings: Settings, told: None, sealed: bool
) -> None:
    if sealed:
        await read_all(settings, admin)
    for words, actions in CASES.items():
        assert await hits(company.ann, words) == actions, words
    assert await hits(company.ann, "kigali", record=("row",)) == [Action.ROW_EDITED]
    assert await hits(company.tess, "kigali") == [Action.ROW_EDITED], "another team's words are not found"
    row = (await audit.search(company.ann, PageRequest(search="nairobi"))).rows[0]
    assert await hits(company.ann, str(row.target_id).upper()) == [Action.ROW_EDITED]
    everything = [entry.action for entry in (await audit.search(company.ann, PageRequest())).rows]
    assert await hits(company.ann, "", ip=("127.0.0.1",)) == everything
    assert await hits(company.ann, "", ip=("127.0.0.2",)) == []
    assert len(everything) == 4


async def test_pages_of_words_go_both_ways(
    company: Company, admin: asyncpg.Connection, settings: Settings, told: None
) -> None:
    await read_all(settings, admin)
    otto = await admin.fetchval("SELECT id FROM users")
    for n in range(4):  # four more, which nobody has read so far
        await users.change_plan(company.ann, otto, ("free", "premium")[n % 2], f"turn {n}")
    for descending in (True, False):
        request = PageRequest(search="braun", size=2, sort=Sort("id", descending=descending))
        pages = [await audit.search(company.ann, request)]
        while pages[-1].next:
            turned = PageRequest(search="braun", size=2, sort=request.sort, cursor=pages[-1].next)
            pages.append(await audit.search(company.ann, turned))
        numbers = [row.id for page in pages for row in page.rows]
        assert numbers == sorted(numbers, reverse=descending)
        assert len(numbers) == pages[0].count.value == 6
        back = PageRequest(search="braun", size=2, sort=request.sort, cursor=pages[2].previous)
        assert [row.id for row in (await audit.search(company.ann, back)).rows] == [row.id for row in pages[1].rows]


async def test_very_many_matches_can_still_be_turned_over(
    company: Company, admin: asyncpg.Connection, settings: Settings, told: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await read_all(settings, admin)
    monkeypatch.setattr(audit_words, "COUNT_CAP", 2)
    monkeypatch.setattr("app.repositories.audit.COUNT_CAP", 2)
    request = PageRequest(size=1, filters={"ip": ("127.0.0.1",)})
    numbers, page = [], await audit.search(company.ann, request)
    assert str(page.count) == "2+"
    while True:
        numbers += [row.id for row in page.rows]
        if page.next is None:
            break
        page = await audit.search(company.ann, PageRequest(size=1, filters=request.filters, cursor=page.next))
    assert numbers == [row.id for row in (await audit.search(company.ann, PageRequest())).rows]


async def test_who_sees_personal_data_masked_finds_nothing_by_them(
    company: Company, admin: asyncpg.Connection, settings: Settings, told: None
) -> None:
    support = company.vic
    await admin.execute("UPDATE staff SET role = 'support' WHERE id = $1", support.staff_id)
    for _ in range(2):  # before their words are read, and after
        assert await hits(support, "otto") == [Action.USER_OPTIONS_EDITED, Action.USER_PLAN_CHANGED]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("app.database.work.masked_for", lambda *_: True)
            assert await hits(support, "otto") == []
            assert await hits(support, "4312") == []
            assert await hits(support, "premium") == [Action.USER_PLAN_CHANGED]
        await read_all(settings, admin)


async def test_erasing_a_person_takes_their_words(
    company: Company, admin: asyncpg.Connection, settings: Settings, told: None
) -> None:
    otto = await admin.fetchval("SELECT id FROM users")
    await read_all(settings, admin)
    await users.change_plan(company.ann, otto, "free", "unread words about Otto")
    async with admin.transaction():
        await admin.execute("SET LOCAL ROLE quarterdeck_platform")
        assert await admin.fetchval("SELECT erase_person($1)", otto)
    for words in ("braun", "4312", "sepia", "unread"):
        assert await hits(company.ann, words) == [], words
    assert await hits(company.ann, "premium") == [Action.USER_PLAN_CHANGED, Action.USER_PLAN_CHANGED]
    await read_all(settings, admin)
    assert await hits(company.ann, "braun") == []
    assert await hits(company.ann, "nairobi") == [Action.ROW_EDITED]


async def test_a_search_has_a_length(company: Company) -> None:
    with pytest.raises(Invalid, match="too long"):
        await audit.search(company.ann, PageRequest(search="x" * 201))
