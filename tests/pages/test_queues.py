"""The screens of queues, workers and schedules, and the alerts on Home, without a browser."""

from typing import Any

import asyncpg
from pydantic import SecretStr

from app import job_queue
from app.config import Settings
from app.database import keeping
from app.ids import uuid7
from app.job_queue.schedules import declare_schedules
from tests.factories import add_job
from tests.pages.visitor import Visit, Visitor, application, visiting
from tests.people import Company

WHY = "The disk is full"


async def _declare() -> None:
    async with keeping("declare") as work:
        await job_queue.declare_queues(work)
        await declare_schedules(work)


def _row(visitor: Visitor, table: str, words: str) -> list[Any]:
    [found] = [row for row in visitor.find(label=table).contents["rows"] if words in str(row[1])]
    return list(found)


async def _act(visitor: Visitor, table: str, words: str, action: str) -> None:
    """Choose an action of the row with these words."""
    await visitor.sees(words)
    listed = visitor.find(label=table)
    index = [one["label"] for one in listed.contents["actions"]].index(action)
    row = _row(visitor, table, words)
    assert index in row[3], f"{action} is not offered"
    visitor.send(listed, "act", [row[0], index])


async def test_the_people_on_call_pause_limit_and_resume_a_queue_and_drain_a_worker(
    visit: Visit, people: Company, admin: asyncpg.Connection
) -> None:
    home = await visit(people.ann, "/")
    await home.sees("workers are alive", "Nothing will run until a worker starts.")
    await _declare()
    worker = uuid7()
    await admin.execute(
        "INSERT INTO workers (id, host, pid, started_at, heartbeat_at, concurrency, engine, version, queues)"
        " VALUES ($1, 'ship/1', 7, now(), now(), 2, 'pgqueuer', '0.0.1', '{default,imports}')",
        worker,
    )
    job_id = await add_job(admin, people.acme, status="running", kind="dataset.import")
    await admin.execute("UPDATE jobs SET worker = $1, queue = 'imports'", worker)
    ann = await visit(people.ann, "/queues")
    await ann.sees("1 worker at work, 1 of 2 places busy.", "0.0.1, not this one")
    assert ["Import a file", f"/jobs/{job_id}"] in _row(ann, "Workers", "ship, process 7")[1][2]

    await _act(ann, "Queues", "imports", "Pause")
    dialog = await ann.finds(label="Pause the queue imports?", dialog=True)
    assert dialog.contents["plan"][0] == "The job that runs now goes on."
    ann.send(dialog, "submit", {"reason": WHY})
    await ann.hears("The queue imports is paused.")
    await ann.sees("Paused")
    await _act(ann, "Queues", "imports", "Change limit")
    dialog = await ann.answer("Limit the queue imports", most="a few", reason=WHY)
    assert set(await ann.refuses(dialog)) == {"most"}
    ann.send(dialog, "submit", {"most": "3", "reason": WHY})
    await ann.hears("The limit is saved.")
    await ann.sees("1 of 3")
    await _act(ann, "Queues", "Paused", "Resume")
    await ann.answer("Resume the queue imports?", reason=WHY)
    await ann.hears("The queue imports goes on.")

    await _act(ann, "Workers", "ship, process 7", "Drain")
    await ann.answer("Drain the worker ship, process 7?", reason=WHY)
    await ann.hears("The worker takes nothing more.")
    await ann.sees("Draining by Ann Adler", "No worker takes jobs now.")
    await _act(ann, "Workers", "ship, process 7", "Resume")
    await ann.answer("Let the worker ship, process 7 take jobs again?", reason=WHY)
    await ann.hears("The worker takes jobs again.")
    await home.sees("All is well")


async def test_staff_change_the_times_of_a_schedule_switch_it_and_run_it(
    visit: Visit, people: Company, admin: asyncpg.Connection
) -> None:
    ann = await visit(people.ann, "/schedules")
    await ann.sees("No schedules yet")
    await _declare()
    schedule_id = await admin.fetchval("SELECT id FROM schedules WHERE name = 'Remove abandoned files'")
    ann = await visit(people.ann, f"/schedules/{schedule_id}")
    await ann.sees("Every hour at :17", "It has not run yet", "Nobody has changed it.")
    ann.press("Change times")
    dialog = await ann.answer("Change the times of “Remove abandoned files”", cron="61 * * * *", time_zone="UTC")
    assert set(await ann.refuses(dialog)) == {"cron"}
    ann.send(dialog, "submit", {"cron": "0  4 * * *", "time_zone": "Europe/Berlin"})
    look = await ann.finds(label="It would run at these times", dialog=True)
    assert len(look.contents["plan"]) == 5
    assert all("04:00" in line for line in look.contents["plan"])
    ann.send(look, "submit", {"reason": WHY})
    await ann.hears("The times are saved.")
    await ann.sees("Every day at 04:00", "0 4 * * * (Europe/Berlin)", "changed the times of the schedule", WHY)
    ann.press("Switch off")
    await ann.answer("Switch off “Remove abandoned files”?", reason=WHY)
    await ann.sees("It is switched off.")
    ann.press("Run now")
    await ann.answer("Run “Remove abandoned files” now?", reason=WHY)
    await ann.hears("“Remove abandoned files” is queued.")
    assert await admin.fetchval("SELECT schedule_id FROM jobs") == schedule_id
    listed = await visit(people.ann, "/schedules")
    await _act(listed, "Schedules", "Remove abandoned files", "Switch on")
    await listed.answer("Switch on “Remove abandoned files”?", reason=WHY)
    await listed.hears("is switched on.")


async def test_run_now_that_is_sent_many_times_makes_one_run(
    visit: Visit, people: Company, admin: asyncpg.Connection
) -> None:
    await _declare()
    schedule_id = await admin.fetchval("SELECT id FROM schedules WHERE name = 'Remove abandoned files'")
    ann = await visit(people.ann, f"/schedules/{schedule_id}")
    for _ in range(5):
        ann.press("Run now")
    dialog = await ann.finds(label="Run “Remove abandoned files” now?", dialog=True)
    for _ in range(5):
        ann.send(dialog, "submit", {"reason": WHY})
    await ann.hears("“Remove abandoned files” is queued.")
    await ann.closes(dialog)
    assert await admin.fetchval("SELECT count(*) FROM jobs WHERE schedule_id = $1", schedule_id) == 1


async def test_a_token_and_no_session_opens_metrics(settings: Settings, people: Company) -> None:
    token = "a-token-of-the-tests"
    watched = settings.model_copy(update={"metrics_token": SecretStr(token)})
    async with application(watched) as running, visiting(running, watched, people.sue) as sue:
        assert (await sue.http.get("/metrics")).status_code == 404
        del sue.http.headers["cookie"]
        assert (await sue.http.get("/metrics")).status_code == 404
        answer = await sue.http.get("/metrics", headers={"authorization": f"Bearer {token}"})
        assert "quarterdeck_open_tabs 0.0" in answer.text
        assert (await sue.http.post("/metrics", headers={"authorization": f"Bearer {token}"})).status_code in {403, 405}
