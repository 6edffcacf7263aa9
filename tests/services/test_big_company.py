"""The benchmarks' company: its counters say what the triggers would have said, and its lists find what is in them."""

import asyncpg
import pytest

from app.config import Settings
from app.paging import CountKind, PageRequest
from app.services import jobs, users
from benchmarks import company as big_company
from benchmarks.company import BigCompany
from benchmarks.database import Bench
from tests.conftest import Database
from tests.people import Company

USERS = 300


@pytest.fixture
async def big(company: Company, settings: Settings, database: Database, admin: asyncpg.Connection) -> BigCompany:
    return await big_company.make(Bench(settings, admin, database.admin_url, company.acme, company.ann), USERS)


async def test_its_counters_agree_with_its_rows(big: BigCompany, admin: asyncpg.Connection) -> None:
    kinds = "SELECT team_id, kind, status, {} FROM {} GROUP BY 1, 2, 3"
    assert await _same(admin, kinds.format("sum(n)", "job_counts"), kinds.format("count(*)", "jobs"))
    told = "SELECT dimension, n FROM stats_buckets WHERE team_id IS NULL AND metric = '{}' AND n <> 0"
    counted = "SELECT {} AS what, count(*) FROM {} GROUP BY 1"
    for metric, dimension, table in (
        ("users", "plan || '|' || status", "users"),
        ("payments_now", "currency || '|' || status", "payments"),
    ):
        assert await _same(admin, told.format(metric), counted.format(dimension, table))
    days = "SELECT sum(n) FROM stats_buckets WHERE team_id IS NULL AND metric = 'active'"
    assert await _same(admin, days, "SELECT count(*) FROM user_days")
    assert await admin.fetchval("SELECT count(*) FROM audit_entries") == big.rows("audit_entries")


async def test_it_has_every_index_that_the_product_has_and_a_log_by_months(
    company: Company, settings: Settings, database: Database, admin: asyncpg.Connection
) -> None:
    indexes = (
        "SELECT x.indexrelid::regclass::text, x.indisvalid, x.indisunique, x.indkey::text,"
        " (SELECT count(*) FROM pg_inherits i WHERE i.inhparent = x.indexrelid) > 0"
        " FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid WHERE c.relnamespace = 'public'::regnamespace"
    )
    before = set(map(tuple, await admin.fetch(indexes)))
    await big_company.make(Bench(settings, admin, database.admin_url, company.acme, company.ann), USERS)
    assert set(map(tuple, await admin.fetch(indexes))) == before
    months = await admin.fetch("SELECT tableoid::regclass::text, count(*) FROM audit_entries GROUP BY 1")
    assert len(months) >= big_company.LOG_DAYS // 31
    assert "audit_months.other" not in dict(months)


async def test_its_lists_find_what_is_in_them(big: BigCompany, company: Company, admin: asyncpg.Connection) -> None:
    everybody = await admin.fetch("SELECT id, email, team_id, name FROM users")
    for actor, teams in ((company.ann, set(big.teams)), (big.tess, set(big.tess.team_ids or ()))):
        mine = [user for user in everybody if user["team_id"] in teams]
        assert mine
        for user in everybody[::60]:
            found = await users.search(actor, PageRequest(search=user["email"].upper()))
            assert [row.id for row in found.rows] == ([user["id"]] if user["team_id"] in teams else [])
        named = sum("Nakamura" in user["name"] for user in mine)
        counted = (await users.search(actor, PageRequest(search="nakamura"))).count
        assert (counted.value, counted.kind) == (named, CountKind.EXACT)
        failed = await admin.fetchval(
            "SELECT count(*) FROM jobs WHERE error ILIKE '%gave up%' AND team_id = ANY ($1)", list(teams)
        )
        assert (await jobs.search(actor, PageRequest(search="gave UP"))).count.value == failed
        assert (await jobs.search(actor, PageRequest({"status": ("failed",)}))).count.value == failed


async def _same(admin: asyncpg.Connection, one: str, other: str) -> bool:
    rows = [sorted(map(tuple, await admin.fetch(question))) for question in (one, other)]
    return rows[0] == rows[1] and bool(rows[0])
