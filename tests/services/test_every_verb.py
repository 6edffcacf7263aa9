"""Every verb that writes leaves its entry, with before and after as the database itself saw them.

The verbs are found in the source: whatever in ``app.services`` opens the door to write, or the doorstep. One without a
recipe here fails the first test. What each must have told is not written down here: the tables are looked at before
and after, and the entry has to say the difference.
"""

import ast
import json
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import inspect

from app import audit_files, clock, drafts
from app.actor import Command, Nobody, Staff
from app.changes import _SILENT
from app.config import Settings
from app.crypto import links as link_tokens
from app.crypto import passwords
from app.errors import RateLimited
from app.ids import uuid7
from app.ledger.tasks import FILES_TIDY
from app.models import Action, Base, BulkVerb
from app.paging import PageRequest
from app.permissions import Permission, Role
from app.recording import noun
from app.services import (
    audit_exports,
    bulk,
    datasets,
    documents,
    erasure,
    exports,
    imports,
    job,
    links,
    own_sessions,
    personal,
    profile,
    queues,
    reverting,
    rows,
    schedules,
    seals,
    second_factor,
    sessions,
    staff,
    staff_rules,
    staff_sessions,
    step_up,
    teams,
    tokens,
    users,
    workers,
)
from app.services.sessions import WrongPassword
from app.services.teams import Limits
from app.trace import referenced
from tests.factories import Desk, Made, add_import, add_job, add_user, choices, make_dataset
from tests.people import PASSWORD, Company
from tests.rules.tree import Function, modules, parsed, public_functions
from tests.services.phones import Clock, Phone, ann, enrol, time

__all__ = ["ann", "time"]

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
        file = drafts.file(self.desk.store.folder.parent, job_id)
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


_A = Action
simple("teams.create", _A.TEAM_CREATED, lambda s: teams.create(s.ann, "Fjord"))
simple("teams.rename", _A.TEAM_RENAMED, lambda s: teams.rename(s.ann, s.company.acme, "Acme Ltd", "Acme", WHY))
simple("teams.suspend", _A.TEAM_SUSPENDED, lambda s: teams.suspend(s.ann, s.company.acme, WHY))
simple("teams.limit", _A.TEAM_LIMITS_CHANGED, lambda s: teams.limit(s.ann, s.company.acme, Limits(9, 9), Limits(), WHY))
simple("users.create", _A.USER_CREATED, lambda s: users.create(s.ann, s.company.acme, "Bob Bell", "bob@example.com"))
simple("users.change_plan", _A.USER_PLAN_CHANGED, lambda s: users.change_plan(s.ann, s.ids["ada"], "premium", WHY))
simple("users.deactivate", _A.USER_DEACTIVATED, lambda s: users.deactivate(s.ann, s.ids["ada"], WHY))
simple("users.move", _A.USER_MOVED, lambda s: users.move(s.ann, s.ids["ada"], s.company.nordlicht, WHY))
simple(
    *("users.correct_email", _A.USER_EMAIL_CORRECTED),
    lambda s: users.correct_email(s.ann, s.ids["ada"], "ada@new.example", "ada@example.com", WHY),
)
simple(
    *("users.edit_options", _A.USER_OPTIONS_EDITED),
    lambda s: users.edit_options(s.ann, s.ids["ada"], {"theme": "dark", "n": 2}, {"theme": "light"}, WHY),
)
simple(
    *("erasure.erase", _A.USER_ERASED),
    lambda s: erasure.erase(s.ann, s.desk.store, s.ids["ada"], "ada@example.com", WHY),
    untold="name email options status erased_at",
)
simple("personal.reveal", _A.PERSONAL_REVEALED, lambda s: personal.reveal(s.ann, "user", s.ids["ada"], "email", WHY))
simple("datasets.rename", _A.DATASET_RENAMED, lambda s: datasets.rename(s.ann, s.made.id, "Departures", "Flights"))
simple("datasets.delete", _A.DATASET_DELETED, lambda s: datasets.delete(s.ann, s.made.id, "Flights", WHY))
simple("rows.edit", _A.ROW_EDITED, lambda s: rows.edit(s.ann, s.made.id, s.ids["row"], "origin", "JFK", "EWR"))
simple("imports.delete", _A.IMPORT_DELETED, lambda s: imports.delete(s.ann, s.ids["import"], WHY))
simple(
    "imports.error_file",
    _A.IMPORT_ERRORS_DOWNLOADED,
    lambda s: imports.error_file(s.ann, s.desk.store, s.ids["import"]),
)
simple("job.retry", _A.JOB_RETRIED, lambda s: job.retry(s.ann, s.ids["failed"], WHY), untold="max_attempts")
simple("job.cancel", _A.JOB_CANCELLED, lambda s: job.cancel(s.ann, s.ids["queued"], WHY))
simple(
    "staff.invite",
    _A.STAFF_INVITED,
    lambda s: staff.invite(s.company.sue, name="Ida", email="ida@example.com", role="viewer"),
)
simple("staff.make_link", _A.STAFF_LINK_MADE, lambda s: staff.make_link(s.company.sue, s.company.vic.staff_id, WHY))
simple("staff.make_link_for", _A.STAFF_LINK_MADE, lambda s: staff.make_link_for(s.company.sue, "vic@example.com", WHY))
simple(
    *("staff.change_role", _A.STAFF_ROLE_CHANGED),
    lambda s: staff.change_role(s.company.sue, s.company.vic.staff_id, "support", "viewer", WHY),
)
simple(
    *("staff.change_teams", _A.STAFF_TEAMS_CHANGED),
    lambda s: staff.change_teams(s.company.sue, s.company.vic.staff_id, [s.company.acme], None, WHY),
)
simple("staff.deactivate", _A.STAFF_DEACTIVATED, lambda s: staff.deactivate(s.company.sue, s.company.vic.staff_id, WHY))
simple(
    *("staff.demand_password_change", _A.STAFF_PASSWORD_DEMANDED),
    lambda s: staff.demand_password_change(s.company.sue, s.company.vic.staff_id, WHY),
)
simple(
    *("staff.create", _A.STAFF_CREATED),
    lambda _: staff.create(Command("root"), "ida@example.com", "Ida", Role.VIEWER, OTHER),
    actor_kind="command",
)
simple(
    *("staff.set_password", _A.STAFF_PASSWORD_CHANGED),
    lambda s: staff.set_password(s.company.sue, "vic@example.com", OTHER),
)
simple(
    *("staff_rules.demand_second_factor", _A.ROLE_RULE_CHANGED),
    lambda s: staff_rules.demand_second_factor(s.company.sue, "viewer", True, 0, WHY),
)
simple(
    *("staff_sessions.end_all", _A.SESSION_REVOKED),
    lambda s: staff_sessions.end_all(s.company.sue, s.company.vic.staff_id, WHY),
)
simple(
    *("staff_sessions.end", _A.SESSION_REVOKED),
    lambda s: staff_sessions.end(s.company.sue, s.company.vic.session_id, WHY),
    untold="revoked_at revoke_reason",
)
simple("profile.rename", _A.STAFF_RENAMED, lambda s: profile.rename(s.ann, "Ann Adlerova"))
simple(
    *("profile.change_password", _A.STAFF_PASSWORD_CHANGED),
    lambda s: profile.change_password(s.ann, PASSWORD, OTHER),
)
simple(
    "step_up.prove", _A.SESSION_PROVED, lambda s: step_up.prove(s.ann, PASSWORD), untold="authenticated_at last_seen_at"
)
simple("sessions.sign_out", _A.SESSION_ENDED, lambda s: sessions.sign_out(s.ann), untold="revoked_at revoke_reason")
simple(
    *("sessions.sign_in", _A.SESSION_STARTED),
    lambda s: sessions.sign_in(NOBODY, s.ann.email, PASSWORD, "a browser"),
    untold="*",
)
simple("sessions.measured", _A.SESSION_REFUSED, lambda s: _wrong(s.ann), actor_kind="nobody")
simple(
    *("tokens.create", _A.TOKEN_CREATED),
    lambda s: tokens.create(s.ann, name="CI", permissions=[Permission.JOBS_READ], team_ids=None, days=7),
    untold="*",
)
simple("seals.verify_now", _A.AUDIT_VERIFICATION_ASKED, lambda s: seals.verify_now(s.ann))


async def _export(s: Stage) -> None:
    (await exports.export(s.ann, s.desk.settings.data_dir, "users", PageRequest(search="ada@example.com"))).file.close()


simple("exports.export", _A.LIST_EXPORTED, _export)


def _later() -> datetime:
    """The clock stands still, and the database's goes on."""
    return clock.now() + timedelta(hours=1)


async def _seals(s: Stage) -> None:
    with tempfile.TemporaryFile() as file:
        await seals.export(s.ann, file, None)


simple("seals.export", _A.LIST_EXPORTED, _seals)
simple(
    *("bulk.start", _A.BULK_STARTED),
    lambda s: bulk.start(s.ann, BulkVerb.RETRY, bulk.Choice(ids=[s.ids["failed"]]), _later(), WHY, 5),
)


async def _wrong(person: Staff) -> None:
    with pytest.raises(WrongPassword):
        await sessions.measured(person, "a wrong one")


@verb("teams.resume", _A.TEAM_RESUMED)
async def _resume(s: Stage) -> Do:
    await teams.suspend(s.ann, s.company.acme, WHY)
    return lambda: teams.resume(s.ann, s.company.acme, WHY)


@verb("users.reactivate", _A.USER_REACTIVATED)
async def _reactivate(s: Stage) -> Do:
    await users.deactivate(s.ann, s.ids["ada"], WHY)
    return lambda: users.reactivate(s.ann, s.ids["ada"], WHY)


@verb("staff.reactivate", _A.STAFF_REACTIVATED)
async def _back(s: Stage) -> Do:
    await staff.deactivate(s.company.sue, s.company.vic.staff_id, WHY)
    return lambda: staff.reactivate(s.company.sue, s.company.vic.staff_id, WHY)


@verb("staff.remove_second_factor", _A.STAFF_SECOND_FACTOR_REMOVED)
async def _remove_factor(s: Stage) -> Do:
    await s.phone()
    return lambda: staff.remove_second_factor(s.company.sue, s.ann.staff_id, WHY)


@verb("staff.ensure_first_administrator", _A.STAFF_CREATED, actor_kind="command")
async def _first(s: Stage) -> Do:
    await s.admin.execute("TRUNCATE staff CASCADE")
    return lambda: staff.ensure_first_administrator(Command("root"), "ida@example.com", None)


@verb("imports.start_new", _A.DATASET_CREATED)
async def _start_new(s: Stage) -> Do:
    looked = await s.looked()
    return lambda: imports.start_new(
        *(s.ann, s.desk.store, looked),
        team_id=s.company.acme, name="New", choices=choices(looked), skip_bad=True,
    )  # fmt: skip


@verb("imports.start", _A.IMPORT_STARTED)
async def _start(s: Stage) -> Do:
    looked = await s.looked()
    return lambda: imports.start(
        s.ann, s.desk.store, looked, dataset_id=s.made.id, choices=choices(looked), skip_bad=True
    )


@verb("documents.download", _A.DOCUMENT_DOWNLOADED)
async def _download(s: Stage) -> Do:
    job_id = await s.document()
    return lambda: documents.download(s.ann, s.desk.store, job_id)


simple(
    *("audit_exports.start", _A.LIST_EXPORTED),
    lambda s: audit_exports.start(s.ann, PageRequest(search="ada@example.com"), "jsonl"),
)


@verb("audit_exports.download", _A.DOCUMENT_DOWNLOADED)
async def _take_away(s: Stage) -> Do:
    made = await audit_exports.start(s.ann, PageRequest(), "jsonl")
    await s.admin.execute("UPDATE jobs SET status = 'succeeded', finished_at = now() WHERE id = $1", made.id)
    file = audit_files.path(s.desk.store.folder.parent, made.id, "jsonl")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{}")
    return lambda: audit_exports.download(s.ann, s.desk.store, made.id)


@verb("reverting.revert", _A.DATASET_RENAMED)
async def _revert(s: Stage) -> Do:
    await datasets.rename(s.ann, s.made.id, "Departures", "Flights")
    entry = await s.admin.fetchval("SELECT max(id) FROM audit_entries")
    return lambda: reverting.revert(s.ann, entry, WHY)


@verb("queues.pause", _A.QUEUE_PAUSED)
async def _pause(s: Stage) -> Do:
    queue = await s.queue()
    return lambda: queues.pause(s.ann, queue, WHY)


@verb("queues.resume", _A.QUEUE_RESUMED)
async def _resume_queue(s: Stage) -> Do:
    queue = await s.queue(paused=True)
    return lambda: queues.resume(s.ann, queue, WHY)


@verb("queues.limit", _A.QUEUE_LIMITED)
async def _limit(s: Stage) -> Do:
    queue = await s.queue()
    return lambda: queues.limit(s.ann, queue, 3, None, WHY)


@verb("workers.drain", _A.WORKER_DRAINED)
async def _drain(s: Stage) -> Do:
    worker = await s.worker()
    return lambda: workers.drain(s.ann, worker, WHY)


@verb("workers.resume", _A.WORKER_RESUMED)
async def _undrain(s: Stage) -> Do:
    worker = await s.worker(drained=True)
    return lambda: workers.resume(s.ann, worker, WHY)


@verb("schedules.change", _A.SCHEDULE_CHANGED)
async def _change(s: Stage) -> Do:
    schedule, seen = await s.schedule(), schedules.Times("0 3 * * *", "UTC")
    return lambda: schedules.change(s.ann, schedule, schedules.Times("0 4 * * *", "UTC"), seen, WHY)


@verb("schedules.switch_on", _A.SCHEDULE_SWITCHED_ON)
async def _switch_on(s: Stage) -> Do:
    schedule = await s.schedule(enabled=False)
    return lambda: schedules.switch_on(s.ann, schedule, WHY)


@verb("schedules.switch_off", _A.SCHEDULE_SWITCHED_OFF)
async def _switch_off(s: Stage) -> Do:
    schedule = await s.schedule()
    return lambda: schedules.switch_off(s.ann, schedule, WHY)


@verb("schedules.run_now", _A.SCHEDULE_RUN)
async def _run_now(s: Stage) -> Do:
    schedule = await s.schedule()
    return lambda: schedules.run_now(s.company.sue, schedule, WHY)


@verb("own_sessions.end", _A.SESSION_REVOKED)
async def _end_own(s: Stage) -> Do:
    other = await s.session(s.ann)
    return lambda: own_sessions.end(s.ann, other)


@verb("own_sessions.end_others", _A.SESSION_REVOKED)
async def _end_others(s: Stage) -> Do:
    await s.session(s.ann)
    return lambda: own_sessions.end_others(s.ann)


@verb("tokens.revoke_own", _A.TOKEN_REVOKED, untold="revoked_at")
async def _revoke_own(s: Stage) -> Do:
    made = await s.token()
    return lambda: tokens.revoke_own(s.ann, made.id)


@verb("tokens.revoke", _A.TOKEN_REVOKED)
async def _revoke(s: Stage) -> Do:
    made = await s.token()
    return lambda: tokens.revoke(s.company.sue, made.id, WHY)


@verb("profile.choose_due_password", _A.STAFF_PASSWORD_CHANGED, untold="must_change_password")
async def _due(s: Stage) -> Do:
    await s.admin.execute("UPDATE staff SET must_change_password = true WHERE id = $1", s.ann.staff_id)
    return lambda: profile.choose_due_password(s.ann, PASSWORD, OTHER)


@verb("links.use", _A.STAFF_LINK_USED)
async def _use_link(s: Stage) -> Do:
    token = await s.link()
    return lambda: links.use(NOBODY, token, OTHER)


_FACTOR = "totp_secret totp_step totp_set_at"


@verb("second_factor.set_up", _A.STAFF_SECOND_FACTOR_SET_UP, untold=_FACTOR)
async def _set_up(s: Stage) -> Do:
    return s.phone


@verb("second_factor.renew_codes", _A.STAFF_RECOVERY_CODES_MADE, untold=_FACTOR)
async def _renew(s: Stage) -> Do:
    phone = await s.phone()
    return lambda: second_factor.renew_codes(s.ann, phone.next())


@verb("second_factor.turn_off", _A.STAFF_SECOND_FACTOR_TURNED_OFF, untold=_FACTOR)
async def _turn_off(s: Stage) -> Do:
    phone = await s.phone()
    return lambda: second_factor.turn_off(s.ann, phone.next())


@verb("second_factor.sign_in", _A.SESSION_STARTED, untold="*")
async def _code(s: Stage) -> Do:
    phone = await s.phone()
    asked = await sessions.sign_in(NOBODY, s.ann.email, PASSWORD, "a browser")
    assert isinstance(asked, sessions.Asked)
    return lambda: second_factor.sign_in(NOBODY, asked.token, phone.next(), "a browser")


@verb("throttle.trying", _A.SESSION_THROTTLED, actor_kind="nobody")
async def _throttled(s: Stage) -> Do:
    async def tries(n: int) -> None:
        for _ in range(n):
            with pytest.raises((WrongPassword, RateLimited)):
                await sessions.sign_in(NOBODY, s.ann.email, "a wrong one", "a browser")

    await tries(3)
    return lambda: tries(3)


ASKING = {
    "links.find": "who holds a link",
    "programs.find": "whose token it is; that it was used is book-keeping",
    "sessions.find": "whose cookie it is",
    "sessions.living": "which sessions live",
    "second_factor.waits": "whether a code is awaited",
    "second_factor.get": "one's own second factor",
    "second_factor.begin": "a secret that is not kept",
    "second_factor.verify": "whether a code is right: it is used up, and whatever is done by it has an entry",
    "step_up.has_code": "whether somebody has a second factor",
    "throttle.device": "by which browsers somebody is known: book-keeping",
    "health.schema_revision": "the schema's version",
    "doorstep.asking": "the doorstep itself",
}
"""What comes to the doorstep and changes nothing that anybody has to answer for."""


def _calls(function: Function) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@cache
def _functions(path: Path) -> dict[str, Function]:
    return {node.name: node for node in parsed(path).body if isinstance(node, Function)}


def _reaches(path: Path, name: str, seen: frozenset[tuple[Path, str]] = frozenset()) -> bool:
    """Whether a function opens the door to write, or comes to the doorstep, itself or by what it calls."""
    if (path, name) in seen or name not in _functions(path):
        return False
    for called in _calls(_functions(path)[name]):
        module, _, other = called.rpartition(".")
        place = path.with_name(f"{module}.py") if module else path
        if called in {"writing", "asking", "db.login"} or (
            place in modules("app/services") and _reaches(place, other, seen | {(path, name)})
        ):
            return True
    return False


def writers() -> set[str]:
    """The verbs that write, or might."""
    return {
        f"{path.stem}.{function.name}"
        for path in modules("app/services")
        for function in public_functions(path)
        if _reaches(path, function.name)
    }


def test_every_verb_that_writes_has_a_recipe() -> None:
    found = writers()
    assert len(found) > 60
    assert found == {*RECIPES, *ASKING}
    assert not RECIPES.keys() & ASKING.keys()


@pytest.fixture
async def stage(
    company: Company, admin: asyncpg.Connection, settings: Settings, ann: Staff, time: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> Stage:  # fmt: skip
    async def hashed(password: str, about: object = ()) -> str:
        return f"hash of {len(password)}"

    monkeypatch.setattr(passwords, "hash_password", hashed)
    await admin.execute("UPDATE staff SET password_hash = $1, password_set_at = now()", PASSWORD)
    made = await make_dataset(admin, company.acme, "Flights", {"origin": "text"})
    import_id = await add_import(admin, made, 3, "jsonb_build_object('origin', 'JFK')")
    await admin.execute("UPDATE imports SET rows_bad = 1")
    desk = Desk.of(ann, settings)
    desk.store.folder.mkdir(parents=True, exist_ok=True)
    desk.store.errors(import_id).write_text("row,error")
    ada = await add_user(admin, company.acme, "Ada Lovelace", "ada@example.com", options='{"theme": "light"}')
    ids = {
        "ada": ada,
        "import": import_id,
        "row": await admin.fetchval("SELECT id FROM dataset_rows LIMIT 1"),
        "failed": await add_job(admin, company.acme),
        "queued": await add_job(admin, company.acme, "queued"),
    }
    return Stage(company, admin, desk, made, time, ids)


Rows = dict[tuple[str, str], dict[str, Any]]
_MODELS = {noun(mapper.class_): mapper.class_ for mapper in Base.registry.mappers if "id" in mapper.class_.__table__.c}


async def picture(admin: asyncpg.Connection) -> Rows:
    """Every record, as the log calls it."""
    found: Rows = {}
    for kind, model in _MODELS.items():
        if not model.__tablename__.startswith("audit_"):
            for row in await admin.fetch(f"SELECT id::text, to_jsonb(t)::text AS t FROM {model.__tablename__} t"):
                found[kind, row["id"]] = json.loads(row["t"])
    return found


@pytest.mark.parametrize("name", sorted(RECIPES))
async def test_its_entry_says_what_changed(name: str, stage: Stage) -> None:
    recipe = RECIPES[name]
    act = await recipe.ready(stage)
    before, last = await picture(stage.admin), await stage.admin.fetchval("SELECT max(id) FROM audit_entries") or 0
    with referenced("TEST-01"):
        await act()
    after = await picture(stage.admin)
    entries = await stage.admin.fetch("SELECT * FROM audit_told() WHERE id > $1 ORDER BY id", last)
    assert "database.changed" not in {entry["action"] for entry in entries}
    [entry] = [entry for entry in entries if entry["action"] == recipe.action]
    assert entry["actor_kind"] == recipe.actor_kind
    assert entry["actor_name"]
    assert (entry["origin"], entry["request"]) == ("live", "TEST-01")
    told = [json.loads(entry[side]) if entry[side] else {} for side in ("before", "after")]
    key = (entry["target_type"], entry["target_id"])
    if recipe.untold == {"*"}:
        assert told == [{}, {}]
        return
    _compare(key[0], recipe.untold, before.get(key, {}), after.get(key, {}), *told)


Side = dict[str, Any]


def _compare(kind: str, untold: frozenset[str], was: Side, now: Side, before: Side, after: Side) -> None:
    """The two sides of an entry say how a record was and is: all of it where it came or went, else what changed."""
    silent = _SILENT | untold
    if was and now:
        parts = dict(_parts(was, now, silent))
        assert before.keys() == after.keys() == parts.keys()
        for name, (old, new) in parts.items():
            assert _same(kind, name, before[name], old)
            assert _same(kind, name, after[name], new)
        return
    whole, told, other = (now, after, before) if now else (was, before, after)
    assert not other
    assert told.keys() <= whole.keys()
    assert all(_same(kind, name, value, whole[name]) for name, value in told.items())
    missing = {name for name, value in whole.items() if value is not None} - silent - told.keys()
    assert all(_comes_by_itself(kind, name) for name in missing), missing


def _parts(was: Side, now: Side, silent: frozenset[str]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """What differs, objects key by key."""
    for name in now.keys() - silent:
        old, new = was[name], now[name]
        if isinstance(old, dict) and isinstance(new, dict):
            yield from ((f"{name}.{k}", (old.get(k), new.get(k))) for k in {**old, **new} if old.get(k) != new.get(k))
        elif old != new:
            yield name, (old, new)


def _same(kind: str, name: str, told: Any, there: Any) -> bool:
    mapped = inspect(_MODELS[kind])
    column = mapped.columns[name.partition(".")[0]]
    if column.info.get("secret"):
        return told in (None, "changed", "set")
    if told is None and mapped.get_property_by_column(column).deferred:
        return True  # the application cannot read it
    if isinstance(there, str) and there.startswith("\\x"):
        return bool(told == there[2:])
    if isinstance(told, str) and isinstance(there, str) and told != there:
        return datetime.fromisoformat(told) == datetime.fromisoformat(there)
    return bool(told == there)


def _comes_by_itself(kind: str, name: str) -> bool:
    """Whether the column has a value that nobody gives."""
    column = _MODELS[kind].__table__.c[name]
    return column.default is not None or column.server_default is not None
