"""What tests start from, made quickly behind the door: datasets with rows, uploads, jobs that run in this process."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

import app.worker.tasks.datasets
import app.worker.tasks.import_cleanup
import app.worker.tasks.imports  # noqa: F401 - binds the functions that jobs run
from app import clock, job_queue
from app.actor import Actor
from app.config import Settings
from app.ids import uuid7
from app.models import Import, Worker
from app.services import imports, uploads
from app.services.imports import Choice
from app.storage.uploads import Store
from app.worker.execution import Execution

AIRPORTS = Path(__file__).parent / "data" / "airports.csv"
AIRPORT_ROWS = 1458


@dataclass(frozen=True)
class Made:
    """A dataset made behind the door."""

    id: UUID
    number: int
    schema_id: UUID
    team_id: UUID


async def make_dataset(admin: asyncpg.Connection, team_id: UUID, name: str, fields: Mapping[str, Any]) -> Made:
    """An empty dataset. ``fields`` maps a key to its type, or to a mapping of columns of ``schema_fields``."""
    now, schema_id, dataset_id = clock.now(), uuid7(), uuid7()
    await admin.execute(
        "INSERT INTO schemas (id, team_id, name, current_version, created_at) VALUES ($1, $2, $3, 1, $4)",
        *(schema_id, team_id, name, now),
    )
    await admin.execute(
        "INSERT INTO schema_versions (schema_id, version, team_id, created_at) VALUES ($1, 1, $2, $3)",
        *(schema_id, team_id, now),
    )
    for position, (key, kind) in enumerate(fields.items()):
        rules = {"type": kind} if isinstance(kind, str) else dict(kind)
        await admin.execute(
            "INSERT INTO schema_fields (schema_id, version, key, team_id, label, type, required, enum, minimum,"
            " maximum, position, deprecated) VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, false)",
            *(schema_id, key, team_id, rules.get("label", key), rules["type"], rules.get("required", False)),
            *(json.dumps(rules["enum"]) if "enum" in rules else None, rules.get("minimum"), rules.get("maximum")),
            position,
        )
    number = await admin.fetchval(
        "INSERT INTO datasets (id, team_id, schema_id, name, next_position, status, version, created_at, updated_at)"
        " VALUES ($1, $2, $3, $4, 1, 'active', 1, $5, $5) RETURNING number",
        *(dataset_id, team_id, schema_id, name, now),
    )
    return Made(dataset_id, number, schema_id, team_id)


async def add_import(admin: asyncpg.Connection, made: Made, rows: int, data: str) -> UUID:
    """An import that has succeeded, with its rows; ``data`` is SQL for the JSON of the row at position ``n``."""
    now, import_id = clock.now(), uuid7()
    first = await admin.fetchval("SELECT next_position FROM datasets WHERE id = $1", made.id)
    await admin.execute(
        "INSERT INTO imports (id, team_id, dataset_id, status, filename, file_id, size_bytes, sha256, skip_bad, plan,"
        " first_position, rows_good, rows_bad, error_groups, created_at)"
        " VALUES ($1, $2, $3, 'succeeded', 'made.csv', $4, 1, '\\x00', true, '{}', $5, $6, 0, '[]', $7)",
        *(import_id, made.team_id, made.id, uuid7(), first, rows, now),
    )
    await admin.execute(
        "INSERT INTO dataset_rows (id, dataset_number, team_id, position, data, schema_version, status, version,"
        f" import_id, created_at, updated_at) SELECT uuidv7(), $1, $2, n, {data}, 1, 'pending', 1, $3, $4, $4"
        " FROM generate_series($5::bigint, $5::bigint + $6::bigint - 1) AS n",
        *(made.number, made.team_id, import_id, now, first, rows),
    )
    await admin.execute("UPDATE datasets SET next_position = $2 WHERE id = $1", made.id, first + rows)
    await admin.execute(
        "INSERT INTO dataset_counts AS c (dataset_number, status, team_id, n) VALUES ($1, 'pending', $2, $3)"
        " ON CONFLICT (dataset_number, status) DO UPDATE SET n = c.n + excluded.n",
        *(made.number, made.team_id, rows),
    )
    return import_id


async def add_values(admin: asyncpg.Connection, made: Made, values: Sequence[Mapping[str, Any]]) -> UUID:
    """An import that has succeeded and brought exactly these rows."""
    await admin.execute("DROP TABLE IF EXISTS given; CREATE TEMP TABLE given (n bigint, data jsonb)")
    first = await admin.fetchval("SELECT next_position FROM datasets WHERE id = $1", made.id)
    numbered = [(first + n, json.dumps(value)) for n, value in enumerate(values)]
    await admin.executemany("INSERT INTO given VALUES ($1, $2)", numbered)
    return await add_import(admin, made, len(values), "(SELECT g.data FROM given g WHERE g.n = n.n)")


async def add_user(admin: asyncpg.Connection, team_id: UUID, name: str, email: str, **columns: Any) -> UUID:
    """A user; ``columns`` overrule what is usual (``plan``, ``status``, ``options``, ``created_at``)."""
    values: dict[str, Any] = {"id": uuid7(), "team_id": team_id, "name": name, "email": email, "plan": "free"}
    values |= {"status": "active", "options": "{}", "version": 1, "created_at": clock.now(), **columns}
    values.setdefault("updated_at", values["created_at"])
    marks = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    await admin.execute(f"INSERT INTO users ({', '.join(values)}) VALUES ({marks})", *values.values())
    return UUID(str(values["id"]))


async def add_payment(admin: asyncpg.Connection, team_id: UUID, **columns: Any) -> UUID:
    """A payment of 12.50 EUR that succeeded; ``columns`` overrule what is usual."""
    values: dict[str, Any] = {"id": uuid7(), "team_id": team_id, "amount_minor": 1250, "currency": "EUR"}
    values |= {"status": "succeeded", "refunded_minor": 0, "description": "Document of 12 pages", "version": 1}
    values |= {"created_at": clock.now(), **columns}
    values.setdefault("updated_at", values["created_at"])
    marks = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    await admin.execute(f"INSERT INTO payments ({', '.join(values)}) VALUES ({marks})", *values.values())
    return UUID(str(values["id"]))


async def add_job(admin: asyncpg.Connection, team_id: UUID, status: str = "failed", kind: str = "test.made") -> UUID:
    """A job that nobody will run."""
    job_id = uuid7()
    await admin.execute(
        "INSERT INTO jobs (id, team_id, kind, input, queue, priority, status, epoch, attempts, max_attempts, run_after,"
        " deliveries, progress, progress_done, progress_text, cost_micros, created_at, finished_at)"
        " VALUES ($1, $2, $3, '{}', 'default', 0, $4, 0, 1, 3, now(), 1, 0, 0, '', 0, now(),"
        " CASE WHEN $4::varchar IN ('succeeded', 'failed', 'cancelled') THEN now() END)",
        *(job_id, team_id, kind, status),
    )
    return job_id


async def add_failure(admin: asyncpg.Connection, job_id: UUID, signature: str) -> UUID:
    """Let a job fail like this; returns its group."""
    await admin.execute("UPDATE jobs SET status = 'running' WHERE id = $1", job_id)
    failed = "UPDATE jobs SET status = 'failed', error_signature = $2, finished_at = now() WHERE id = $1"
    await admin.execute(failed, job_id, signature)
    found: UUID = await admin.fetchval("SELECT md5($1)::uuid", signature)
    return found


async def add_bulk_act(admin: asyncpg.Connection, asked_by: UUID, job_id: UUID, words: str) -> UUID:
    """A bulk act of all teams that refused a job, which also stands for the job that carries it out."""
    bulk_id = uuid7()
    await admin.execute(
        "INSERT INTO bulk_acts (id, verb, asked_by, reason, rate, chosen, total, succeeded, refused, job_id,"
        " created_at) VALUES ($1, 'retry', $2, $3, 5, $4, 2, 0, 1, $5, now())",
        *(bulk_id, asked_by, words, json.dumps({"search": words}), job_id),
    )
    await admin.execute(
        "INSERT INTO bulk_items (bulk_id, position, job_id, status, message)"
        " VALUES ($1, 1, $2, 'refused', $3), ($1, 2, $2, 'waiting', NULL)",
        *(bulk_id, job_id, words),
    )
    return bulk_id


async def add_engine_room(admin: asyncpg.Connection, room: str = "engine-room") -> UUID:
    """A queue that is paused, a worker and a schedule; returns the schedule. Made twice, it is there once."""
    now, schedule_id = clock.now(), uuid7()
    await admin.execute(
        "INSERT INTO queues (id, name, paused_at, version, created_at, updated_at) VALUES ($1, $2, $3, 1, $3, $3)"
        " ON CONFLICT DO NOTHING",
        *(uuid7(), room, now),
    )
    await admin.execute(
        "INSERT INTO workers (id, host, pid, started_at, heartbeat_at, concurrency, engine, version, queues)"
        " SELECT $1, $2::text, 7, $3, $3, 2, 'pgqueuer', '0', ARRAY[$2::text]"
        " WHERE NOT EXISTS (SELECT FROM workers WHERE host = $2::text)",
        *(uuid7(), room, now),
    )
    await admin.execute(
        "INSERT INTO schedules (id, name, kind, input, cron, time_zone, enabled, next_run_at, version, created_at,"
        " updated_at) VALUES ($1, $2, 'files.tidy', '{}', '0 3 * * *', 'UTC', true, now() + interval '1 day', 1,"
        " $3, $3) ON CONFLICT DO NOTHING",
        *(schedule_id, room, now),
    )
    found: UUID = await admin.fetchval("SELECT id FROM schedules ORDER BY name = $1 DESC, id LIMIT 1", room)
    return found


async def body(*pieces: bytes) -> AsyncIterator[bytes]:
    """A request's body, piece by piece."""
    for piece in pieces:
        yield piece


@dataclass(frozen=True)
class Desk:
    """Somebody who uploads and imports files, and a worker that runs their jobs in this process."""

    actor: Actor
    store: Store
    settings: Settings

    @classmethod
    def of(cls, actor: Actor, settings: Settings) -> "Desk":
        return cls(actor, Store(settings.data_dir / "uploads", 50_000_000), settings)

    async def look(self, content: bytes, name: str = "table.csv") -> imports.Looked:
        """Upload a file and look at it."""
        upload = await uploads.receive(self.actor, self.store, name, len(content), body(content))
        return await imports.look(self.actor, self.store, upload.id)

    async def start_new(
        self, content: bytes, team_id: UUID, *, name: str = "Airports", skip_bad: bool = True, **types: str
    ) -> Import:
        """Upload a file and start its import into a new dataset; ``types`` overrule the proposals."""
        looked = await self.look(content)
        chosen = choices(looked, **types)
        return await imports.start_new(
            self.actor, self.store, looked, team_id=team_id, name=name, choices=chosen, skip_bad=skip_bad
        )

    async def start(self, content: bytes, dataset_id: UUID, *, skip_bad: bool = True) -> Import:
        """Upload a file and start its import into a dataset that is there."""
        looked = await self.look(content)
        return await imports.start(
            self.actor, self.store, looked, dataset_id=dataset_id, choices=choices(looked), skip_bad=skip_bad
        )

    async def run(self, job_id: UUID | None) -> None:
        """Run a job to its end, exactly as a worker process does."""
        assert job_id is not None
        now = clock.now()
        times = {"started_at": now, "heartbeat_at": now}
        me = Worker(id=uuid7(), host="here", pid=1, concurrency=1, engine="pgqueuer", version="0", **times)
        claimed = await job_queue.claim(job_id, me, 60)
        assert claimed is not None, "the job is not to be run"
        await Execution(claimed, me, self.settings).run()

    async def run_all(self, admin: asyncpg.Connection) -> None:
        """Run every job that waits, and those that they bring."""
        while job_id := await admin.fetchval("SELECT id FROM jobs WHERE status = 'queued' ORDER BY id LIMIT 1"):
            await self.run(job_id)


def choices(looked: imports.Looked, **types: str) -> list[Choice]:
    """The proposals as choices, with some types overruled."""
    return [Choice(c.key, types.get(c.key, c.type.value), c.missing) for c in looked.inspection.columns]


async def check_counts(admin: asyncpg.Connection) -> None:
    """Counters say the truth: jobs by state, visible rows by dataset and state; and nothing lies out of sight."""
    team = f"coalesce(team_id, '{UUID(int=0)}')"
    jobs = f"SELECT {team}, kind, status, {{}} FROM {{}} GROUP BY 1, 2, 3 {{}} ORDER BY 1, 2, 3"
    assert await admin.fetch(jobs.format("sum(n)::int", "job_counts", "HAVING sum(n) <> 0")) == await admin.fetch(
        jobs.format("count(*)::int", "jobs", "")
    )
    visible = (
        "SELECT r.dataset_number, r.status, r.team_id, count(*) FROM dataset_rows r"
        " JOIN datasets d ON d.number = r.dataset_number AND r.position < d.next_position"
        " GROUP BY 1, 2, 3 ORDER BY 1, 2"
    )
    counted = "SELECT dataset_number, status, team_id, n FROM dataset_counts WHERE n <> 0 ORDER BY 1, 2"
    assert await admin.fetch(counted) == await admin.fetch(visible)
