"""Documents: made from what was ordered, kept whole, taken away by those who may."""

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

import app.worker.tasks.documents  # noqa: F401 - binds the function that the job runs
from app import job_queue
from app.config import Settings
from app.database import writing
from app.documents import drafts
from app.errors import Forbidden, Invalid, NotFound
from app.job_queue.tasks import DOCUMENT_GENERATE
from app.models import Action
from app.permissions import Permission
from app.services import documents, jobs
from tests.factories import Desk, add_job
from tests.people import Company

ORDER: dict[str, Any] = {"template": "report", "title": "Heat: pumps / 熱", "language": "de", "pages": 9}


async def order(company: Company, admin: asyncpg.Connection, **changes: Any) -> UUID:
    """A customer's job, as the product queues it."""
    async with writing(company.ann, Permission.IMPORTS_RUN) as work:
        job = await job_queue.submit(work, DOCUMENT_GENERATE, team_id=company.acme, created_by=None, **ORDER | changes)
        work.record(Action.JOB_RETRIED, job)
    return job.id


@pytest.fixture
def desk(company: Company, settings: Settings) -> Desk:
    return Desk.of(company.ann, settings)


@pytest.mark.parametrize("template", drafts.TEMPLATES)
@pytest.mark.parametrize("pages", [1, 2, 7, 40])
def test_every_page_and_every_section_is_there_once_in_order(template: str, pages: int) -> None:
    texts = list(drafts.ordered(template, "T", "en", pages).texts())
    assert [f"— {n} / {pages} —" in text for n, text in enumerate(texts, start=1)] == [True] * pages
    heads = [line for text in texts for line in text.splitlines() if line and line[0] not in "— " and line != "T"]
    sections = [drafts._SECTIONS[key][0] for key in drafts.TEMPLATES[template]]
    assert list(dict.fromkeys(heads)) == sections


@pytest.mark.parametrize("change", [{"template": "novel"}, {"language": "xx"}, {"pages": 0}, {"pages": 201}])
def test_what_cannot_be_made_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        drafts.ordered(**ORDER | change)


@pytest.mark.parametrize(("title", "name"), [("Heat: pumps / 熱", "Heat pumps 熱.txt"), ("../..", "document.txt")])
def test_a_file_is_named_by_its_title_and_never_by_a_path(title: str, name: str) -> None:
    assert drafts.file_name(title) == name


async def test_a_job_makes_the_document_and_staff_take_it_away(
    company: Company, admin: asyncpg.Connection, desk: Desk
) -> None:
    job_id = await order(company, admin)
    assert not await documents.is_kept(company.ann, desk.store, job_id)
    await desk.run(job_id)
    row = await admin.fetchrow("SELECT status, result, progress_text, progress FROM jobs WHERE id = $1", job_id)
    assert (row["status"], row["progress"]) == ("succeeded", 100)
    path, name = await documents.download(company.ann, desk.store, job_id)
    text = path.read_text(encoding="utf-8")
    assert "Zusammenfassung" in text
    assert name == "Heat pumps 熱.txt"
    told = {"pages": 9, "words": len(text.split()), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    assert json.loads(row["result"]) == told
    entry = await admin.fetchrow("SELECT action, target_id, target_label FROM audit_told() ORDER BY id DESC LIMIT 1")
    assert tuple(entry) == ("document.downloaded", str(job_id), ORDER["title"])
    with pytest.raises(Forbidden):
        await documents.download(company.vic, desk.store, job_id)


async def test_a_failed_document_is_retried_by_staff_and_really_made(
    company: Company, admin: asyncpg.Connection, desk: Desk
) -> None:
    job_id = await add_job(admin, company.acme, kind=DOCUMENT_GENERATE.kind)
    await admin.execute("UPDATE jobs SET input = $2 WHERE id = $1", job_id, json.dumps(ORDER))
    await jobs.retry(company.ann, job_id, "The disk has room again")
    await desk.run(job_id)
    assert await documents.is_kept(company.ann, desk.store, job_id)


async def test_an_order_that_cannot_be_made_says_why(company: Company, admin: asyncpg.Connection, desk: Desk) -> None:
    job_id = await order(company, admin, template="white paper")
    await desk.run(job_id)
    row = await admin.fetchrow("SELECT status, attempts, error, error_signature FROM jobs WHERE id = $1", job_id)
    assert (row["status"], row["attempts"]) == ("failed", 1)
    assert row["error"] == "There is no template “white paper”. There are: report, proposal, study, brief."
    assert row["error_signature"].startswith(
        "document.generate Invalid app/documents/drafts.py:ordered There is no template “…”."
    )


async def test_a_document_that_is_not_kept_here_is_not_found(
    company: Company, admin: asyncpg.Connection, desk: Desk, tmp_path: Path
) -> None:
    made_elsewhere = await add_job(admin, company.acme, "succeeded", DOCUMENT_GENERATE.kind)
    another_kind = await add_job(admin, company.acme, "succeeded")
    for job_id in (made_elsewhere, another_kind):
        assert not await documents.is_kept(company.ann, desk.store, job_id)
        with pytest.raises(NotFound):
            await documents.download(company.ann, desk.store, job_id)
    assert await admin.fetchval("SELECT count(*) FROM audit_entries") == 0
