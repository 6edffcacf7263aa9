"""How to make every verb on customers, their work and the log do its work."""

import tempfile
from datetime import datetime, timedelta

from app import clock
from app.models import Action, BulkVerb
from app.paging import PageRequest
from app.services import (
    audit_exports,
    bulk,
    datasets,
    documents,
    erasure,
    exports,
    imports,
    job,
    personal,
    queues,
    reverting,
    rows,
    schedules,
    seals,
    teams,
    users,
    workers,
)
from app.services.teams import Limits
from app.storage import audit_exports as audit_files
from tests.factories import choices
from tests.services.stage import WHY, Do, Stage, simple, verb

simple("teams.create", Action.TEAM_CREATED, lambda s: teams.create(s.ann, "Fjord"))

simple("teams.rename", Action.TEAM_RENAMED, lambda s: teams.rename(s.ann, s.company.acme, "Acme Ltd", "Acme", WHY))

simple("teams.suspend", Action.TEAM_SUSPENDED, lambda s: teams.suspend(s.ann, s.company.acme, WHY))

simple(
    "teams.limit", Action.TEAM_LIMITS_CHANGED, lambda s: teams.limit(s.ann, s.company.acme, Limits(9, 9), Limits(), WHY)
)

simple(
    "users.create", Action.USER_CREATED, lambda s: users.create(s.ann, s.company.acme, "Bob Bell", "bob@example.com")
)

simple("users.change_plan", Action.USER_PLAN_CHANGED, lambda s: users.change_plan(s.ann, s.ids["ada"], "premium", WHY))

simple("users.deactivate", Action.USER_DEACTIVATED, lambda s: users.deactivate(s.ann, s.ids["ada"], WHY))

simple("users.move", Action.USER_MOVED, lambda s: users.move(s.ann, s.ids["ada"], s.company.nordlicht, WHY))

simple(
    *("users.correct_email", Action.USER_EMAIL_CORRECTED),
    lambda s: users.correct_email(s.ann, s.ids["ada"], "ada@new.example", "ada@example.com", WHY),
)

simple(
    *("users.edit_options", Action.USER_OPTIONS_EDITED),
    lambda s: users.edit_options(s.ann, s.ids["ada"], {"theme": "dark", "n": 2}, {"theme": "light"}, WHY),
)

simple(
    *("erasure.erase", Action.USER_ERASED),
    lambda s: erasure.erase(s.ann, s.desk.store, s.ids["ada"], "ada@example.com", WHY),
    untold="name email options status erased_at",
)

simple(
    "personal.reveal", Action.PERSONAL_REVEALED, lambda s: personal.reveal(s.ann, "user", s.ids["ada"], "email", WHY)
)

simple("datasets.rename", Action.DATASET_RENAMED, lambda s: datasets.rename(s.ann, s.made.id, "Departures", "Flights"))

simple("datasets.delete", Action.DATASET_DELETED, lambda s: datasets.delete(s.ann, s.made.id, "Flights", WHY))

simple("rows.edit", Action.ROW_EDITED, lambda s: rows.edit(s.ann, s.made.id, s.ids["row"], "origin", "JFK", "EWR"))

simple("imports.delete", Action.IMPORT_DELETED, lambda s: imports.delete(s.ann, s.ids["import"], WHY))

simple(
    "imports.error_file",
    Action.IMPORT_ERRORS_DOWNLOADED,
    lambda s: imports.error_file(s.ann, s.desk.store, s.ids["import"]),
)

simple("job.retry", Action.JOB_RETRIED, lambda s: job.retry(s.ann, s.ids["failed"], WHY))

simple("job.cancel", Action.JOB_CANCELLED, lambda s: job.cancel(s.ann, s.ids["queued"], WHY))

simple("seals.verify_now", Action.AUDIT_VERIFICATION_ASKED, lambda s: seals.verify_now(s.ann))


async def _export(s: Stage) -> None:
    (await exports.export(s.ann, s.desk.settings.data_dir, "users", PageRequest(search="ada@example.com"))).file.close()


simple("exports.export", Action.LIST_EXPORTED, _export)


def _later() -> datetime:
    """The clock stands still, and the database's goes on."""
    return clock.now() + timedelta(hours=1)


async def _seals(s: Stage) -> None:
    with tempfile.TemporaryFile() as file:
        await seals.export(s.ann, file, None)


simple("seals.export", Action.LIST_EXPORTED, _seals)

simple(
    *("bulk.start", Action.BULK_STARTED),
    lambda s: bulk.start(s.ann, BulkVerb.RETRY, bulk.Choice(ids=[s.ids["failed"]]), _later(), WHY, 5),
)


@verb("teams.resume", Action.TEAM_RESUMED)
async def _resume(s: Stage) -> Do:
    await teams.suspend(s.ann, s.company.acme, WHY)
    return lambda: teams.resume(s.ann, s.company.acme, WHY)


@verb("users.reactivate", Action.USER_REACTIVATED)
async def _reactivate(s: Stage) -> Do:
    await users.deactivate(s.ann, s.ids["ada"], WHY)
    return lambda: users.reactivate(s.ann, s.ids["ada"], WHY)


@verb("imports.start_new", Action.DATASET_CREATED)
async def _start_new(s: Stage) -> Do:
    looked = await s.looked()
    return lambda: imports.start_new(
        *(s.ann, s.desk.store, looked),
        team_id=s.company.acme, name="New", choices=choices(looked), skip_bad=True,
    )  # fmt: skip


@verb("imports.start", Action.IMPORT_STARTED)
async def _start(s: Stage) -> Do:
    looked = await s.looked()
    return lambda: imports.start(
        s.ann, s.desk.store, looked, dataset_id=s.made.id, choices=choices(looked), skip_bad=True
    )


@verb("documents.download", Action.DOCUMENT_DOWNLOADED)
async def _download(s: Stage) -> Do:
    job_id = await s.document()
    return lambda: documents.download(s.ann, s.desk.store, job_id)


simple(
    *("audit_exports.start", Action.LIST_EXPORTED),
    lambda s: audit_exports.start(s.ann, PageRequest(search="ada@example.com"), "jsonl"),
)


@verb("audit_exports.download", Action.DOCUMENT_DOWNLOADED)
async def _take_away(s: Stage) -> Do:
    made = await audit_exports.start(s.ann, PageRequest(), "jsonl")
    await s.admin.execute("UPDATE jobs SET status = 'succeeded', finished_at = now() WHERE id = $1", made.id)
    file = audit_files.path(s.desk.store.folder.parent, made.id, "jsonl")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{}")
    return lambda: audit_exports.download(s.ann, s.desk.store, made.id)


@verb("reverting.revert", Action.DATASET_RENAMED)
async def _revert(s: Stage) -> Do:
    await datasets.rename(s.ann, s.made.id, "Departures", "Flights")
    entry = await s.admin.fetchval("SELECT max(id) FROM audit_entries")
    return lambda: reverting.revert(s.ann, entry, WHY)


@verb("queues.pause", Action.QUEUE_PAUSED)
async def _pause(s: Stage) -> Do:
    queue = await s.queue()
    return lambda: queues.pause(s.ann, queue, WHY)


@verb("queues.resume", Action.QUEUE_RESUMED)
async def _resume_queue(s: Stage) -> Do:
    queue = await s.queue(paused=True)
    return lambda: queues.resume(s.ann, queue, WHY)


@verb("queues.limit", Action.QUEUE_LIMITED)
async def _limit(s: Stage) -> Do:
    queue = await s.queue()
    return lambda: queues.limit(s.ann, queue, 3, None, WHY)


@verb("workers.drain", Action.WORKER_DRAINED)
async def _drain(s: Stage) -> Do:
    worker = await s.worker()
    return lambda: workers.drain(s.ann, worker, WHY)


@verb("workers.resume", Action.WORKER_RESUMED)
async def _undrain(s: Stage) -> Do:
    worker = await s.worker(drained=True)
    return lambda: workers.resume(s.ann, worker, WHY)


@verb("schedules.change", Action.SCHEDULE_CHANGED)
async def _change(s: Stage) -> Do:
    schedule, seen = await s.schedule(), schedules.Times("0 3 * * *", "UTC")
    return lambda: schedules.change(s.ann, schedule, schedules.Times("0 4 * * *", "UTC"), seen, WHY)


@verb("schedules.switch_on", Action.SCHEDULE_SWITCHED_ON)
async def _switch_on(s: Stage) -> Do:
    schedule = await s.schedule(enabled=False)
    return lambda: schedules.switch_on(s.ann, schedule, WHY)


@verb("schedules.switch_off", Action.SCHEDULE_SWITCHED_OFF)
async def _switch_off(s: Stage) -> Do:
    schedule = await s.schedule()
    return lambda: schedules.switch_off(s.ann, schedule, WHY)


@verb("schedules.run_now", Action.SCHEDULE_RUN)
async def _run_now(s: Stage) -> Do:
    schedule = await s.schedule()
    return lambda: schedules.run_now(s.company.sue, schedule, WHY)
