"""The screens' own logic, without a browser: what they show to whom, and what their buttons and dialogs do."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from components.lists.table import DataTable
from pages import SCREENS
from tests.factories import (
    Made,
    add_bulk_act,
    add_engine_room,
    add_failure,
    add_job,
    add_payment,
    add_user,
    add_values,
    make_dataset,
)
from tests.pages.visitor import Visit
from tests.people import Company

FIELDS = {"city": "text", "people": "integer"}


@pytest.fixture
async def made(admin: asyncpg.Connection, people: Company) -> Made:
    dataset = await make_dataset(admin, people.acme, "Cities", FIELDS)
    await add_values(admin, dataset, [{"city": "Ulm", "people": 1}, {"city": "Jena", "people": 2}])
    return dataset


async def addresses(admin: asyncpg.Connection, made: Made) -> dict[str, str]:
    """Each screen's path with a real record in it."""
    job = await add_job(admin, made.team_id, kind="dataset.import")
    failure = await add_failure(admin, job, "dataset.import ValueError app/worker.py:read No")
    row = await admin.fetchval("SELECT id FROM dataset_rows WHERE dataset_number = $1 LIMIT 1", made.number)
    await admin.execute(
        "UPDATE imports SET job_id = $1, started_at = now(), finished_at = now() WHERE dataset_id = $2", job, made.id
    )
    import_id = await admin.fetchval("SELECT id FROM imports WHERE dataset_id = $1", made.id)
    await admin.execute(
        # One that can be reverted.
        "INSERT INTO audit_entries (team_id, actor_name, actor_kind, action, target_type, target_id, target_label,"
        " before, after) SELECT team_id, 'Ann Adler', 'staff', 'dataset.renamed', 'dataset', id::text, 'Towns',"
        " '{\"name\": \"Towns\"}', jsonb_build_object('name', name) FROM datasets WHERE id = $1",
        made.id,
    )
    entry = await admin.fetchval("SELECT max(id) FROM audit_entries")
    user = await add_user(admin, made.team_id, "Ada Lovelace", "ada@example.com")
    ids: dict[str, Any] = {"datasets": made.id, "imports": import_id, "jobs": job, "audit": entry}
    ids |= {"users": user, "teams": made.team_id, "payments": await add_payment(admin, made.team_id, user_id=user)}
    ids["staff"] = await admin.fetchval("SELECT id FROM staff WHERE email = 'tess@example.com'")
    ids |= {"schedules": await add_engine_room(admin), "failures": failure}
    ids["bulk"] = await add_bulk_act(admin, ids["staff"], job, "They failed alike.")
    return {
        s.path: s.path.replace("{id}", str(ids.get(s.path.split("/")[1]))).replace("{row}", str(row)) for s in SCREENS
    }


async def test_each_screen_opens_for_ann_and_refuses_nil_but_home(
    visit: Visit, people: Company, admin: asyncpg.Connection, made: Made
) -> None:
    for path, address in (await addresses(admin, made)).items():
        ann = await visit(people.ann, address)
        assert ann.status == 200, path
        assert ann.find(kind="head").contents["title"], path
        nil = await visit(people.nil, address)
        if path == "/":
            assert nil.status == 200
            await nil.sees("no role has been given to you yet")
        else:
            assert nil.status == 403, path
            await nil.sees("You are not allowed to see this")
            assert "Cities" not in nil.texts()


@pytest.mark.parametrize(
    ("address", "label", "words"),
    [
        ("/datasets", "Datasets", ["Cities", "Acme", "2"]),
        ("/jobs", "Jobs", ["Failed", "Acme"]),
        ("/payments", "Payments", ["12.50\N{NO-BREAK SPACE}EUR", "Succeeded", "Acme", "Ada Lovelace"]),
        ("/audit", "Audit log", ["Ann Adler renamed the dataset Towns to Cities"]),
    ],
)
async def test_lists_show_their_rows(
    visit: Visit, people: Company, admin: asyncpg.Connection, made: Made, address: str, label: str, words: list[str]
) -> None:
    await addresses(admin, made)
    ann = await visit(people.ann, address)
    await ann.sees(*words)
    table = ann.find(label=label)
    assert isinstance(table, DataTable)
    assert len(table.contents["rows"]) == 1
    tess = await visit(people.tess, address)
    await tess.sees(*words)


async def test_list_hears_of_a_new_dataset_without_moving(
    visit: Visit, people: Company, admin: asyncpg.Connection, made: Made
) -> None:
    ann = await visit(people.ann, "/datasets")
    await ann.sees("Cities")
    second = await make_dataset(admin, people.acme, "Rivers", FIELDS)
    await admin.execute(
        "SELECT pg_notify('quarterdeck', json_build_array('datasets', $1::text, 'changed')::text)", str(second.id)
    )
    table = await ann.finds(label="Datasets", fresh=1)
    assert "Rivers" not in ann.texts()
    ann.send(table, "again")
    await ann.sees("Rivers", "Cities")


async def test_filter_that_hides_all_and_broken_filters(visit: Visit, people: Company, made: Made) -> None:
    nothing = await visit(people.ann, "/jobs?status=failed&q=nothing+like+this")
    await nothing.finds(label="Jobs", rows=[])
    broken = await visit(people.ann, "/jobs?page=nonsense")
    assert broken.find(label="Jobs").contents["error"]["status"] == 422


async def test_rename_through_the_dialog(visit: Visit, people: Company, admin: asyncpg.Connection, made: Made) -> None:
    ann = await visit(people.ann, f"/datasets/{made.id}")
    ann.press("Rename")
    dialog = await ann.answer("Rename the dataset", name="  ")
    assert set(await ann.refuses(dialog)) == {"name"}
    ann.send(dialog, "submit", {"name": "Towns"})
    await ann.hears("The dataset is called Towns now.")
    await ann.finds(kind="head", title="Towns")
    assert await admin.fetchval("SELECT name FROM datasets WHERE id = $1", made.id) == "Towns"
    assert await admin.fetchval("SELECT count(*) FROM audit_entries WHERE action = 'dataset.renamed'") == 1


async def test_rename_to_a_taken_name_stays_in_the_dialog(
    visit: Visit, people: Company, admin: asyncpg.Connection, made: Made
) -> None:
    await make_dataset(admin, people.acme, "Taken", FIELDS)
    ann = await visit(people.ann, f"/datasets/{made.id}")
    ann.press("Rename")
    dialog = await ann.answer("Rename the dataset", name="Taken")
    await ann.sees("This team already has a dataset with that name.")
    assert not dialog.is_deleted
    ann.send(dialog, "close")
    await ann.closes(dialog)
    assert await admin.fetchval("SELECT name FROM datasets WHERE id = $1", made.id) == "Cities"


async def test_delete_needs_the_name(visit: Visit, people: Company, admin: asyncpg.Connection, made: Made) -> None:
    ann = await visit(people.ann, f"/datasets/{made.id}")
    ann.press("Delete dataset")
    dialog = await ann.finds(label="Delete Cities?", dialog=True)
    assert dialog.contents["plan"][0] == "2 rows and all imports of Cities are deleted."
    assert dialog.contents["fields"][0]["must_equal"] == "Cities"
    ann.send(dialog, "submit", {"name": "Cities", "reason": "Not needed"})
    await ann.hears("Cities is deleted; a job removes its rows.")
    await ann.finds(kind="head", title="Datasets")
    assert await admin.fetchval("SELECT status FROM datasets WHERE id = $1", made.id) == "deleting"
    assert await admin.fetchval("SELECT count(*) FROM jobs WHERE kind = 'dataset.delete'") == 1


async def test_retry_a_failed_job(visit: Visit, people: Company, admin: asyncpg.Connection, made: Made) -> None:
    job = await add_job(admin, people.acme, "failed", "dataset.import")
    ann = await visit(people.ann, f"/jobs/{job}")
    ann.press("Retry job")
    await ann.answer("Why retry this job?", reason="The disk is there again")
    await ann.hears("The job is queued again.")
    assert await admin.fetchval("SELECT status FROM jobs WHERE id = $1", job) == "queued"
    reason = "SELECT reason FROM audit_told() WHERE action = 'job.retried' AND target_id = $1"
    assert await admin.fetchval(reason, str(job)) == "The disk is there again"


async def test_retry_by_the_list_and_a_refusal_as_a_toast(
    visit: Visit, people: Company, admin: asyncpg.Connection
) -> None:
    job = await add_job(admin, people.acme, "failed", "dataset.import")
    ann = await visit(people.ann, "/jobs")
    table = await ann.finds(label="Jobs")
    await ann.sees("Failed")
    ann.send(table, "act", [str(job), 0])
    await ann.finds(label="Why retry this job?", dialog=True)
    await admin.execute("UPDATE jobs SET status = 'succeeded' WHERE id = $1", job)
    await ann.answer("Why retry this job?", reason="Again")
    await ann.hears("Only a failed or cancelled job can be retried")
    assert await admin.fetchval("SELECT count(*) FROM audit_entries WHERE action = 'job.retried'") == 0


async def test_cancel_a_waiting_import(visit: Visit, people: Company, admin: asyncpg.Connection, made: Made) -> None:
    import_id = await _waiting_import(admin, made)
    ann = await visit(people.ann, f"/imports/{import_id}")
    ann.press("Cancel import")
    await ann.answer("Cancel the import of made.csv?", reason="Wrong file")
    await ann.hears("The import stops at its next step.")
    await ann.sees("The import was cancelled")
    assert await admin.fetchval("SELECT status FROM imports WHERE id = $1", import_id) == "cancelled"


async def _waiting_import(admin: asyncpg.Connection, made: Made) -> UUID:
    job = await add_job(admin, made.team_id, "queued", "dataset.import")
    import_id: UUID = await admin.fetchval("SELECT id FROM imports WHERE dataset_id = $1", made.id)
    await admin.execute("UPDATE imports SET status = 'queued', job_id = $2 WHERE id = $1", import_id, job)
    return import_id


async def test_viewer_gets_no_buttons(visit: Visit, people: Company, made: Made) -> None:
    vic = await visit(people.vic, f"/datasets/{made.id}")
    labels = [action["label"] for action in vic.find(kind="head").contents["actions"]]
    assert labels == ["Imports"]
    assert (await visit(people.vic, "/datasets/new")).status == 403


async def test_revoked_session_leaves_at_the_next_click(
    visit: Visit, people: Company, admin: asyncpg.Connection, made: Made
) -> None:
    job = await add_job(admin, people.acme, "failed", "dataset.import")
    ann = await visit(people.ann, f"/jobs/{job}")
    ann.press("Retry job")
    await ann.finds(label="Why retry this job?", dialog=True)
    await admin.execute("UPDATE staff_sessions SET revoked_at = now() WHERE id = $1", people.ann.session_id)
    await ann.answer("Why retry this job?", reason="Too late")
    await ann.goes_to(f"/login?next=%2Fjobs%2F{job}")
    assert await admin.fetchval("SELECT status FROM jobs WHERE id = $1", job) == "failed"


async def test_home_says_what_waits(visit: Visit, people: Company, admin: asyncpg.Connection, made: Made) -> None:
    await add_job(admin, people.acme, "failed")
    ann = await visit(people.ann, "/")
    await ann.sees("job failed", "retry or cancel them")
    tiles = {tile["label"]: tile["value"] for tile in ann.find(kind="tiles").contents["tiles"]}
    assert tiles == {"Revenue, net": "0", "Sign-ups": 0, "Jobs done": 0, "Rows imported": 2}
    now = {label: value for label, _, value, _ in ann.find(kind="facts").contents["facts"]}
    assert (now["Teams"], now["Datasets"], now["Rows"], now["Jobs"]) == (2, 1, 2, "0 running, 0 waiting")
    assert now["Workers"] == ("None alive: no job will run", "bad")
