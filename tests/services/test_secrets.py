"""What jobs are given in confidence: no screen, export, API answer, audit entry, event or log line shows it."""

import json
import logging
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import func, select

from app import job_queue, logs
from app.config import Settings
from app.database import reading, writing
from app.job_queue import TASKS, Task
from app.models import Action, Job, JobEvent, Team
from app.paging import PageRequest
from app.permissions import Permission
from app.privacy import job_secrets
from app.privacy.personal import DOTS
from app.services import audit, exports, jobs
from app.worker import registry
from app.worker.context import JobContext
from app.worker.execution import Execution
from app.worker.process import identity
from tests.people import Company
from tests.services.test_personal import told

CODE, KEY, PHRASE = "hunter2-unmistakable", "live-key-4f9a77c0d1", 'a "quoted" phrase'
SECRETS = (CODE, KEY, "quoted")
SEND = Task("test.send", "Send", secrets=frozenset({"pin_code"}), max_attempts=1)
GIVEN = {
    "to": "https://example.com",
    "headers": [{"API-Key": KEY, "accept": "json"}],
    "nested": {"deep": {"pin_code": {"value": CODE, "of": 1}}},
    "password": PHRASE,
    "password_length": 17,
}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(job_secrets._declared, SEND.kind, frozenset({"pincode"}))
    monkeypatch.setitem(TASKS, SEND.kind, SEND)


async def submitted(company: Company, given: dict[str, Any] | None = None) -> UUID:
    async with writing(company.ann, Permission.IMPORTS_RUN) as work:
        work.record(Action.TEAM_CREATED, await work.get(Team, company.acme))
        job = await job_queue.submit(work, SEND, team_id=company.acme, created_by=None, **(given or GIVEN))
    return job.id


def nothing_of(text: str) -> bool:
    return not any(secret.lower() in text.lower() for secret in SECRETS)


def test_secrets_are_hidden_at_any_depth_and_the_rest_stays(known: None) -> None:
    assert job_secrets.hidden(GIVEN, SEND.kind) == {
        "to": "https://example.com",
        "headers": [{"API-Key": DOTS, "accept": "json"}],
        "nested": {"deep": {"pin_code": DOTS}},
        "password": DOTS,
        "password_length": 17,
    }
    assert job_secrets.hidden({"password": None, "token": ""}, "unknown.kind") == {"password": None, "token": ""}
    assert job_secrets.hidden({"pin_code": CODE}, "another.kind") == {"pin_code": CODE}
    assert job_secrets.hidden({"PIN-Code": CODE}) == {"PIN-Code": DOTS}, "of an unknown kind, every kind's keys count"
    assert job_secrets.secrets_in(GIVEN, SEND.kind) == {CODE, KEY, PHRASE}


def test_every_task_that_is_declared_is_known() -> None:
    task = Task("test.declared", "Declared", secrets=frozenset({"Door_Code"}))
    try:
        assert job_secrets.hidden({"door-code": "1234"}, task.kind) == {"door-code": DOTS}
    finally:
        del job_secrets._declared[task.kind]
    assert set(TASKS) <= set(job_secrets._declared)


async def test_a_run_gets_them_and_nothing_that_it_tells_holds_them(
    known: None,
    company: Company,
    admin: asyncpg.Connection,
    bound: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: dict[str, Any] = {}

    async def leaks(ctx: JobContext, **given: Any) -> dict[str, Any]:
        seen.update(given)
        await ctx.progress(1, 2, f"Sending with {KEY}")
        await ctx.save({"password": PHRASE, "done": 1})
        logging.getLogger("elsewhere").warning("Sent %s", {"key": KEY})
        raise ValueError(f"{CODE} was refused by {given['to']}")

    monkeypatch.setitem(registry._runnables, SEND.kind, registry.Runnable(SEND, leaks))
    root, handlers = logging.getLogger(), logging.getLogger().handlers[:]
    level = root.level
    try:
        for form in ("console", "json"):
            logs.configure("INFO", form)
            job_id = await submitted(company)
            me = identity(bound)
            claimed = await job_queue.claim(job_id, me, 60)
            assert claimed is not None
            await Execution(claimed, me, bound).run()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert {key: seen[key] for key in GIVEN} == GIVEN, "its task works with the real ones"
    lines = capsys.readouterr().err
    assert nothing_of(lines), lines
    assert "Traceback" in lines
    row = await admin.fetchrow("SELECT * FROM jobs WHERE id = $1", job_id)
    assert row["status"] == "failed"
    assert row["error"].startswith(f"ValueError: {DOTS} was refused by https://example.com")
    told_of_it = (row["error"], row["error_signature"], row["progress_text"])
    events = await admin.fetch("SELECT detail::text FROM job_events WHERE job_id = $1", job_id)
    assert nothing_of(str([*told_of_it, *(event["detail"] for event in events)]))


async def test_no_reader_is_shown_them(
    known: None, company: Company, admin: asyncpg.Connection, settings: Settings
) -> None:
    """However a question names, combines or orders what holds them; and what was written before quotes them too."""
    job_id = await submitted(company)
    await admin.execute(
        "UPDATE jobs SET status = 'failed', finished_at = now(), error = $2, result = $3 WHERE id = $1",
        *(job_id, f"It said {CODE}", json.dumps({"answer": f"no, {KEY}", "pin_code": CODE})),
    )
    await admin.execute(
        "INSERT INTO job_events (job_id, team_id, at, kind, detail) VALUES ($1, $2, now(), 'failed', $3)",
        *(job_id, company.acme, json.dumps({"given": {"pin_code": CODE}})),
    )
    seen = await jobs.get(company.sue, job_id)
    assert nothing_of(told(seen)), told(seen)
    assert seen.job.error == f"It said {DOTS}"
    assert seen.job.result == {"answer": f"no, {DOTS}", "pin_code": DOTS}
    await jobs.retry(company.ann, job_id, "again")
    await jobs.cancel(company.ann, job_id, "no")
    stored = json.loads(await admin.fetchval("SELECT input::text FROM jobs WHERE id = $1", job_id))
    assert stored == GIVEN, "what a worker needs is still there"
    assert nothing_of(str(await admin.fetch("SELECT * FROM audit_entries")))
    for request in (PageRequest(), PageRequest(search="send")):
        assert nothing_of(told(await jobs.search(company.sue, request)))
    assert nothing_of(told(await audit.search(company.sue, PageRequest())))
    for name in ("jobs", "audit"):
        exported = await exports.export(company.sue, settings.data_dir, name, PageRequest())
        with exported.file as file:
            file.seek(0)
            assert nothing_of(file.read().decode())
    kept = json.dumps({"at": 3, "pin_code": {"value": CODE}})
    await admin.execute("UPDATE jobs SET checkpoint = $2, result = $2 WHERE id = $1", job_id, kept)
    async with reading(company.sue, Permission.JOBS_READ) as work:
        for question in (
            select(Job),
            select(Job.input),
            select(Job.input.label("x"), Job.kind),
            select(Job.input["nested"]["deep"]),
            select(Job.input["password"].astext),
            select(func.coalesce(Job.checkpoint, Job.result)),
            select(JobEvent),
            select(Job.result).union_all(select(Job.input)),
        ):
            answer = told((await work.execute(question)).all())
            assert nothing_of(answer), f"{question}: {answer}"


async def test_the_log_tells_of_changed_inputs_without_them(known: None, company: Company) -> None:
    job_id = await submitted(company)
    async with writing(company.ann, Permission.JOBS_RETRY) as work:
        job = await work.get(Job, job_id, lock=True)
        job.input = {**GIVEN, "password": f"{PHRASE}, another"}
        work.record(Action.JOB_RETRIED, job)
    entries = told(await audit.search(company.sue, PageRequest(filters={"record": (f"job:{job_id}",)})))
    assert "input.password" in entries
    assert nothing_of(entries), entries
