"""Plans over an audit log of two years, by months: a question costs the same wherever it looks, and sorts nothing."""

from datetime import timedelta
from itertools import product

import asyncpg
import pytest

from app.paging import Cursor, PageRequest
from app.services import audit, seals
from tests.people import Company
from tests.services import test_plans
from tests.services.test_plans import buffers, explained, listening, nodes

ENTRIES = 24_000
FEW = 1_500
"""Entries that may be looked at without an index: one month holds about as many."""
BUFFERS = 700
FEW_BUFFERS = 200
"""A few pages of each month."""
_BY_MONTH = (
    "SELECT audit_make_month((date_trunc('month', now()) - m * interval '1 month')::date) FROM generate_series(1, 24) m"
)
_WRITE = (
    "INSERT INTO audit_entries (at, team_id, actor_id, actor_name, actor_kind, ip, action, target_type, target_id,"
    f" target_label, reason) SELECT now() - n * interval '44 min', {test_plans.TEAM},"
    " CASE WHEN n % 300 = 0 THEN $2::uuid ELSE $3::uuid END, 'Ann', 'staff', '10.0.0.' || n % 200,"
    " (ARRAY['dataset.renamed', 'row.edited'])[1 + (n % 50 > 0)::int],"
    " (ARRAY['dataset', 'row'])[1 + (n % 50 > 0)::int], n::text,"
    " 'row ' || n || ' of Flights', CASE WHEN n % 10 = 0 THEN 'ticket ' || n END"
    f" FROM generate_series({ENTRIES}, 1, -1) AS n"
)


@pytest.fixture
async def two_years(company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> int:
    """A log whose words were read; returns its newest number."""
    monkeypatch.setattr(test_plans, "LARGE", {"audit_entries", "audit_words"})
    await admin.execute(_BY_MONTH)
    await admin.execute("SET session_replication_role = replica")
    await admin.execute(_WRITE, company.acme, company.ann.staff_id, company.sue.staff_id)
    await admin.execute("SET session_replication_role = origin")
    await admin.execute(
        "INSERT INTO audit_words SELECT e.id, e.team_id, audit_words_of(e),"
        " audit_words_whole(audit_words_of(e), p.value) FROM audit_entries e"
        " LEFT JOIN audit_personal p ON p.entry_id = e.id"
    )
    await admin.execute(
        "UPDATE audit_words_mark SET next_id = (SELECT max(id) + 1 FROM audit_entries),"
        " next_xid = (SELECT xid FROM audit_entries LIMIT 1)"
    )
    await admin.execute("VACUUM ANALYZE audit_entries, audit_words, audit_personal")
    return int(await admin.fetchval("SELECT max(id) FROM audit_entries"))


def questions(company: Company, newest: int) -> dict[str, PageRequest]:
    middle = Cursor(newest // 2, str(newest // 2))
    ann = (str(company.ann.staff_id),)
    return {
        "first": PageRequest(),
        "deep": PageRequest(cursor=middle),
        "by person": PageRequest({"person": ann}),
        "by person, deep": PageRequest({"person": ann}, cursor=middle),
        "by record": PageRequest({"record": ("row:77",)}),
        "by action": PageRequest({"action": ("dataset.renamed",)}),
        "by team": PageRequest({"team": (str(company.acme),)}),
        "a day": PageRequest({"at": ("24h",)}),
        "from a day on": PageRequest({"day": ("2026-01-31",)}),
        "by a rare word": PageRequest(search="23990"),
        "by a word of a reason": PageRequest(search="ticket 23990"),
        "by an address": PageRequest({"ip": ("10.0.0.7",)}),
    }


async def test_no_question_walks_or_sorts_the_log_and_a_deep_one_costs_what_the_first_costs(
    company: Company, admin: asyncpg.Connection, two_years: int
) -> None:
    found: dict[str, int] = {}
    for actor, (name, request) in product((company.ann, company.tess), questions(company, two_years).items()):
        with listening() as asked:
            found[name] = len((await audit.search(actor, request)).rows) + found.get(name, 0)
        plans = await explained(admin, asked, actor, company)
        assert buffers(plans[-1]) <= BUFFERS, (actor.name, name, buffers(plans[-1]))
        for node in (node for plan in plans for node in nodes(plan)):
            told = (actor.name, name, node["Node Type"], node.get("Relation Name"), node["Actual Rows"])
            if node["Node Type"] in {"Sort", "Incremental Sort"}:
                assert node["Actual Rows"] <= FEW, told
            # A count that is capped may read its 10,001 rows in any order.
            capped = node["Actual Rows"] <= 10_001 and "Filter" not in node
            assert node["Node Type"] != "Seq Scan" or node["Actual Rows"] <= FEW or capped, told
    assert all(found.values()), found


async def test_an_unsealed_log_costs_its_readers_no_more_than_a_sealed_one(
    company: Company, admin: asyncpg.Connection, two_years: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_plans, "LARGE", {"audit_entries", "audit_state"})
    assert await admin.fetchval("SELECT count(*) FROM audit_seals") == 0
    for actor in (company.ann, company.tess):
        with listening() as asked:
            state = await seals.state(actor)
            assert len(await audit.of_record(actor, "dataset", "200")) == 1
        assert state.unsealed_for > timedelta(days=700)
        await explained(admin, asked, actor, company)  # the session plans what stands in the function once
        told, of_record = await explained(admin, asked, actor, company)
        assert buffers(told) <= FEW_BUFFERS, "the oldest entry that waits is found by an index of each month"
        assert buffers(of_record) <= FEW_BUFFERS
        for node in nodes(of_record):
            assert node["Node Type"] not in {"Sort", "Incremental Sort"} or node["Actual Rows"] <= 1
