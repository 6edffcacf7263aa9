"""Every list, read page by page in both directions, is the list in its whole order: nothing twice, nothing left out."""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from app.errors import Invalid
from app.paging import Cursor, Page, PageRequest, Sort
from app.services import audit, datasets, failures, imports, jobs, payments
from tests.factories import add_failure, add_import, add_job, make_dataset
from tests.people import Company

Search = Callable[[Any, PageRequest], Awaitable[Page[Any]]]
N = 23
LISTS: dict[str, tuple[Search, str, list[str]]] = {
    "datasets": (datasets.search, "SELECT id, lower(name) AS name, updated_at FROM datasets", ["name", "updated_at"]),
    "imports": (imports.search, "SELECT id FROM imports", []),
    "jobs": (jobs.search, "SELECT id FROM jobs", []),
    "payments": (
        payments.search,
        "SELECT id, created_at, amount_minor AS amount FROM payments",
        ["created_at", "amount"],
    ),
    "audit": (audit.search, "SELECT id FROM audit_entries", []),
}
ORDERS = [(name, by, descending) for name in LISTS for by in ["id", *LISTS[name][2]] for descending in (True, False)]


@pytest.fixture
async def full(company: Company, admin: asyncpg.Connection) -> Company:
    """23 of everything; names in two cases and equal times, so that orders have ties."""
    for n in range(N):
        team = company.nordlicht if n % 3 else company.acme
        made = await make_dataset(admin, team, f"{'aA'[n % 2]}{n // 2 % 4}{' ' * n}", {"n": "integer"})
        await add_import(admin, made, 1, "jsonb_build_object('n', n)")
    await admin.execute("UPDATE datasets SET updated_at = date_trunc('hour', now()) + number % 3 * interval '1 s'")
    await admin.execute(
        "INSERT INTO jobs (id, team_id, kind, input, queue, priority, status, epoch, attempts, max_attempts, run_after,"
        " deliveries, progress, progress_done, progress_text, cost_micros, created_at)"
        " SELECT uuidv7(), $1, 'test.made', '{}', 'default', 0, 'failed', 0, 1, 3, now(), 1, 0, 0, '', 0, now()"
        " FROM generate_series(1, $2)",
        *(company.acme, N),
    )
    await admin.execute(
        "INSERT INTO payments (id, team_id, amount_minor, currency, status, refunded_minor, description, version,"
        " created_at, updated_at) SELECT uuidv7(), $1, n % 4, 'EUR', 'succeeded', 0, '', 1,"
        " date_trunc('hour', now()) + n / 5 * interval '1 s', now() FROM generate_series(1, $2) AS n",
        *(company.acme, N),
    )
    await admin.execute(
        "INSERT INTO audit_entries (actor_name, actor_kind, action, target_type, target_id, target_label)"
        " SELECT 'Ann', 'staff', 'team.created', 'team', n::text, '' FROM generate_series(1, $1) AS n",
        N,
    )
    return company


async def walk(search: Search, actor: Any, request: PageRequest, *, backwards: bool) -> list[list[Any]]:
    """The ids of all pages from the first one on, forwards; or back from the last page, which that found."""
    page = await search(actor, request)
    pages, last = [[row.id for row in page.rows]], page
    while page.next is not None:
        page = last = await search(actor, _at(request, page.next))
        pages.append([row.id for row in page.rows])
        assert len(pages) <= N, "it never ends"
    if not backwards:
        return pages
    page, found = last, [[row.id for row in last.rows]]
    while page.previous is not None:
        page = await search(actor, _at(request, page.previous))
        found.insert(0, [row.id for row in page.rows])
        assert len(found) <= N, "it never ends"
    return found


def _at(request: PageRequest, cursor: Cursor) -> PageRequest:
    """As a person does it: the cursor goes through the URL."""
    return PageRequest(request.filters, request.search, request.sort, Cursor.decode(cursor.encode()), request.size)


@pytest.mark.parametrize(("name", "by", "descending"), ORDERS)
async def test_pages_are_the_whole_order(
    full: Company, admin: asyncpg.Connection, name: str, by: str, descending: bool
) -> None:
    search, question, _ = LISTS[name]
    way = "DESC" if descending else "ASC"
    wanted = [row["id"] for row in await admin.fetch(f'{question} ORDER BY "{by}" {way}, id {way}')]
    if by == "name":  # an output column of its own name would be meant: sort by what it really is
        wanted = [row["id"] for row in await admin.fetch(f"{question} ORDER BY lower(name) {way}, id {way}")]
    assert len(wanted) == N
    for size in (1, 5, N - 1, N, N + 1):
        request = PageRequest(sort=Sort(by, descending), size=size)
        forwards = await walk(search, full.ann, request, backwards=False)
        assert [id_ for page in forwards for id_ in page] == wanted
        assert [len(page) for page in forwards[:-1]] == [size] * (len(forwards) - 1)
        back = await walk(search, full.ann, request, backwards=True)
        assert [id_ for page in back for id_ in page] == wanted


@pytest.mark.parametrize("name", LISTS)
async def test_newest_first_and_counted_unless_asked_otherwise(full: Company, name: str) -> None:
    search, *_ = LISTS[name]
    page = await search(full.ann, PageRequest())
    assert [row.id for row in page.rows] == sorted((row.id for row in page.rows), reverse=True)
    assert (str(page.count), page.next, page.previous) == (str(N), None, None)


async def test_a_row_that_comes_or_goes_moves_no_other(full: Company, admin: asyncpg.Connection) -> None:
    request = PageRequest(size=5)
    first = await jobs.search(full.ann, request)
    assert first.next is not None
    await admin.execute("DELETE FROM jobs WHERE id = $1", first.rows[-1].id)
    second = await jobs.search(full.ann, _at(request, first.next))
    wanted = await admin.fetch("SELECT id FROM jobs ORDER BY id DESC LIMIT 5 OFFSET 4")
    assert [row.id for row in second.rows] == [row["id"] for row in wanted]


HUGE = str(1 << 80)
DAMAGED: dict[str, list[Cursor]] = {
    "datasets": [Cursor("x", "no id"), Cursor(None, "")],
    "imports": [Cursor("x", "7")],
    "jobs": [Cursor("x", "\x00")],
    "payments": [Cursor("soon", "no id"), Cursor(None, ""), Cursor("2026-01-01T00:00:00+00:00", "7"), Cursor(7, HUGE)],
    "audit": [Cursor(1, "one"), Cursor(1, HUGE), Cursor(1, "-" + HUGE)],
}


@pytest.mark.parametrize("name", LISTS)
async def test_damaged_cursors_are_refused(full: Company, name: str) -> None:
    search, *_ = LISTS[name]
    for cursor in DAMAGED[name]:
        with pytest.raises(Invalid):
            await search(full.ann, PageRequest(cursor=cursor))


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 10**400])
async def test_a_damaged_place_in_an_order_by_number_is_refused(
    full: Company, admin: asyncpg.Connection, value: float
) -> None:
    job = await add_job(admin, full.acme)
    failure = await add_failure(admin, job, "dataset.import ValueError app/worker.py:read No")
    with pytest.raises(Invalid):
        await failures.search(full.ann, PageRequest(sort=Sort("failed"), cursor=Cursor(value, str(failure))))


@pytest.mark.parametrize("value", [None, 7, "soon", "\x00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_damaged_place_in_an_order_by_time_is_refused(full: Company, value: Any) -> None:
    id_ = str((await datasets.search(full.ann, PageRequest())).rows[0].id)
    with pytest.raises(Invalid):
        await datasets.search(full.ann, PageRequest(sort=Sort("updated_at"), cursor=Cursor(value, id_)))


@pytest.mark.parametrize("value", ["\x00", "\ud800"])
async def test_a_damaged_place_in_an_order_by_name_is_refused(full: Company, value: str) -> None:
    id_ = str((await datasets.search(full.ann, PageRequest())).rows[0].id)
    with pytest.raises(Invalid):
        await datasets.search(full.ann, PageRequest(sort=Sort("name"), cursor=Cursor(value, id_)))
