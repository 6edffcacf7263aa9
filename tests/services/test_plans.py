"""Plans of PostgreSQL on seeded tables: lists use indexes, and a window of the grid costs the same everywhere."""

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event

from app import clock
from app.database import engine
from app.paging import PageRequest, Sort
from app.services import audit, bulk, datasets, failures, imports, jobs, payments, rows, users
from tests.factories import Made, add_import, make_dataset
from tests.people import Company

LARGE = {"jobs", "job_words", "audit_entries", "dataset_rows", "users", "payments"}
ROWS = 20_000
BUFFERS = 300
TEAM = "CASE WHEN n % 200 = 0 THEN $1::uuid ELSE md5((n % 200)::text)::uuid END"
Asked = list[tuple[str, tuple[Any, ...]]]


@pytest.fixture
async def seeded(company: Company, admin: asyncpg.Connection) -> Made:
    """Tables large enough that an index is worth it, with what an installation of some age holds."""
    made = await make_dataset(admin, company.acme, "Flights", {"n": "integer"})
    await admin.execute("SET session_replication_role = replica")  # no trigger counts what is only read here
    await add_import(admin, made, ROWS, "jsonb_build_object('n', n)")
    await admin.execute(
        "INSERT INTO teams (id, name, status, version, created_at, updated_at)"
        " SELECT md5(n::text)::uuid, 'Team ' || n, 'active', 1, now(), now() FROM generate_series(0, 199) AS n"
    )
    await admin.execute(
        "INSERT INTO jobs (id, team_id, kind, input, queue, priority, status, epoch, attempts, max_attempts, run_after,"
        " deliveries, progress, progress_done, progress_text, cost_micros, created_at, finished_at, error)"
        f" SELECT uuidv7(n * interval '-1 min'), {TEAM},"
        " (ARRAY['dataset.delete', 'dataset.import'])[1 + (n % 20 > 0)::int], '{}', 'default', 0,"
        " (ARRAY['failed', 'succeeded'])[1 + (n % 40 > 0)::int], 0, 1, 3, now(), 1, 0, 0, '', 0,"
        " now() - n * interval '1 min', now() - n * interval '1 min',"
        " CASE n % 40 WHEN 0 THEN 'page ' || n % 90 || ' gave up' END FROM generate_series(12000, 1, -1) AS n",
        company.acme,
    )
    await admin.execute(
        "INSERT INTO job_words (job_id, team_id, words) SELECT id, team_id, array_to_tsvector(ARRAY['word' || n % 500])"
        " FROM (SELECT *, row_number() OVER () AS n FROM jobs) AS numbered"
    )
    await admin.execute(
        "INSERT INTO audit_entries (at, team_id, actor_id, actor_name, actor_kind, action, target_type, target_id,"
        f" target_label) SELECT now() - n * interval '1 min', {TEAM},"
        " CASE WHEN n % 30 = 0 THEN $2::uuid ELSE $3::uuid END, 'Ann', 'staff',"
        " (ARRAY['dataset.renamed', 'row.edited'])[1 + (n % 25 > 0)::int], (ARRAY['dataset', 'row'])[1 + (n % 25 > 0)"
        "::int], n::text, '' FROM generate_series(12000, 1, -1) AS n",
        *(company.acme, company.ann.staff_id, company.sue.staff_id),
    )
    await _customers(admin, company)
    await admin.execute("SET session_replication_role = origin")
    await admin.execute("VACUUM ANALYZE")
    return made


async def _customers(admin: asyncpg.Connection, company: Company) -> None:
    """Users of many names, and what they paid."""
    await admin.execute(
        "INSERT INTO users (id, team_id, email, name, plan, status, options, version, created_at, updated_at)"
        f" SELECT uuidv7(n * interval '-1 min'), {TEAM}, 'user' || n || '@example.com', md5((n % 997)::text) || ' ' ||"
        " (ARRAY['Rossi', 'Weber'])[1 + (n % 400 > 0)::int], (ARRAY['premium', 'free'])[1 + (n % 30 > 0)::int],"
        " (ARRAY['deactivated', 'active'])[1 + (n % 50 > 0)::int], '{}', 1, now() - n * interval '1 min', now()"
        " FROM generate_series(12000, 1, -1) AS n",
        company.acme,
    )
    await admin.execute(
        "INSERT INTO payments (id, team_id, user_id, amount_minor, currency, status, refunded_minor, description,"
        " stripe_payment_intent, version, created_at, updated_at)"
        f" SELECT uuidv7(n * interval '-1 min'), {TEAM}, u.id, n, (ARRAY['JPY', 'EUR'])[1 + (n % 40 > 0)::int],"
        " (ARRAY['failed', 'succeeded'])[1 + (n % 50 > 0)::int], 0, 'Document ' || md5((n % 997)::text), 'pi_' || n, 1,"
        " now() - n * interval '1 min', now() FROM generate_series(12000, 1, -1) AS n"
        " JOIN (SELECT id, row_number() OVER () AS n FROM users) AS u USING (n) ORDER BY n DESC",
        company.acme,
    )


@contextmanager
def listening() -> Iterator[Asked]:
    """The questions that the application puts, as they reach the driver."""
    assert engine._engine is not None
    asked: Asked = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if any(table in statement for table in LARGE):
            asked.append((statement, tuple(parameters)))

    event.listen(engine._engine.sync_engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine._engine.sync_engine, "before_cursor_execute", note)


async def explained(admin: asyncpg.Connection, asked: Asked, actor: Any, company: Company) -> list[dict[str, Any]]:
    """The plans of these questions, run with the actor's own role and teams."""
    assert asked
    plans = []
    for statement, parameters in asked:
        async with admin.transaction():
            await admin.execute("SELECT set_config('app.team_ids', $1, true)", f"{{{company.acme}}}")
            await admin.execute(f"SET LOCAL ROLE quarterdeck_{'team' if actor.team_ids else 'platform'}")
            told = await admin.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *parameters)
        plans.append(json.loads(told)[0]["Plan"])
    return plans


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def buffers(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


def _hour() -> tuple[str, str]:
    return (clock.now() - timedelta(hours=1)).isoformat(), ""


def _failed_today() -> PageRequest:
    return PageRequest({"status": ("failed",), "active": ("24h",)})


def _active(**filters: str) -> PageRequest:
    return PageRequest({name: (value,) for name, value in {"active": "24h", **filters}.items()})


LISTS: dict[str, Callable[[Any, Company, Made], Awaitable[Any]]] = {
    "jobs": lambda a, _c, _m: jobs.search(a, PageRequest()),
    "jobs oldest first": lambda a, _c, _m: jobs.search(a, PageRequest(sort=Sort("id", descending=False))),
    "jobs by status": lambda a, _c, _m: jobs.search(a, PageRequest({"status": ("failed",)})),
    "jobs by kind": lambda a, _c, _m: jobs.search(a, PageRequest({"kind": ("dataset.delete",)})),
    "jobs by team": lambda a, c, _m: jobs.search(a, PageRequest({"team": (str(c.acme),)})),
    "jobs by user": lambda a, _c, m: jobs.search(a, PageRequest({"user": (str(m.id),)})),
    "jobs by the end of an id": lambda a, _c, m: jobs.search(a, PageRequest(search=m.id.hex[-8:])),
    "jobs by a word of the input": lambda a, _c, _m: jobs.search(a, PageRequest(search="word77")),
    "jobs of a failure": lambda a, _c, m: jobs.search(a, PageRequest({"signature": (str(m.id),)})),
    "jobs by priority": lambda a, _c, _m: jobs.search(a, PageRequest({"priority": ("high",)})),
    "jobs asked for by staff": lambda a, _c, m: jobs.search(a, PageRequest({"staff": (str(m.id),)})),
    "jobs of a queue": lambda a, _c, _m: jobs.search(a, PageRequest({"queue": ("imports",)})),
    "jobs on a worker": lambda a, _c, m: jobs.search(a, PageRequest({"worker": (str(m.id),)})),
    "jobs active lately": lambda a, _c, _m: jobs.search(a, _active()),
    "jobs active since": lambda a, _c, _m: jobs.search(a, _active(active=f"{_hour()[0]}..")),
    "jobs of a kind active lately": lambda a, _c, _m: jobs.search(a, _active(kind="dataset.delete")),
    "jobs of a user active lately": lambda a, _c, m: jobs.search(a, _active(user=str(m.id))),
    "jobs of a failure active lately": lambda a, _c, m: jobs.search(a, _active(signature=str(m.id))),
    "failed jobs of a day": lambda a, _c, _m: jobs.search(a, _failed_today()),
    "jobs to act on": lambda a, _c, _m: bulk.plan(a, bulk.BulkVerb.RETRY, bulk.Choice(_failed_today())),
    "failures": lambda a, _c, _m: failures.search(a, PageRequest({"state": ("open",)})),
    "jobs by an error": lambda a, _c, _m: jobs.search(a, PageRequest(search="page 77 gave up")),
    "jobs of an hour's end": lambda a, _c, _m: jobs.search(a, PageRequest({"finished_at": _hour()})),
    "users": lambda a, _c, _m: users.search(a, PageRequest()),
    "users by plan": lambda a, _c, _m: users.search(a, PageRequest({"plan": ("premium",)})),
    "users by status": lambda a, _c, _m: users.search(a, PageRequest({"status": ("deactivated",)})),
    "users by team": lambda a, c, _m: users.search(a, PageRequest({"team": (str(c.acme),)})),
    "users of the last hour": lambda a, _c, _m: users.search(a, PageRequest({"created_at": _hour()})),
    "users by name": lambda a, _c, _m: users.search(a, PageRequest(sort=Sort("name", descending=False))),
    "users named": lambda a, _c, _m: users.search(a, PageRequest(search="Rossi")),
    "a user by e-mail": lambda a, _c, _m: users.search(a, PageRequest(search="user77@example.com")),
    "payments": lambda a, _c, _m: payments.search(a, PageRequest()),
    "payments by status": lambda a, _c, _m: payments.search(a, PageRequest({"status": ("failed",)})),
    "payments by currency": lambda a, _c, _m: payments.search(a, PageRequest({"currency": ("JPY",)})),
    "payments by team": lambda a, c, _m: payments.search(a, PageRequest({"team": (str(c.acme),)})),
    "payments by user": lambda a, _c, m: payments.search(a, PageRequest({"user": (str(m.id),)})),
    "payments by amount": lambda a, _c, _m: payments.search(a, PageRequest(sort=Sort("amount"))),
    "payments of the last hour": lambda a, _c, _m: payments.search(a, PageRequest({"created_at": _hour()})),
    "a payment by Stripe's id": lambda a, _c, _m: payments.search(a, PageRequest(search="pi_77")),
    "jobs of the last hour": lambda a, _c, _m: jobs.search(a, PageRequest({"created_at": _hour()})),
    "audit of the last hour": lambda a, _c, _m: audit.search(a, PageRequest({"at": _hour()})),
    "audit": lambda a, _c, _m: audit.search(a, PageRequest()),
    "audit by person": lambda a, c, _m: audit.search(a, PageRequest({"person": (str(c.ann.staff_id),)})),
    "audit by action": lambda a, _c, _m: audit.search(a, PageRequest({"action": ("dataset.renamed",)})),
    "audit by record": lambda a, _c, _m: audit.search(a, PageRequest({"record": ("row:77",)})),
    "audit by kind of record": lambda a, _c, _m: audit.search(a, PageRequest({"record": ("dataset",)})),
    "imports": lambda a, _c, _m: imports.search(a, PageRequest()),
    "imports of a dataset": lambda a, _c, m: imports.search(a, PageRequest({"dataset": (str(m.id),)})),
    "datasets": lambda a, _c, _m: datasets.search(a, PageRequest()),
    "datasets by name": lambda a, _c, _m: datasets.search(a, PageRequest(sort=Sort("name"))),
    "rows": lambda a, _c, m: rows.window(a, m.id, 0, 100),
    "rows in the middle": lambda a, _c, m: rows.window(a, m.id, ROWS // 2, ROWS // 2 + 100),
}


async def test_no_list_reads_a_large_table_from_one_end_to_the_other(
    company: Company, seeded: Made, admin: asyncpg.Connection
) -> None:
    for actor, (name, ask) in product((company.ann, company.tess), LISTS.items()):
        with listening() as asked:
            await ask(actor, company, seeded)
        if not asked:  # no large table is in it at all
            assert name.startswith(("imports", "datasets", "failures"))
            continue
        for plan in await explained(admin, asked, actor, company):
            scans = [node for node in nodes(plan) if node.get("Relation Name") in LARGE]
            for scan in scans:
                # A count that is capped may read its 10,001 rows in any order; everything else goes by an index.
                capped = scan["Actual Rows"] <= 10_001 and "Filter" not in scan
                assert scan["Node Type"] != "Seq Scan" or capped, (actor.name, name, scan)


async def test_a_window_of_the_grid_and_a_page_of_a_list_cost_the_same_everywhere(
    company: Company, seeded: Made, admin: asyncpg.Connection
) -> None:
    for actor in (company.ann, company.tess):
        for start in (0, ROWS // 2, ROWS - 100):
            with listening() as asked:
                window = await rows.window(actor, seeded.id, start, start + 100)
            assert [row.position for row in window.rows] == list(range(start + 1, start + 101))
            plans = await explained(admin, asked, actor, company)
            assert 0 < sum(map(buffers, plans)) <= BUFFERS

    first = await jobs.search(company.ann, PageRequest())
    deep = await admin.fetchval("SELECT id FROM jobs ORDER BY id DESC OFFSET 9000 LIMIT 1")
    assert first.next is not None
    place = type(first.next)(str(deep), str(deep))
    with listening() as asked:
        page = await jobs.search(company.ann, PageRequest(cursor=place))
    assert len(page.rows) == 50
    *_, plan = await explained(admin, asked, company.ann, company)
    assert buffers(plan) <= BUFFERS


async def test_the_last_page_of_what_was_active_lately_looks_at_nothing_older(
    company: Company, seeded: Made, admin: asyncpg.Connection
) -> None:
    """Few of many were active: those created lately end the walk, older ones are found by indexes of their own."""
    page = await jobs.search(company.ann, _active(active="1h"))
    assert len(page.rows) == 50
    assert page.next is not None
    with listening() as asked:
        last = await jobs.search(company.ann, replace(_active(active="1h"), cursor=page.next))
    assert 0 < len(last.rows) < 50
    *_, plan = await explained(admin, asked, company.ann, company)
    assert buffers(plan) <= BUFFERS, "three hours of jobs at most, not all of them"
