"""The screens of jobs, failures and bulk acts: what stands on them, and the way from a failure to an act."""

from typing import Any

import asyncpg

import app.worker.tasks.bulk  # noqa: F401 - binds the function that the job runs
from app.config import Settings
from app.paging import PageRequest
from app.services import bulk
from tests.factories import Desk, add_job
from tests.pages.visitor import Visit, Visitor
from tests.people import Company
from tests.services.test_failures import NO_ANSWER, NO_ROOM, fail

REASON = {"reason": "the disk is free again", "rate": "50"}


def listed(seen: Visitor, label: str) -> Any:
    return seen.find(label=label).contents


async def dialog(seen: Visitor, title: str) -> Any:
    """The dialog that opens with this title."""
    return await seen.finds(label=title)


async def test_the_list_shows_the_last_day_and_how_many_stand_where(
    visit: Visit, people: Company, admin: asyncpg.Connection
) -> None:
    for status in ("failed", "failed", "queued", "succeeded"):
        await add_job(admin, people.acme, status)
    old = await add_job(admin, people.nordlicht)
    past = "now() - interval '3 days'"
    changed = f"json_build_object('id', uuidv7(interval '-3 days'), 'created_at', {past}, 'finished_at', {past})"
    await admin.execute(
        f"INSERT INTO jobs SELECT (json_populate_record(j, {changed})).* FROM jobs j WHERE id = $1", old
    )
    await admin.execute("DELETE FROM jobs WHERE id = $1", old)
    ann = await visit(people.ann, "/jobs")
    await ann.sees("Done, last hour", "Failed, last hour", "Average wait")
    shown = listed(ann, "Jobs")
    assert (shown["query"], shown["count"]) == ({"active": ("24h",)}, "4")
    assert {state: n for state, n in shown["tallies"].items() if n} == {"queued": 1, "failed": 2, "succeeded": 1}
    assert [action["label"] for action in shown["bulk"]] == ["Retry", "Cancel"]

    ever = listed(await visit(people.ann, "/jobs?active=any&status=failed"), "Jobs")
    assert (ever["query"], ever["count"]) == ({"status": ("failed",)}, "3")
    assert listed(await visit(people.ann, f"/jobs?team={people.nordlicht}"), "Jobs")["count"] == "1"
    searched = await (await visit(people.ann, "/jobs?q=nordl")).finds(label="Jobs", count="1")
    assert searched.contents["tallies"] is None
    tess = await visit(people.tess, "/jobs?active=any")
    assert listed(tess, "Jobs")["count"] == "4"
    assert "Done, last hour" not in tess.texts()
    assert listed(await visit(people.vic, "/jobs"), "Jobs")["bulk"] == []


async def test_ticked_jobs_are_acted_upon_after_saying_what_will_happen(
    visit: Visit, people: Company, admin: asyncpg.Connection
) -> None:
    first, second = await add_job(admin, people.acme), await add_job(admin, people.acme, "running")
    ann = await visit(people.ann, "/jobs")
    table = ann.find(label="Jobs")
    ann.send(table, "bulk", [0, [str(first), str(second)]])
    asked = await dialog(ann, "Retry 1 job?")
    assert asked.contents["plan"] == [
        "1 failed: each is queued again and goes on from its checkpoint.",
        "1 of those you chose cannot be retried (1 running): left alone.",
        "What comes or fails after you opened this is not among them.",
    ]
    ann.send(asked, "submit", REASON | {"rate": "9"})
    assert await ann.refuses(asked) == {"rate": "Choose one of the rates."}
    ann.send(asked, "submit", REASON)
    await ann.sees("Retry 1 job", "Waiting for a worker")
    assert await admin.fetchval("SELECT job_id FROM bulk_items") == first

    ann = await visit(people.ann, "/jobs?kind=test.made")
    ann.send(ann.find(label="Jobs"), "bulk", [1, None])
    asked = await dialog(ann, "Cancel 2 jobs?")
    assert asked.contents["danger"]
    ann.send(asked, "close")
    vic = await visit(people.vic, "/jobs")
    vic.send(vic.find(label="Jobs"), "bulk", [0, None])
    assert await admin.fetchval("SELECT count(*) FROM bulk_acts") == 1


async def test_from_a_failure_to_an_act_to_its_outcome(
    visit: Visit, people: Company, admin: asyncpg.Connection, settings: Settings
) -> None:
    for _ in range(3):
        await fail(admin, people.acme, NO_ROOM)
    await fail(admin, people.nordlicht, NO_ANSWER)
    await admin.execute("UPDATE failures SET first_seen_at = now() - interval '2 days' WHERE error_class = 'OSError'")
    ann = await visit(people.ann, "/failures")
    await ann.sees("OSError: [Errno #] No space left: “…”", "New today")
    rows = listed(ann, "Failures")["rows"]
    assert [row[3] for row in rows] == [[0, 1], [0, 1]]
    ann.send(ann.find(label="Failures"), "act", [rows[0][0], 0])
    ann.send(await dialog(ann, "Retry 3 jobs?"), "submit", REASON)
    await ann.sees("Retry 3 jobs", "Waiting for a worker", "the disk is free again", "Not yet")
    (act,) = (await bulk.search(people.ann, PageRequest())).rows
    await Desk.of(people.ann, settings).run(act.job_id)
    await ann.sees("3 queued again: 0 succeeded, 0 failed again, 3 waiting", "3 not ended yet", "Queued again")
    assert [a["label"] for a in ann.find(kind="head").contents["actions"]] == ["Open its job"]

    group = await visit(people.ann, f"/failures/{rows[1][0]}")
    await group.sees("No answer from <address> in # s", "New today", "Nordlicht", "Broken", "inside", "Open job")
    head = group.find(kind="head")
    assert [a["label"] for a in head.contents["actions"]] == ["All its jobs", "Cancel all", "Retry all"]
    group.send(head, "act", 1)
    asked = await dialog(group, "Cancel 1 job?")
    assert asked.contents["plan"][0].startswith("1 failed: given up.")
    group.send(asked, "submit", REASON)
    await group.sees("Cancel 1 job", "Waiting for a worker")
    (act, _) = (await bulk.search(people.ann, PageRequest())).rows
    group = await visit(people.ann, f"/failures/{rows[1][0]}")
    await Desk.of(people.ann, settings).run(act.job_id)
    await group.sees("Settled")
    assert listed(await visit(people.ann, "/failures"), "Failures")["rows"] == []
    assert listed(await visit(people.ann, "/bulk"), "Bulk acts")["count"] == "2"
