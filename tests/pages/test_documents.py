"""The page of a document's job, the picture of a row, and kinds that only a newer version knows."""

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from app.config import Settings
from app.documents.drafts import ordered
from app.job_queue.tasks import DOCUMENT_GENERATE
from app.storage.documents import document_file
from components.lists.downloads import Download
from tests.factories import add_job, add_values, make_dataset
from tests.pages.visitor import Visitor, application, visiting
from tests.people import Company

PICTURE = "/static/pictures/leaf-oak-rust.svg"
FUTURE = "future.kind"


@pytest.fixture
async def running(settings: Settings, people: Company) -> AsyncIterator[Any]:
    async with application(settings) as started:
        yield started


def downloads(visitor: Visitor) -> list[str]:
    return [element._props["href"] for element in visitor.elements if isinstance(element, Download)]


async def test_a_kept_document_is_offered_to_those_who_may_take_it_away(
    admin: asyncpg.Connection, people: Company, settings: Settings, running: Any
) -> None:
    job_id = await add_job(admin, people.acme, "succeeded", DOCUMENT_GENERATE.kind)
    await admin.execute("UPDATE jobs SET result = $2 WHERE id = $1", job_id, json.dumps({"pages": 2, "words": 61}))
    address = f"/api/jobs/{job_id}/document.txt"
    async with visiting(running, settings, people.ann) as ann, visiting(running, settings, people.vic) as vic:
        await ann.open(f"/jobs/{job_id}")
        assert ann.find(kind="head").contents["title"] == "Generate document"
        assert downloads(ann) == []
        assert (await ann.http.get(address)).status_code == httpx.codes.NOT_FOUND
        kept = document_file(settings.data_dir, job_id)
        kept.parent.mkdir(parents=True)
        kept.write_text("".join(ordered("brief", "Bees", "en", 2).texts()))
        await ann.open(f"/jobs/{job_id}")
        assert downloads(ann) == [address]
        taken = await ann.http.get(address)
        assert taken.text == kept.read_text()
        assert taken.headers["content-disposition"].startswith("attachment")
        await vic.open(f"/jobs/{job_id}")
        assert downloads(vic) == []
        assert (await vic.http.get(address)).status_code == httpx.codes.FORBIDDEN


async def test_a_row_shows_its_picture(
    admin: asyncpg.Connection, people: Company, settings: Settings, running: Any
) -> None:
    dataset = await make_dataset(admin, people.acme, "Leaves", {"photo": "image", "name": "text"})
    await add_values(admin, dataset, [{"photo": PICTURE, "name": "Oak"}])
    row_id = await admin.fetchval("SELECT id FROM dataset_rows")
    async with visiting(running, settings, people.vic) as vic:
        await vic.open(f"/datasets/{dataset.id}/rows/{row_id}")
        assert [fact[:3] for fact in vic.find(kind="facts", title="Values").contents["facts"]] == [
            ["photo", "image", PICTURE],
            ["name", "text", "Oak"],
        ]
        assert (await vic.http.get(PICTURE)).headers["content-type"].startswith("image/svg+xml")


async def test_what_only_a_newer_version_knows_breaks_no_screen(
    admin: asyncpg.Connection, people: Company, settings: Settings, running: Any
) -> None:
    job_id = await add_job(admin, people.acme, "failed", FUTURE)
    await admin.execute(
        "INSERT INTO job_events (job_id, team_id, at, kind, detail) VALUES ($1, $2, now(), 'future.event', '{}')",
        *(job_id, people.acme),
    )
    await admin.execute(
        "INSERT INTO audit_entries (actor_name, actor_kind, action, target_type, target_id, target_label)"
        " VALUES ('Ann', 'future', 'future.action', 'future', '1', 'Future')"
    )
    async with visiting(running, settings, people.ann) as ann:
        for address, words in {
            "/": "Home",
            "/jobs": FUTURE,
            f"/jobs?kind={FUTURE}": FUTURE,
            f"/jobs/{job_id}": "future.event",
            "/audit": "future.action",
            "/stats": "Stats",
        }.items():
            await ann.open(address)
            assert ann.status == httpx.codes.OK, address
            await ann.sees(words)
