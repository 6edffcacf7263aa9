"""``/metrics``: closed without its token, cheap however often it is asked, and its counters only grow."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr, ValidationError

from app import clock
from app.config import Settings
from app.database import engine, keeping
from app.ids import uuid7
from app.job_queue import declare_queues
from app.web import errors
from app.web.routes import metrics
from app.web.routes.exposition import SETTLED, SinceStart
from tests.factories import add_job
from tests.people import Company

TOKEN = "a-token-of-the-tests"
ALLOWED = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def told(company: Company) -> metrics.Metrics:
    async with keeping("queues: declare") as work:
        await declare_queues(work)
    return metrics.Metrics(lambda: 3)


@pytest.fixture
async def scraper(told: metrics.Metrics) -> AsyncIterator[httpx.AsyncClient]:
    api = FastAPI(openapi_url=None)
    errors.install(api)
    api.include_router(metrics.router(SecretStr(TOKEN), told))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://watched") as client:
        yield client


async def _values(scraper: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    answer = await scraper.get("/metrics", headers=ALLOWED)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


async def test_queues_jobs_and_workers_are_told(
    scraper: httpx.AsyncClient, company: Company, admin: asyncpg.Connection
) -> None:
    await admin.execute("UPDATE queues SET paused_at = now(), max_running = 4 WHERE name = 'imports'")
    for status in ("queued", "queued", "running"):
        await add_job(admin, company.acme, status=status, kind="dataset.import")
    await admin.execute("UPDATE jobs SET queue = 'imports'")
    await admin.execute("UPDATE jobs SET run_after = now() - interval '90 s' WHERE status = 'queued'")
    await admin.execute("UPDATE jobs SET status = 'failed', finished_at = now() WHERE status = 'running'")
    for late in (0, 60):
        await admin.execute(
            "INSERT INTO workers (id, host, pid, started_at, heartbeat_at, concurrency, engine, version)"
            " VALUES ($1, 'h', 1, now(), now() - $2 * interval '1 s', 2, 'pgqueuer', '0')",
            *(uuid7(), late),
        )
    seen = await _values(scraper)
    assert seen["quarterdeck_jobs", "imports", "queued"] == 2
    assert seen["quarterdeck_jobs", "imports", "running"] == 0
    assert seen["quarterdeck_jobs_ended_total", "dataset.import", "imports", "failed"] == 1
    assert seen["quarterdeck_job_run_seconds_count", "dataset.import", "imports"] == 1
    assert seen["quarterdeck_queue_oldest_waiting_seconds", "imports"] >= 90
    assert seen["quarterdeck_queue_oldest_waiting_seconds", "default"] == 0
    assert (seen["quarterdeck_queue_paused", "imports"], seen["quarterdeck_queue_limit", "imports"]) == (1, 4)
    assert ("quarterdeck_queue_limit", "default") not in seen
    assert (seen["quarterdeck_workers", "alive"], seen["quarterdeck_workers", "lost"]) == (1, 1)
    assert seen["quarterdeck_worker_places",] == 2
    assert seen["quarterdeck_open_tabs",] == 3
    assert seen["quarterdeck_database_up",] == 1
    assert seen["quarterdeck_audit_unsealed_seconds",] >= 0
    assert seen["quarterdeck_database_connections_limit",] >= 1
    assert seen["process_resident_memory_bytes",] > 0


@pytest.mark.parametrize("sent", ["", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ä"])
async def test_without_the_token_there_is_nothing(
    scraper: httpx.AsyncClient, told: metrics.Metrics, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(told, "text", None)  # asking for anything would fail
    answer = await scraper.get("/metrics", headers=[(b"authorization", sent.encode())])
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_it_is_off_unless_a_token_is_set(told: metrics.Metrics) -> None:
    api = FastAPI(openapi_url=None)
    errors.install(api)
    api.include_router(metrics.router(None, told))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://watched") as client:
        for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}, ALLOWED):
            assert (await client.get("/metrics", headers=headers)).status_code == 404
    with pytest.raises(ValidationError):
        Settings(metrics_token=SecretStr("short"))


async def test_many_scrapes_ask_the_database_once(
    scraper: httpx.AsyncClient, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await scraper.get("/metrics", headers=ALLOWED)
    await admin.execute("UPDATE queues SET max_running = 1")
    again = await scraper.get("/metrics", headers=ALLOWED)
    assert first.content == again.content
    monkeypatch.setattr(metrics, "KEPT_SECONDS", 0.0)
    assert (await scraper.get("/metrics", headers=ALLOWED)).content != first.content


async def test_without_the_database_it_tells_of_itself(scraper: httpx.AsyncClient) -> None:
    await engine.dispose()
    seen = await _values(scraper)
    assert seen["quarterdeck_database_up",] == 0
    assert seen["quarterdeck_open_tabs",] == 3
    assert not any(name.startswith("quarterdeck_jobs") for name, *_ in seen)


def _minute(at: datetime, n: int) -> Any:
    counted = {"succeeded": n, "failed": 0, "cancelled": 0, "retried": 0, "started": n, "waited_ms": n, "ran_ms": n}
    return SimpleNamespace(minute=at, queue="default", kind="x", **counted)


def test_what_the_database_forgets_stays_counted() -> None:
    start = clock.now().replace(second=0, microsecond=0)
    since = SinceStart(start)
    key = ("default", "x", "succeeded")
    assert since.add([_minute(start, 5)], start)[key] == 5
    assert since.add([_minute(start, 7)], start)[key] == 7, "the minute that runs is counted anew, not twice"
    later = start + SETTLED + timedelta(minutes=1)
    assert since.add([_minute(start, 8), _minute(later, 2)], later)[key] == 10
    assert since.asked_from == later - SETTLED
    assert since.add([_minute(later, 3)], later)[key] == 11, "the settled minute is not asked for again"


async def test_the_event_loop_is_watched_as_long_as_the_application_lives(told: metrics.Metrics) -> None:
    async with told.watching():
        text = ""
        while "quarterdeck_event_loop_lag_seconds_count 0.0" in text or not text:
            told._made_at = float("-inf")
            text = (await told.text()).decode()
    assert 'quarterdeck_event_loop_lag_seconds_bucket{le="0.02"}' in text
