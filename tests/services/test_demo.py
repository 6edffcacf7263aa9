"""The demo company: always the same, shaped like a real one, and true down to the last counter."""

import hashlib
import importlib
import inspect
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.actor import Command, Nobody
from app.authentication import sessions
from app.authentication.sessions import WrongPassword
from app.config import Settings
from app.crypto.passwords import NOBODYS_HASH
from app.database import engine
from app.demo import company as demo
from app.demo import loading
from app.demo.dice import DAY_BEGINS, DAY_ENDS
from app.demo.failures import FAILURES, NO_TEMPLATE, READ_ONLY
from app.documents import drafts
from app.errors import StartupProblem
from app.job_queue.attempts import Ending, attempts
from app.services import staff
from tests.conftest import Database
from tests.factories import check_counts
from tests.rules.tree import ROOT

NOW = datetime(2026, 5, 20, 15, 41, 7, tzinfo=UTC)
HOUR = NOW.replace(minute=0, second=0)


@pytest.fixture(scope="module")
def made() -> demo.Company:
    return demo.found(NOW)


def digest(company: demo.Company) -> str:
    return hashlib.sha256(repr((company.tables, company.rows, company.documents)).encode()).hexdigest()


def test_the_same_hour_makes_the_same_company(made: demo.Company) -> None:
    assert digest(made) == digest(demo.found(HOUR))


def test_it_is_as_large_as_promised(made: demo.Company) -> None:
    sizes = {table: len(rows) for table, rows in made.tables.items()}
    assert (sizes["teams"], sizes["users"], sizes["staff"], sizes["datasets"]) == (40, 1500, 6, 3)
    assert sizes["payments"] > 4_000
    assert sizes["jobs"] > 6_000
    assert sizes["audit_entries"] > 1_000
    assert all(len(rows) > 400 for rows in made.rows.values())


@pytest.mark.parametrize("table", ["payments", "jobs"])
def test_days_are_busier_than_nights_and_weekdays_than_weekends(made: demo.Company, table: str) -> None:
    moments: list[datetime] = [row["created_at"] for row in made.tables[table]]
    whole_weeks = [at for at in moments if at >= HOUR - timedelta(days=84)]
    week = Counter(at.weekday() < 5 for at in whole_weeks)
    assert week[True] / 5 >= 1.5 * week[False] / 2
    day = Counter(DAY_BEGINS <= at.hour < DAY_ENDS for at in moments)
    assert day[True] >= 3 * day[False]
    half = HOUR - timedelta(days=45)
    assert sum(at >= half for at in moments) > 1.2 * sum(at < half for at in moments)


def test_it_ends_now_and_reaches_back_ninety_days(made: demo.Company) -> None:
    for table in ("payments", "jobs"):
        moments = [row["created_at"] for row in made.tables[table]]
        assert timedelta() < HOUR - max(moments) < timedelta(hours=6)
        assert timedelta(days=89) < HOUR - min(moments) < timedelta(days=91)
    for rows in made.tables.values():
        for row in rows:
            assert all(value <= HOUR for key, value in row.items() if _is_past(key, value)), row


def _is_past(key: str, value: object) -> bool:
    return isinstance(value, datetime) and key not in {"expires_at", "next_run_at"}


def test_names_have_many_scripts_and_lengths(made: demo.Company) -> None:
    users = made.tables["users"]
    lengths = {len(user["name"]) for user in users}
    assert (min(lengths), max(lengths)) == (2, 60)
    together = "".join(user["name"] for user in users)
    for letter in "łøβжשعअ李さ김ศ":
        assert letter in together.lower(), letter
    assert all(re.fullmatch(r"[a-z0-9.-]+@[a-z-0-9]+\.example\.(com|org|net)", user["email"]) for user in users)


def test_money_is_whole_in_three_currencies_and_paid_documents_are_made_once(made: demo.Company) -> None:
    payments = made.tables["payments"]
    assert {p["currency"] for p in payments} == {"EUR", "USD", "JPY"}
    assert {p["status"] for p in payments} >= {"succeeded", "failed", "cancelled", "disputed"}
    assert {p["refunded_minor"] == p["amount_minor"] for p in payments if p["refunded_minor"]} == {True, False}
    assert all(p["stripe_payment_intent"].startswith("pi_demo_") for p in payments)
    assert all(bool(p["failure"]) == (p["status"] == "failed") for p in payments)
    paid = {p["id"]: p for p in payments if p["status"] in ("succeeded", "disputed")}
    jobs = [job for job in made.tables["jobs"] if job["payment_id"]]
    assert Counter(job["payment_id"] for job in jobs) == Counter(paid.keys())
    for job in jobs:
        payment = paid[job["payment_id"]]
        assert (job["user_id"], job["team_id"]) == (payment["user_id"], payment["team_id"])
        assert job["created_at"] > payment["created_at"]


def test_nobody_buys_before_they_came_or_while_they_were_shut_out(made: demo.Company) -> None:
    users = {user["id"]: user for user in made.tables["users"]}
    teams = {team["id"]: team for team in made.tables["teams"]}
    for row in (*made.tables["payments"], *made.tables["jobs"]):
        if user := users.get(row["user_id"]):
            assert user["created_at"] < row["created_at"]
            assert row["created_at"] < user["updated_at"] or user["status"] == "active"
    for user in users.values():
        assert teams[user["team_id"]]["created_at"] < user["updated_at"]
    active = Counter(user["team_id"] for user in users.values() if user["status"] == "active")
    assert all(active[team["id"]] <= team["user_limit"] for team in teams.values() if team["user_limit"])
    assert {team["status"] for team in teams.values()} == {"active", "suspended"}


def test_no_job_claims_to_run_and_every_one_tells_how_it_ended(made: demo.Company) -> None:
    jobs = made.tables["jobs"]
    assert {job["status"] for job in jobs} == {"queued", "succeeded", "failed", "cancelled"}
    last = {event["job_id"]: event["kind"] for event in made.tables["job_events"]}
    for job in jobs:
        assert last[job["id"]] == job["status"]
        assert job["created_at"] <= (job["started_at"] or job["created_at"]) <= (job["finished_at"] or HOUR)
        assert (job["finished_at"] is None) == (job["status"] == "queued")
    failed = Counter(job["error_signature"] for job in jobs if job["status"] == "failed")
    assert set(failed) == {failure.signature for failure in (*FAILURES, NO_TEMPLATE, READ_ONLY)}
    assert sum(failed.values()) < 0.02 * len(jobs)


def test_failures_name_places_of_the_program_that_exist() -> None:
    for failure in (*FAILURES, NO_TEMPLATE, READ_ONLY):
        if place := re.search(r"(app/[\w/]+)\.py:(\w+) ", failure.signature):
            assert inspect.isfunction(getattr(importlib.import_module(place[1].replace("/", ".")), place[2]))


def test_the_last_day_is_one_that_staff_on_call_know(made: demo.Company) -> None:
    """Several kinds and queues, failures of which one is new, places to go on from, stops, schedules."""
    jobs = {job["id"]: job for job in made.tables["jobs"]}
    today = [job for job in jobs.values() if job["created_at"] > HOUR - timedelta(hours=24)]
    assert {(job["kind"], job["queue"]) for job in today} >= {
        ("document.generate", "documents"),
        ("files.tidy", "default"),
        ("figures.forget", "default"),
    }
    failed = [job for job in jobs.values() if job["status"] == "failed"]
    first = {job["error_signature"]: job["created_at"] for job in reversed(failed)}
    assert {sign for sign, at in first.items() if at > HOUR - timedelta(hours=24)} == {READ_ONLY.signature}
    assert len(first) >= 4
    assert all(job["checkpoint"] for job in jobs.values() if job["kind"] == "dataset.import")
    schedules = {schedule["id"]: schedule["kind"] for schedule in made.tables["schedules"]}
    for job in jobs.values():
        assert (job["team_id"] is None) == (job["schedule_id"] is not None)
        assert schedules.get(job["schedule_id"], job["kind"]) == job["kind"]
    stopped = [job for job in jobs.values() if job["cancel_seen_at"]]
    assert stopped
    assert all(job["cancel_requested_at"] < job["cancel_seen_at"] < job["finished_at"] for job in stopped)


def test_events_tell_of_the_attempts_that_there_were(made: demo.Company) -> None:
    told: dict[UUID, list[Any]] = {}
    for event in made.tables["job_events"]:
        told.setdefault(event["job_id"], []).append(SimpleNamespace(**event))
    endings = Counter[Ending]()
    for job in made.tables["jobs"]:
        runs = attempts(told[job["id"]], job["attempts"])
        endings.update(run.ending for run in runs)
        assert all(run.ended_at and run.started_at <= run.ended_at for run in runs)
        assert all(before.ended_at <= after.started_at for before, after in pairwise(runs) if before.ended_at)
        assert [run.number for run in runs] == list(range(1, job["attempts"] + 1))
        assert job["attempts"] <= job["max_attempts"]
        assert not runs or runs[-1].started_at >= job["run_after"], "it waited until its last run"
        assert sum(run.cost_micros for run in runs) == job["cost_micros"]
        assert job["run_started_at"] == (runs[-1].started_at if runs else None)
    assert set(endings) == {Ending.SUCCEEDED, Ending.FAILED, Ending.AGAIN, Ending.LOST, Ending.CANCELLED}


def test_results_are_what_the_jobs_would_have_said(made: demo.Company) -> None:
    jobs = {job["id"]: job for job in made.tables["jobs"]}
    assert len(made.documents) > 20
    for job_id, text in made.documents.items():
        job = jobs[job_id]
        assert "".join(drafts.ordered(**job["input"]).texts()) == text
        assert job["result"]["sha256"] == hashlib.sha256(text.encode()).hexdigest()


def test_the_log_leads_to_what_every_record_is_now(made: demo.Company) -> None:
    """Whatever an entry says was there before is what the one before it left; the last is what the row holds."""
    known: dict[tuple[str, str, str], Any] = {}
    for entry in made.tables["audit_entries"]:
        target = entry["target_type"], entry["target_id"]
        for key, value in (entry["before"] or {}).items():
            assert known.get((*target, key), value) == value, entry
        known.update({(*target, key): value for key, value in (entry["after"] or {}).items()})
    rows = {str(row["id"]): row for found in made.rows.values() for row in found}
    tables = {"team": "teams", "user": "users", "staff": "staff", "dataset": "datasets"}
    now = {(kind, str(row["id"])): row for kind, table in tables.items() for row in made.tables[table]}
    checked = Counter[str]()
    for (kind, id_, key), value in known.items():
        if kind in {"job", "session"} or key in {"teams", "next_position"}:
            continue
        column, _, part = key.partition(".")
        record = now.get((kind, id_)) or rows[id_]
        found = record[column].get(part) if part else record[column]
        assert value == (
            found.isoformat() if isinstance(found, datetime) else str(found) if isinstance(found, UUID) else found
        )
        checked[kind] += 1
    assert checked.keys() == {"team", "user", "staff", "dataset", "row"}


def test_staff_act_within_their_sessions_and_nobody_can_sign_in(made: demo.Company) -> None:
    sessions = {row["id"]: row for row in made.tables["staff_sessions"]}
    roles = {person["role"] for person in made.tables["staff"]}
    assert roles == {"viewer", "support", "reviewer", "admin", "super_admin"}
    assert {person["password_hash"] for person in made.tables["staff"]} == {NOBODYS_HASH}
    assert all(row["revoked_at"] for row in sessions.values())
    for entry in made.tables["audit_entries"]:
        if entry["actor_kind"] == "staff":
            session = sessions[entry["session_id"]]
            assert session["staff_id"] == entry["actor_id"]
            assert session["created_at"] <= entry["at"] <= session["revoked_at"]


def test_every_picture_is_there(made: demo.Company) -> None:
    pictures = {row["image_url"] for rows in made.rows.values() for row in rows}
    assert len(pictures) > 40
    assert all((ROOT / "components" / picture.removeprefix("/static/")).exists() for picture in pictures)


async def test_what_is_loaded_is_counted_exactly(
    database: Database, admin: asyncpg.Connection, settings: Settings, tmp_path: Path
) -> None:
    assert await loading.load(database.url("quarterdeck_owner"), tmp_path, NOW)
    await check_counts(admin)
    assert await admin.fetchval("SELECT bool_and(origin = 'demo') FROM audit_entries")
    counted = {(r["metric"], r["dimension"]): r["n"] for r in await admin.fetch(NUMBERS)}
    for metric, question in TRUTH.items():
        truth = {(metric, r["dimension"]): r["n"] for r in await admin.fetch(question)}
        assert truth == {key: n for key, n in counted.items() if key[0] == metric}, metric
    decided = await admin.fetchval("SELECT count(*) FROM dataset_rows WHERE status <> 'pending'")
    assert decided == sum(n for (metric, _), n in counted.items() if metric == "reviewed") > 500
    bad = await admin.fetch("SELECT id, rows_bad FROM imports WHERE rows_bad > 0")
    for import_ in bad:
        lines = (tmp_path / "uploads" / f"{import_['id']}.errors.csv").read_text().splitlines()
        assert len(lines) == import_["rows_bad"] + 1
    engine.configure(settings)
    email = await admin.fetchval("SELECT email FROM staff LIMIT 1")
    with pytest.raises(WrongPassword):
        await sessions.sign_in(Nobody("127.0.0.1"), email, "any password at all", "a test")
    first = await staff.ensure_first_administrator(Command("root"), "first@example.com", None)
    assert first, "nobody of the demo can sign in"
    assert await staff.ensure_first_administrator(Command("root"), "second@example.com", None) is None
    await engine.dispose()
    assert not await loading.load(database.url("quarterdeck_owner"), tmp_path, NOW), "only an empty database is filled"


NUMBERS = (
    "SELECT metric, dimension, sum(n)::int AS n FROM (SELECT metric, dimension, n FROM stats_deltas UNION ALL"
    " SELECT metric, dimension, n FROM stats_buckets WHERE team_id IS NULL) AS known GROUP BY 1, 2"
)
TRUTH = {
    "users": "SELECT plan || '|' || status AS dimension, count(*)::int AS n FROM users GROUP BY 1",
    "teams": "SELECT status AS dimension, count(*)::int AS n FROM teams GROUP BY 1",
    "payments": "SELECT currency || '|' || status AS dimension, count(*)::int AS n FROM payments GROUP BY 1",
    "jobs": "SELECT kind || '|' || status AS dimension, count(*)::int AS n FROM jobs WHERE finished_at IS NOT NULL"
    " GROUP BY 1",
    "imported": "SELECT '' AS dimension, count(*)::int AS n FROM imports GROUP BY 1",
    "active": "SELECT '' AS dimension, count(*)::int AS n FROM user_days",
    "actions": "SELECT action AS dimension, count(*)::int AS n FROM audit_entries WHERE actor_kind = 'staff'"
    " GROUP BY 1",
}


START = "INSERT INTO audit_entries (actor_name, actor_kind, action, target_type, target_id, target_label) VALUES "
MERE_START = (
    "('root', 'command', 'staff.created', 'staff', '1', ''), ('ann', 'staff', 'session.started', 'session', '', ''),"
    " ('ann', 'nobody', 'session.refused', 'staff', '', ''), ('ann', 'nobody', 'session.throttled', 'staff', '', ''),"
    " ('ann', 'staff', 'session.not_proved', 'staff', '', ''), ('ann', 'staff', 'session.ended', 'session', '', '')"
)


@pytest.mark.parametrize(
    "work",
    ["('ann', 'staff', 'row.edited', 'row', '1', '')", "('root', 'command', 'staff.created', 'staff', '2', '')"],
    ids=["an edit", "a second account"],
)
async def test_it_is_not_reset_once_somebody_has_worked(
    admin: asyncpg.Connection, database: Database, work: str
) -> None:
    await admin.execute(f"{START}{MERE_START}, {work}")
    with pytest.raises(StartupProblem, match="people have worked here"):
        await loading.clear(database.url("quarterdeck_owner"))
    assert await admin.fetchval("SELECT count(*) FROM audit_entries") == 7


async def test_it_is_not_reset_under_somebody_s_hands(admin: asyncpg.Connection, database: Database) -> None:
    other = await asyncpg.connect(database.url("quarterdeck_app"))
    try:
        with pytest.raises(StartupProblem, match="Quarterdeck is running"):
            await loading.clear(database.url("quarterdeck_owner"))
    finally:
        await other.close()


async def test_what_a_mere_start_recorded_goes_with_a_reset(admin: asyncpg.Connection, database: Database) -> None:
    await admin.execute(START + MERE_START)
    await loading.clear(database.url("quarterdeck_owner"))
    left = "SELECT count(*) FROM pg_class WHERE relnamespace IN ('public'::regnamespace, 'engine'::regnamespace)"
    assert await admin.fetchval(left + " AND relkind IN ('r', 'S')") == 0
