"""Parts of the audit log as files: what a job writes of a filter, who may take it away, and that it proves itself."""

import csv
import hashlib
import json
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

import app.worker.tasks.audit  # noqa: F401 - binds the function that the job runs
from app.config import Settings
from app.errors import Forbidden, Invalid, NotFound
from app.paging import PageRequest
from app.permissions import Permission
from app.services import audit, audit_exports, users
from tests.factories import Desk, add_user
from tests.people import Company
from tests.services.sealed import log_of


@pytest.fixture
def desk(company: Company, settings: Settings) -> Desk:
    return Desk.of(company.ann, settings)


@pytest.fixture
async def told(company: Company, admin: asyncpg.Connection, settings: Settings) -> None:
    """Two entries of Acme, one of Nordlicht; all but the last one are sealed."""
    for team, name in ((company.acme, "Otto Braun"), (company.nordlicht, "Nora Nord")):
        user = await add_user(admin, team, name, f"{name[:4]}@example.com".lower())
        await users.change_plan(company.ann, user, "premium", "ticket 4312")
    while await log_of(settings, admin).sealer.seal():
        pass
    otto = await admin.fetchval("SELECT id FROM users WHERE name LIKE 'Otto%'")
    await users.change_plan(company.ann, otto, "free", "unpaid")


async def written(desk: Desk, person: object, request: PageRequest, format_: str) -> tuple[UUID, Path, str]:
    job = await audit_exports.start(person, request, format_)  # type: ignore[arg-type] # a person of the company
    assert await audit_exports.kept(person, desk.store, job.id) is None  # type: ignore[arg-type] # the same
    await desk.run(job.id)
    return job.id, *await audit_exports.download(person, desk.store, job.id)  # type: ignore[arg-type] # the same


async def test_json_lines_hold_what_was_sealed_and_no_personal_values(
    company: Company, admin: asyncpg.Connection, desk: Desk, told: None
) -> None:
    request = PageRequest({"action": ("user.plan_changed",), "team": (str(company.acme),)}, search="otto")
    job, path, name = await written(desk, company.ann, request, "jsonl")
    first, *entries, seal, last = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert first["type"] == "quarterdeck audit export"
    assert [(e["entry"]["action"], e["seal"] is None) for e in entries] == [
        ("user.plan_changed", True),
        ("user.plan_changed", False),
    ]
    assert "Otto" not in path.read_text()
    assert "4312" not in path.read_text()
    assert name.endswith(".jsonl")
    result = json.loads(await admin.fetchval("SELECT result FROM jobs WHERE id = $1", job))
    assert (result["entries"], result["cut"]) == (2, False)
    assert result["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert seal
    assert last
    latest = (await audit.search(company.ann, PageRequest(size=2))).rows
    assert [row.action for row in latest] == ["document.downloaded", "list.exported"]
    assert latest[1].detail["filters"] == {"action": "user.plan_changed", "team": str(company.acme)}


async def test_who_sees_personal_data_masked_finds_nothing_by_them(
    company: Company, admin: asyncpg.Connection, desk: Desk, told: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = frozenset({Permission.AUDIT_READ, Permission.LISTS_EXPORT, Permission.JOBS_READ})
    with monkeypatch.context() as fewer:
        fewer.setattr("app.database.identity.granted", lambda *_, **__: both)
        job = await audit_exports.start(company.vic, PageRequest(search="4312"), "jsonl")
    await desk.run(job.id)
    assert json.loads(await admin.fetchval("SELECT result FROM jobs WHERE id = $1", job.id))["entries"] == 0


async def test_csv_is_for_reading(company: Company, desk: Desk, told: None) -> None:
    _, path, _ = await written(desk, company.ann, PageRequest({"action": ("user.plan_changed",)}), "csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["target_label"] for row in rows] == ["Otto Braun", "Nora Nord", "Otto Braun"]
    assert rows[1]["reason"] == "ticket 4312"


async def test_limited_people_get_their_teams_entries(company: Company, desk: Desk, told: None) -> None:
    for format_ in ("csv", "jsonl"):
        job, path, _ = await written(desk, company.tess, PageRequest(), format_)
        text = path.read_text()
        assert str(company.acme) in text
        assert str(company.nordlicht) not in text
        assert await audit_exports.kept(company.ann, desk.store, job)
    everything, path, _ = await written(desk, company.ann, PageRequest(), "jsonl")
    assert str(company.nordlicht) in path.read_text()
    for verb in (audit_exports.kept, audit_exports.download):
        with pytest.raises(NotFound):
            await verb(company.tess, desk.store, everything)


async def test_who_may_not_and_what_cannot_be(
    company: Company, admin: asyncpg.Connection, desk: Desk, told: None
) -> None:
    with pytest.raises(Forbidden):
        await audit_exports.start(company.vic, PageRequest(), "jsonl")
    with pytest.raises(Invalid):
        await audit_exports.start(company.ann, PageRequest(), "pdf")
    with pytest.raises(Invalid):
        await audit_exports.start(company.ann, PageRequest({"action": ("eaten",)}), "csv")
    await admin.execute(
        "INSERT INTO staff_teams (staff_id, team_id) VALUES ($1, $2)", company.tess.staff_id, company.nordlicht
    )
    with pytest.raises(Invalid, match="one of your teams"):
        await audit_exports.start(company.tess, PageRequest(), "csv")
    job = await audit_exports.start(company.ann, PageRequest(), "csv")
    with pytest.raises(NotFound):
        await audit_exports.download(company.ann, desk.store, job.id)
