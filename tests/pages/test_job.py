"""The page of one job: in every state, for everybody, and while things happen to it."""

import json
from datetime import timedelta
from typing import Any

import asyncpg
import httpx

from app import clock
from app.actor import Staff
from app.job_queue import durations
from app.models import Queue
from app.privacy.personal import DOTS
from tests import job_stories
from tests.factories import add_job
from tests.job_stories import Story
from tests.pages.visitor import Visit, Visitor
from tests.people import Company

MOST_ELEMENTS = 60


def said(visitor: Visitor) -> str:
    """The sentence of where it stands; its moving parts by their names."""
    words = visitor.find(kind="standing").contents["words"]
    return "".join(word if isinstance(word, str) else f"<{word[0]}>" for word in words)


def labels(visitor: Visitor) -> list[str]:
    return [action["label"] for action in visitor.find(kind="head").contents["actions"]]


def facts(visitor: Visitor) -> dict[str, Any]:
    return {fact[0]: fact[2] for fact in visitor.find(kind="facts", title="About this job").contents["facts"]}


def line(visitor: Visitor) -> list[str]:
    entries = visitor.find(kind="timeline").contents["entries"]
    return ["".join(part[0] for part in entry["parts"]) for entry in entries]


async def test_a_running_job_tells_how_long_it_runs_and_what_is_left(
    admin: asyncpg.Connection, people: Company, visit: Visit
) -> None:
    durations.remembered.forget()
    for _ in range(9):
        await job_stories.succeeded(Story(admin, people.acme))
    for _ in range(3):  # among ten, the slow ones do not count for the middle
        slow = Story(admin, people.acme)
        await job_stories.succeeded(slow, started_at=slow.ago(660), run_started_at=slow.ago(660))
    job_id = await job_stories.running(Story(admin, people.acme))
    ann = await visit(people.ann, f"/jobs/{job_id}")
    standing = ann.find(kind="standing").contents
    assert said(ann) == "Running for <since>, about <until> left"
    assert standing["why"] == "Such jobs usually take 12.4 s, nine of ten at most 10 min 0 s."
    assert (standing["fraction"], standing["numbers"]) == (0.42, ["Writing pages: 21 of 50"])
    assert labels(ann) == ["Cancel job"]
    assert ann.find(kind="attempts").contents["rows"][0][1:5:3] == ["worker-1", ["Running", "info"]]
    assert len(ann.elements) <= MOST_ELEMENTS


async def test_a_failed_one_tells_why_and_offers_two_ways_on(
    admin: asyncpg.Connection, people: Company, visit: Visit
) -> None:
    job_id = await job_stories.failed(Story(admin, people.acme))
    ann = await visit(people.ann, f"/jobs/{job_id}")
    assert said(ann) == "Failed after 3 attempts"
    standing = ann.find(kind="standing").contents
    assert standing["why"] == "OSError: [Errno 28] No space left on device\nCode INTERNAL_ERROR"
    assert "Traceback" in standing["inside"]
    rows = ann.find(kind="attempts").contents["rows"]
    assert [(row[0], row[1], row[3], row[4][0]) for row in rows] == [
        ("1", "worker-1", 30.0, "Worker lost"),
        ("2", "worker-2", 68.0, "Failed, tried again"),
        ("3", "worker-1", 12.0, "Failed"),
    ]
    assert rows[0][5] == "2 late writes of it refused: another worker had the job by then."
    assert [row[7] for row in rows] == ["", "0.0182", "0.0132"]
    assert ann.find(kind="attempts").contents["note"] == "1 min 50 s in all · cost 0.0314"
    assert line(ann)[:3] == [
        "Failed (attempt 3)",
        "Started (attempt 3, on worker-1)",
        "Failed for now; tries again after 1 min 0 s (attempt 2)",
    ]
    assert [words[-7:] for words in line(ann) if "late write" in words] == ["2 times"]
    given = ann.find(title="Input").contents["value"]
    assert given["delivery"] == {"url": "https://files.example.com/in", "headers": {"Authorization": DOTS}}
    assert ann.find(title="Checkpoint").contents["note"] == "where a retry goes on from"
    assert labels(ann) == ["Resume from the checkpoint", "Start over"]
    ann.press("Start over")
    dialog = await ann.answer("Why start this job over?", reason="The disk has room again")
    assert dialog.contents["plan"][0].startswith("It forgets its checkpoint")
    await ann.hears("queued again")
    row = await admin.fetchrow("SELECT status, checkpoint, attempts, max_attempts FROM jobs WHERE id = $1", job_id)
    assert tuple(row) == ("queued", None, 3, 6)
    told = await admin.fetchval("SELECT detail::text FROM audit_entries WHERE action = 'job.retried'")
    assert json.loads(told) == {"from_start": True}
    again = await job_stories.failed(Story(admin, people.acme))
    await ann.open(f"/jobs/{again}")
    ann.press("Resume from the checkpoint")
    await ann.answer("Why resume this job?", reason="The disk has room again")
    await ann.sees("Waits for a worker for ")
    kept = await admin.fetchval("SELECT checkpoint::text FROM jobs WHERE id = $1", again)
    assert json.loads(kept)["page"] == 21
    seen = await job_stories.failed(Story(admin, people.acme))
    vic = await visit(people.vic, f"/jobs/{seen}")
    assert labels(vic) == []
    assert "Traceback" not in "".join(vic.texts()), "a traceback is for those who can do something about it"


async def test_the_way_to_a_stop_is_told_step_by_step(admin: asyncpg.Connection, people: Company, visit: Visit) -> None:
    story = Story(admin, people.acme)
    job_id = await job_stories.running(story)
    ann = await visit(people.ann, f"/jobs/{job_id}")
    ann.press("Cancel job")
    dialog = await ann.answer("Why cancel this job?", reason="Ordered by mistake")
    assert dialog.contents["plan"] == ["Its worker stops it at the next safe place."]
    await ann.hears("asked to stop")
    await ann.sees("Asked to stop by Ann Adler")
    await ann.sees("Ordered by mistake")
    stages = ann.find(kind="standing").contents["stages"]
    assert [(words, at is not None) for words, at, _ in stages] == [
        ("Asked to stop by Ann Adler", True),
        ("The worker has seen it", False),
        ("Stopped", False),
    ]
    assert said(ann) == "Stopping, running for <since>"
    assert labels(ann) == []
    ended = await job_stories.cancelled(Story(admin, people.acme), people.ann.staff_id)
    await ann.open(f"/jobs/{ended}")
    assert said(ann) == "Cancelled by Ann Adler after 1 min 5 s"
    assert "The worker has seen that it shall stop" in line(ann)
    lasting = await job_stories.running(Story(admin, people.acme), kind="dataset.delete", progress_text="")
    await ann.open(f"/jobs/{lasting}")
    assert labels(ann) == []
    assert "It cannot be cancelled" in ann.find(kind="standing").contents["why"]


async def test_whoever_waits_is_told_for_what(admin: asyncpg.Connection, people: Company, visit: Visit) -> None:
    story = Story(admin, people.acme)
    again = await story.write(attempts=1, run_after=clock.now() + timedelta(minutes=5), error="It broke.")
    await story.start(90)
    await story.tell(80, "retry_later", epoch=1, attempt=1, delay=60, code="INTERNAL_ERROR", message="It broke.")
    due = await Story(admin, people.acme).write(attempts=0, run_after=story.ago(4))
    ann = await visit(people.ann, f"/jobs/{again}")
    assert said(ann) == "Waits for its 2nd try, in <until>"
    assert ann.find(kind="standing").contents["why"] == "The last one: It broke."
    await ann.open(f"/jobs/{due}")
    assert said(ann) == "Waits for a worker for <since>"
    await admin.execute("DELETE FROM queues WHERE name = 'documents'")
    await _queue(admin, paused=True, by=people.ann)
    held = await Story(admin, people.acme).write(attempts=0, run_after=story.ago(4), held_at=story.ago(3))
    await ann.open(f"/jobs/{held}")
    assert said(ann) == "Held: the queue documents is paused since <at> by Ann Adler"
    assert ann.find(kind="standing").contents["why"] == "The printer burns"
    tess = await visit(people.tess, f"/jobs/{held}")
    assert said(tess) == "Held until its queue lets it through, for <since>", "who sees no queues is told less"
    await admin.execute("UPDATE queues SET paused_at = NULL, max_running = 2")
    await ann.open(f"/jobs/{held}")
    assert "runs at most 2 jobs at once, and 0 run now" in ann.find(kind="standing").contents["why"]


async def _queue(admin: asyncpg.Connection, *, paused: bool, by: Staff) -> None:
    queue = Queue(name="documents")
    await admin.execute(
        "INSERT INTO queues (id, name, paused_at, version, created_at, updated_at)"
        f" VALUES (gen_random_uuid(), $1, {'now()' if paused else 'NULL'}, 1, now(), now())",
        queue.name,
    )
    await admin.execute(
        "INSERT INTO audit_entries (actor_id, actor_name, actor_kind, action, target_type, target_id, target_label,"
        " reason) SELECT $1, $2, 'staff', 'queue.paused', 'queue', id::text, name, 'The printer burns' FROM queues",
        *(by.staff_id, by.name),
    )


async def test_what_is_huge_is_cut_and_what_is_nobodys_has_the_same_page(
    admin: asyncpg.Connection, people: Company, visit: Visit
) -> None:
    huge = {"password": "hunter2-unmistakable", "rows": ["0123456789abcdef" * 8] * 2_000}
    job_id = await job_stories.succeeded(Story(admin, people.acme), input=huge)
    ann = await visit(people.ann, f"/jobs/{job_id}")
    shown = ann.find(title="Input").contents
    assert shown["value"] == {"password": DOTS, "rows": "array of 264000 bytes, in the download"}
    assert shown["note"] == "264.0 kB, shown cut"
    address, name = shown["download"]
    taken = await ann.http.get(address)
    assert taken.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert taken.json() == {**huge, "password": DOTS}
    assert ann.find(title="Result").contents["value"]["pages"] == 50
    assert (await ann.http.get(f"/api/jobs/{job_id}/checkpoint.json")).status_code == httpx.codes.NOT_FOUND
    assert (await ann.http.get(f"/api/jobs/{job_id}/epoch.json")).status_code == httpx.codes.NOT_FOUND
    own = await job_stories.succeeded(Story(admin, None))
    await ann.open(f"/jobs/{own}")
    assert ann.find(kind="head").contents["sub"] == "The console's own work"
    assert (said(ann), facts(ann)["Team"]) == ("Succeeded after 12.4 s", "Console")
    tess = await visit(people.tess, f"/jobs/{own}")
    assert tess.status == httpx.codes.NOT_FOUND
    await tess.open(f"/jobs/{await add_job(admin, people.nordlicht)}")
    assert tess.status == httpx.codes.NOT_FOUND


async def test_it_is_live_while_it_runs_and_still_when_it_has_ended(
    admin: asyncpg.Connection, people: Company, visit: Visit
) -> None:
    story = Story(admin, people.acme)
    job_id = await job_stories.running(story)
    ann = await visit(people.ann, f"/jobs/{job_id}")
    standing = ann.find(kind="standing")
    await admin.execute(
        "UPDATE jobs SET progress = 80, progress_text = 'Writing pages: 40 of 50' WHERE id = $1", job_id
    )
    await _told(admin, str(job_id))
    await ann.sees("Writing pages: 40 of 50")
    assert ann.find(kind="standing") is standing, "what is on the page is changed, not drawn anew"
    await admin.execute(
        "UPDATE jobs SET status = 'succeeded', finished_at = now(), result = $2 WHERE id = $1",
        *(job_id, json.dumps({"pages": 50})),
    )
    await story.tell(0, "succeeded", epoch=1, attempt=1)
    await _told(admin, str(job_id))
    await ann.sees("Succeeded after 1 min 24 s")
    assert ann.find(title="Result").contents["value"] == {"pages": 50}


async def test_programs_find_retry_and_cancel_jobs(admin: asyncpg.Connection, people: Company, visit: Visit) -> None:
    broken = await job_stories.failed(Story(admin, people.acme))
    runs = await job_stories.running(Story(admin, people.acme))
    own = await job_stories.succeeded(Story(admin, None), kind="files.tidy")
    api = (await visit(people.ann, "/")).http
    origin = {"origin": str(api.base_url).rstrip("/")}
    found = (
        await api.get("/api/v1/jobs", params={"status": ["failed", "running"], "kind": "document.generate"})
    ).json()
    assert [job["id"] for job in found["jobs"]] == [str(runs), str(broken)]
    assert (found["jobs"][0]["percent"], found["next"]) == (42, None)
    assert (await api.get(f"/api/v1/jobs/{own}")).json()["team_id"] is None
    wrong = await api.get("/api/v1/jobs", params={"state": "failed"})
    assert (wrong.status_code, wrong.json()["fields"]) == (400, {"state": "There is no such filter."})
    why = {"reason": "The disk has room again"}
    retried = await api.post(f"/api/v1/jobs/{broken}/retry", json=why | {"from_start": True}, headers=origin)
    assert (retried.status_code, retried.json()["status"]) == (200, "queued")
    assert await admin.fetchval("SELECT checkpoint FROM jobs WHERE id = $1", broken) is None
    stopping = (await api.post(f"/api/v1/jobs/{runs}/cancel", json=why, headers=origin)).json()
    assert (stopping["status"], stopping["cancel_requested_at"] is None) == ("running", False)
    for address, body, status in (
        (f"/api/v1/jobs/{broken}/retry", why, 409),
        (f"/api/v1/jobs/{broken}/cancel", {}, 400),
        (f"/api/v1/jobs/{broken}/cancel", {"reason": " "}, 400),
        (f"/api/v1/jobs/{broken}/cancel", why | {"from_start": True}, 400),
        ("/api/v1/jobs/1/cancel", why, 400),
    ):
        answer = await api.post(address, json=body, headers=origin)
        assert answer.status_code == status, answer.text
    vic = (await visit(people.vic, "/")).http
    assert (await vic.post(f"/api/v1/jobs/{broken}/cancel", json=why, headers=origin)).status_code == 403


async def _told(admin: asyncpg.Connection, job_id: str) -> None:
    await admin.execute("SELECT pg_notify('quarterdeck', $1)", json.dumps(["jobs", job_id, "changed"]))
