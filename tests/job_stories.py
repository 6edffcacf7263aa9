"""Jobs in every state that the page of one job can show, written behind the door, with events that fit them."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from app import clock
from app.ids import uuid7

TRACE = (
    "OSError: [Errno 28] No space left on device\n\nTraceback (most recent call last):\n"
    '  File "app/worker/tasks/documents.py", line 36, in generate_document\n'
    "    await asyncio.to_thread(keep, ctx.data_dir, ctx.job_id, text)\n"
    "OSError: [Errno 28] No space left on device\n"
)
FULL = {"code": "INTERNAL_ERROR", "message": "OSError: [Errno 28] No space left on device", "error": TRACE}


@dataclass
class Story:
    """A job in the making: columns, and events by how many seconds ago they happened."""

    admin: asyncpg.Connection
    team_id: UUID | None
    id: UUID = field(default_factory=uuid7)
    now: datetime = field(default_factory=clock.now)
    worker: UUID = field(default_factory=uuid7)

    def ago(self, seconds: float) -> datetime:
        return self.now - timedelta(seconds=seconds)

    async def write(self, status: str = "queued", kind: str = "document.generate", **columns: Any) -> UUID:
        due = columns.get("run_started_at") or columns.get("started_at") or self.now
        values: dict[str, Any] = {
            "id": self.id, "team_id": self.team_id, "kind": kind, "input": {}, "queue": "documents", "priority": 0,
            "status": status, "epoch": 1, "attempts": 1, "max_attempts": 3, "run_after": due, "deliveries": 1,
            "progress": 0, "progress_done": 0, "progress_text": "", "cost_micros": 0, "created_at": self.ago(300),
        } | columns  # fmt: skip
        made = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in values.items()}
        names, places = ", ".join(made), ", ".join(f"${n}" for n in range(1, len(made) + 1))
        await self.admin.execute(f"INSERT INTO jobs ({names}) VALUES ({places})", *made.values())
        return self.id

    async def tell(self, seconds: float, kind: str, **detail: Any) -> None:
        await self.admin.execute(
            "INSERT INTO job_events (job_id, team_id, at, kind, detail) VALUES ($1, $2, $3, $4, $5)",
            *(self.id, self.team_id, self.ago(seconds), kind, json.dumps(detail, default=str)),
        )

    async def start(self, seconds: float, attempt: int = 1, host: str = "worker-1", kind: str = "claimed") -> None:
        told = {"worker": self.worker, "host": f"{host}/5e0f1a7c", "pid": 4000, "epoch": attempt, "attempt": attempt}
        await self.tell(seconds, kind, **told)


async def running(story: Story, **columns: Any) -> UUID:
    """At work for 84 seconds, at half of its pages."""
    defaults: dict[str, Any] = {
        "run_started_at": story.ago(84), "started_at": story.ago(84), "lease_until": story.ago(-40), "progress": 42,
        "progress_done": 21, "progress_total": 50, "progress_text": "Writing pages: 21 of 50", "worker": story.worker,
        "input": {"template": "report", "title": "Heat pumps in old houses", "language": "en", "pages": 50},
    }  # fmt: skip
    job_id = await story.write("running", **(defaults | columns))
    await story.tell(300, "queued", delay=0)
    await story.start(84)
    return job_id


async def failed(story: Story, **columns: Any) -> UUID:
    """Failed for good on its third attempt, with a place to go on from."""
    defaults: dict[str, Any] = {
        "attempts": 3, "epoch": 3, "error": TRACE, "error_code": "INTERNAL_ERROR", "finished_at": story.ago(20),
        "started_at": story.ago(200), "run_started_at": story.ago(32), "cost_micros": 31_400,
        "error_signature": "document.generate OSError app/worker/tasks/documents.py:keep",
        "checkpoint": {"page": 21, "sections": [{"title": "Why", "pages": 3}, {"title": "How", "pages": 18}]},
        "input": {
            "template": "report", "title": "Heat pumps in old houses", "language": "en", "pages": 50,
            "delivery": {"url": "https://files.example.com/in", "headers": {"Authorization": "Bearer 7f3ka1"}},
        },
    }  # fmt: skip
    job_id = await story.write("failed", **(defaults | columns))
    await story.tell(300, "queued", delay=0)
    await story.start(200, 1, "worker-1")
    await story.tell(190, "checkpoint", epoch=1, attempt=1)
    await story.tell(170, "lease_lost", worker=story.worker, epoch=1)
    await story.start(168, 2, "worker-2")
    await story.tell(160, "lease_lost", worker=story.worker, epoch=1, rejected=True)
    await story.tell(159, "lease_lost", worker=story.worker, epoch=1, rejected=True)
    await story.tell(100, "retry_later", epoch=2, attempt=2, delay=60, cost_micros=18_200, **FULL)
    await story.start(32, 3, "worker-1")
    await story.tell(20, "failed", epoch=3, attempt=3, cost_micros=13_200, **FULL)
    return job_id


async def succeeded(story: Story, **columns: Any) -> UUID:
    """Done after 12.4 seconds."""
    defaults: dict[str, Any] = {
        "finished_at": story.ago(60), "started_at": story.ago(72.4), "run_started_at": story.ago(72.4),
        "progress": 100, "result": {"pages": 50, "words": 18_204, "sha256": "9f2c" * 16},
        "input": {"template": "report", "title": "Heat pumps in old houses", "language": "en", "pages": 50},
    }  # fmt: skip
    job_id = await story.write("succeeded", **(defaults | columns))
    await story.tell(300, "queued", delay=0)
    await story.start(72.4)
    await story.tell(60, "succeeded", epoch=1, attempt=1)
    return job_id


async def cancelled(story: Story, by: UUID) -> UUID:
    """Asked to stop, seen by its worker three seconds later, stopped two seconds after that."""
    asked: dict[str, Any] = {
        "cancel_requested_at": story.ago(30),
        "cancel_requested_by": by,
        "cancel_seen_at": story.ago(27),
    }
    ended: dict[str, Any] = {"finished_at": story.ago(25), "started_at": story.ago(90), "run_started_at": story.ago(90)}
    job_id = await story.write("cancelled", **asked, **ended)
    await story.tell(300, "queued", delay=0, by=by)
    await story.start(90)
    await story.tell(30, "cancel_requested", by=by)
    await story.tell(27, "cancel_seen", epoch=1, attempt=1)
    await story.tell(25, "cancelled", by=by, epoch=1, attempt=1)
    return job_id
