"""A company in which every verb finds something to do, and how recipes for them are kept."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from app.actor import Nobody, Staff
from app.crypto import links as link_tokens
from app.ids import uuid7
from app.job_queue.tasks import FILES_TIDY
from app.models import Action
from app.permissions import Permission
from app.services import (
    imports,
    tokens,
)
from app.storage.documents import document_file
from tests.factories import Desk, Made, add_job
from tests.people import Company
from tests.services.phones import Clock, Phone, enrol

WHY, OTHER = "Asked for by phone", "another correct horse battery staple"

NOBODY = Nobody("10.0.0.7")


@dataclass
class Stage:
    """A company in which every verb finds something to do, and ann who does it."""

    company: Company
    admin: asyncpg.Connection
    desk: Desk
    made: Made
    time: Clock
    ids: dict[str, UUID] = field(default_factory=dict)

    @property
    def ann(self) -> Staff:
        return self.company.ann

    async def phone(self) -> Phone:
        return await enrol(self.ann, self.time)

    async def looked(self) -> imports.Looked:
        return await self.desk.look(b"origin\nEWR\n")

    async def document(self) -> UUID:
        job_id = await add_job(self.admin, self.company.acme, "succeeded", "document.generate")
        file = document_file(self.desk.store.folder.parent, job_id)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("A draft")
        return job_id

    async def schedule(self, *, enabled: bool = True) -> UUID:
        schedule_id = uuid7()
        await self.admin.execute(
            "INSERT INTO schedules (id, name, kind, input, cron, time_zone, enabled, next_run_at, version, created_at,"
            " updated_at) VALUES ($1, 'Tidy', $2, '{}', '0 3 * * *', 'UTC', $3, now(), 1, now(), now())",
            *(schedule_id, FILES_TIDY.kind, enabled),
        )
        return schedule_id

    async def queue(self, *, paused: bool = False) -> UUID:
        queue_id = uuid7()
        await self.admin.execute(
            "INSERT INTO queues (id, name, paused_at, version, created_at, updated_at)"
            " VALUES ($1, 'letters', CASE WHEN $2 THEN now() END, 1, now(), now())",
            *(queue_id, paused),
        )
        return queue_id

    async def worker(self, *, drained: bool = False) -> UUID:
        worker_id = uuid7()
        await self.admin.execute(
            "INSERT INTO workers (id, host, pid, started_at, heartbeat_at, concurrency, engine, version,"
            " drain_requested_at)"
            " VALUES ($1, 'here', 1, now(), now(), 1, 'pgqueuer', '0', CASE WHEN $2 THEN now() END)",
            *(worker_id, drained),
        )
        return worker_id

    async def link(self) -> str:
        token = link_tokens.new_token()
        await self.admin.execute(
            "INSERT INTO staff_links (id, staff_id, purpose, digest, created_at, expires_at)"
            " VALUES ($1, $2, 'reset', $3, now(), now() + interval '1 hour')",
            *(uuid7(), self.company.vic.staff_id, link_tokens.digest(token)),
        )
        return token

    async def session(self, person: Staff) -> UUID:
        session_id = uuid7()
        await self.admin.execute(
            "INSERT INTO staff_sessions (id, staff_id, created_at, last_seen_at, expires_at, authenticated_at)"
            " VALUES ($1, $2, now(), now(), now() + interval '1 day', now())",
            *(session_id, person.staff_id),
        )
        return session_id

    async def token(self) -> tokens.NewToken:
        return await tokens.create(self.ann, name="CI", permissions=[Permission.JOBS_READ], team_ids=None, days=7)


Do = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Recipe:
    """How to make a verb do its work: ``ready`` sets the stage and returns the act itself; and what it is called.

    ``untold`` are columns of the target of which the entry says nothing, because its name says all; "*": all of them.
    """

    action: Action
    ready: Callable[[Stage], Awaitable[Do]]
    untold: frozenset[str] = frozenset()
    actor_kind: str = "staff"


RECIPES: dict[str, Recipe] = {}


def verb(
    name: str, action: Action, *, untold: str = "", actor_kind: str = "staff"
) -> Callable[[Callable[[Stage], Awaitable[Do]]], Callable[[Stage], Awaitable[Do]]]:
    """Keep a recipe."""

    def keep(ready: Callable[[Stage], Awaitable[Do]]) -> Callable[[Stage], Awaitable[Do]]:
        RECIPES[name] = Recipe(action, ready, frozenset(untold.split()), actor_kind)
        return ready

    return keep


def simple(name: str, action: Action, act: Callable[[Stage], Awaitable[object]], **more: str) -> None:
    """A verb for which the stage as it stands is enough."""

    async def ready(s: Stage) -> Do:
        return lambda: act(s)

    verb(name, action, **more)(ready)
