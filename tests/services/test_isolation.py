"""Another team's records do not exist: every verb of every service, asked by somebody who is limited to one team."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from io import BytesIO
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app import clock
from app.actor import Staff
from app.config import Settings
from app.errors import AppError, Forbidden, NotFound
from app.ids import uuid7
from app.paging import Page, PageRequest
from app.permissions import Role
from app.services import (
    alerts,
    audit,
    audit_exports,
    bulk,
    datasets,
    documents,
    erasure,
    exports,
    failures,
    home,
    imports,
    jobs,
    metrics,
    payments,
    permissions,
    personal,
    queues,
    reverting,
    rows,
    schedules,
    seals,
    staff,
    staff_rules,
    staff_sessions,
    stats,
    teams,
    tokens,
    uploads,
    users,
    workers,
)
from app.services.bulk import BulkVerb, Choice
from app.services.schedules import Times
from app.services.teams import Limits
from app.storage.uploads import Upload
from app.values import periods
from tests.factories import Desk, Made, add_import, add_job, add_payment, add_user, choices, make_dataset
from tests.people import Company
from tests.rules.tree import first_parameter, public_functions, verbs
from tests.services.test_failures import fail
from tests.told import told_by
from tests.untouched import picture

PAGE = PageRequest()
DAILY = Times("0 3 * * *", "UTC")


@dataclass(frozen=True)
class Theirs:
    """Everything of Nordlicht that could be asked for, and who asks."""

    tess: Staff
    ann: Staff
    made: Made
    import_id: UUID
    job_id: UUID
    row_id: UUID
    entry_id: int
    desk: Desk
    looked: imports.Looked
    upload: Upload
    team_id: UUID
    user_id: UUID
    payment_id: UUID
    failure_id: UUID
    bulk_id: UUID


@pytest.fixture
async def theirs(company: Company, admin: asyncpg.Connection, settings: Settings) -> Theirs:
    made = await make_dataset(admin, company.nordlicht, "Secret flights", {"origin": "text"})
    import_id = await add_import(admin, made, 3, "jsonb_build_object('origin', 'SECRET')")
    await admin.execute("UPDATE imports SET rows_bad = 1")
    await admin.execute(
        "INSERT INTO import_errors VALUES ($1, 1, $2, 1, 'origin', 'text', 'SECRET', 'SECRET')",
        *(import_id, company.nordlicht),
    )
    job_id = await fail(admin, company.nordlicht, "test.made SecretError - SECRET")
    await datasets.rename(company.ann, made.id, "Secret departures", "Secret flights")
    desk = Desk.of(company.tess, settings)
    looked = await desk.look(b"origin\nSECRET\n")
    desk.store.errors(import_id).write_text("SECRET")
    upload = (await Desk.of(company.ann, settings).look(b"origin\nSECRET\n")).upload
    row_id = await admin.fetchval("SELECT id FROM dataset_rows LIMIT 1")
    entry_id = await admin.fetchval("SELECT id FROM audit_entries")
    user_id = await add_user(admin, company.nordlicht, "Secret Sam", "secret@example.com")
    waits = Choice(ids=[await add_job(admin, company.nordlicht, "queued")])
    (bulk_id,) = await bulk.start(company.ann, BulkVerb.CANCEL, waits, clock.now(), "Secret", 1)
    return Theirs(
        *(company.tess, company.ann, made, import_id, job_id, row_id, entry_id, desk, looked, upload),
        company.nordlicht,
        user_id,
        await add_payment(admin, company.nordlicht, user_id=user_id, description="Secret document"),
        await admin.fetchval("SELECT id FROM failures WHERE team_id = $1", company.nordlicht),
        bulk_id,
    )


Call = Callable[[Theirs], Awaitable[Any]]
Search = Callable[[Staff, PageRequest], Awaitable[Page[Any]]]
REFUSED: dict[str, Call] = {
    "audit.get": lambda t: audit.get(t.tess, t.entry_id),
    "audit_exports.kept": lambda t: audit_exports.kept(t.tess, t.desk.store, t.job_id),
    "audit_exports.download": lambda t: audit_exports.download(t.tess, t.desk.store, t.job_id),
    "bulk.get": lambda t: bulk.get(t.tess, t.bulk_id),
    "bulk.items": lambda t: bulk.items(t.tess, t.bulk_id, PAGE),
    "bulk.plan": lambda t: bulk.plan(t.tess, BulkVerb.RETRY, Choice(ids=[t.job_id])),
    "bulk.start": lambda t: bulk.start(t.tess, BulkVerb.RETRY, Choice(ids=[t.job_id]), clock.now(), "mine", 1),
    "datasets.get": lambda t: datasets.get(t.tess, t.made.id),
    "datasets.rename": lambda t: datasets.rename(t.tess, t.made.id, "Mine", "Secret departures"),
    "datasets.delete": lambda t: datasets.delete(t.tess, t.made.id, "Secret departures", "mine"),
    "documents.is_kept": lambda t: documents.is_kept(t.tess, t.desk.store, t.job_id),
    "documents.download": lambda t: documents.download(t.tess, t.desk.store, t.job_id),
    "erasure.erase": lambda t: erasure.erase(t.tess, t.desk.store, t.user_id, "secret@example.com", "mine"),
    "failures.get": lambda t: failures.get(t.tess, t.failure_id),
    "imports.look": lambda t: imports.look(t.tess, t.desk.store, t.upload.id),
    "imports.start_new": lambda t: imports.start_new(
        *(t.tess, t.desk.store, t.looked), team_id=t.team_id, name="X", choices=choices(t.looked), skip_bad=True
    ),
    "imports.start": lambda t: imports.start(
        *(t.tess, t.desk.store, t.looked), dataset_id=t.made.id, choices=choices(t.looked), skip_bad=True
    ),
    "imports.get": lambda t: imports.get(t.tess, t.import_id),
    "imports.reopen": lambda t: imports.reopen(t.tess, t.desk.store, t.import_id),
    "imports.issues": lambda t: imports.issues(t.tess, t.import_id, PAGE),
    "imports.error_file": lambda t: imports.error_file(t.tess, t.desk.store, t.import_id),
    "imports.delete": lambda t: imports.delete(t.tess, t.import_id, "mine"),
    "job_view.get": lambda t: jobs.get(t.tess, t.job_id),
    "job_view.content": lambda t: jobs.content(t.tess, t.job_id, "input"),
    "job.retry": lambda t: jobs.retry(t.tess, t.job_id, "mine"),
    "job.cancel": lambda t: jobs.cancel(t.tess, t.job_id, "mine"),
    "payments.get": lambda t: payments.get(t.tess, t.payment_id),
    "payments.compare": lambda t: payments.compare(t.tess, t.payment_id),
    "personal.reveal": lambda t: personal.reveal(t.tess, "user", t.user_id, "email", "mine"),
    "reverting.plan": lambda t: reverting.plan(t.tess, t.entry_id),
    "reverting.links": lambda t: reverting.links(t.tess, t.entry_id),
    "reverting.revert": lambda t: reverting.revert(t.tess, t.entry_id, "mine"),
    "seals.prove": lambda t: seals.prove(t.tess, t.entry_id),
    "rows.window": lambda t: rows.window(t.tess, t.made.id, 0, 10),
    "rows.get": lambda t: rows.get(t.tess, t.made.id, t.row_id),
    "rows.value": lambda t: rows.value(t.tess, t.made.id, t.row_id, "origin"),
    "rows.edit": lambda t: rows.edit(t.tess, t.made.id, t.row_id, "origin", "SECRET", "mine"),
    "teams.get": lambda t: teams.get(t.tess, t.team_id),
    "teams.named": lambda t: teams.named(t.tess, "Nordlicht"),
    "teams.rename": lambda t: teams.rename(t.tess, t.team_id, "Mine", "Nordlicht", "mine"),
    "teams.suspend": lambda t: teams.suspend(t.tess, t.team_id, "mine"),
    "teams.resume": lambda t: teams.resume(t.tess, t.team_id, "mine"),
    "teams.limit": lambda t: teams.limit(t.tess, t.team_id, Limits(1, 1), Limits(), "mine"),
    "users.get": lambda t: users.get(t.tess, t.user_id),
    "users.create": lambda t: users.create(t.tess, t.team_id, "Mine", "mine@example.com"),
    "users.change_plan": lambda t: users.change_plan(t.tess, t.user_id, "premium", "mine"),
    "users.deactivate": lambda t: users.deactivate(t.tess, t.user_id, "mine"),
    "users.reactivate": lambda t: users.reactivate(t.tess, t.user_id, "mine"),
    "users.correct_email": lambda t: users.correct_email(
        t.tess, t.user_id, "mine@example.com", "secret@example.com", "mine"
    ),
    "users.move": lambda t: users.move(t.tess, t.user_id, t.tess.team_ids[0] if t.tess.team_ids else t.team_id, "mine"),
    "users.edit_options": lambda t: users.edit_options(t.tess, t.user_id, {"mine": True}, {}, "mine"),
    "uploads.get": lambda t: uploads.get(t.tess, t.desk.store, t.upload.id),
}
LISTS: dict[str, Call] = {
    "audit.search": lambda t: audit.search(t.tess, PAGE),
    "audit.of_record": lambda t: audit.of_record(t.tess, "dataset", str(t.made.id)),
    "audit.activity": lambda t: audit.activity(t.tess, t.ann.staff_id),
    "audit.people": lambda t: audit.people(t.tess),
    "bulk.search": lambda t: bulk.search(t.tess, PAGE),
    "datasets.search": lambda t: datasets.search(t.tess, PAGE),
    "exports.export": lambda t: _taken_away(t.tess, t.desk),
    "failures.search": lambda t: failures.search(t.tess, PAGE),
    "home.overview": lambda t: home.overview(t.tess),
    "imports.search": lambda t: imports.search(t.tess, PAGE),
    "jobs.search": lambda t: jobs.search(t.tess, PAGE),
    "jobs.counts": lambda t: jobs.counts(t.tess),
    "jobs.flow": lambda t: jobs.flow(t.tess),
    "payments.search": lambda t: payments.search(t.tess, PAGE),
    "payments.overview": lambda t: payments.overview(t.tess),
    "seals.export": lambda t: _log_taken_away(t.tess),
    "stats.actions": lambda t: stats.actions(t.tess, _week()),
    "stats.active": lambda t: stats.active(t.tess, _week()),
    "stats.imported": lambda t: stats.imported(t.tess, _week()),
    "stats.jobs": lambda t: stats.jobs(t.tess, _week()),
    "stats.recorded": lambda t: stats.recorded(t.tess, _week()),
    "stats.revenue": lambda t: stats.revenue(t.tess, _week()),
    "stats.reviewed": lambda t: stats.reviewed(t.tess, _week()),
    "stats.signups": lambda t: stats.signups(t.tess, _week()),
    "teams.names": lambda t: teams.names(t.tess),
    "teams.search": lambda t: teams.search(t.tess, PAGE),
    "users.search": lambda t: users.search(t.tess, PAGE),
}
# Of no team: accounts and new teams belong to those who see all teams.
NOT_FOR_THE_LIMITED: dict[str, Call] = {
    "permissions.explain": lambda t: permissions.explain(t.tess, t.ann.staff_id),
    "staff.search": lambda t: staff.search(t.tess, PAGE),
    "staff.get": lambda t: staff.get(t.tess, t.ann.staff_id),
    "staff.invite": lambda t: staff.invite(t.tess, name="X", email="x@example.com", role="viewer"),
    "staff.make_link": lambda t: staff.make_link(t.tess, t.ann.staff_id, "mine"),
    "staff.make_link_for": lambda t: staff.make_link_for(t.tess, "ann@example.com", "mine"),
    "staff.change_role": lambda t: staff.change_role(t.tess, t.ann.staff_id, "viewer", "admin", "mine"),
    "staff.change_teams": lambda t: staff.change_teams(t.tess, t.ann.staff_id, [t.team_id], None, "mine"),
    "staff.deactivate": lambda t: staff.deactivate(t.tess, t.ann.staff_id, "mine"),
    "staff.reactivate": lambda t: staff.reactivate(t.tess, t.ann.staff_id, "mine"),
    "staff.demand_password_change": lambda t: staff.demand_password_change(t.tess, t.ann.staff_id, "mine"),
    "staff.create": lambda t: staff.create(t.tess, "x@example.com", "X", Role.VIEWER, "a long password indeed"),
    "tokens.search": lambda t: tokens.search(t.tess, t.ann.staff_id, PAGE),
    "tokens.revoke": lambda t: tokens.revoke(t.tess, uuid7(), "mine"),
    "staff.set_password": lambda t: staff.set_password(t.tess, "ann@example.com", "a long password indeed"),
    "staff.ensure_first_administrator": lambda t: staff.ensure_first_administrator(t.tess, "x@example.com", None),
    "staff_sessions.search": lambda t: staff_sessions.search(t.tess, t.ann.staff_id, PAGE),
    "staff_sessions.end": lambda t: staff_sessions.end(t.tess, t.ann.session_id, "mine"),
    "staff_sessions.end_all": lambda t: staff_sessions.end_all(t.tess, t.ann.staff_id, "mine"),
    "staff.remove_second_factor": lambda t: staff.remove_second_factor(t.tess, t.ann.staff_id, "mine"),
    "staff_rules.search": lambda t: staff_rules.search(t.tess),
    "staff_rules.demand_second_factor": lambda t: staff_rules.demand_second_factor(t.tess, "viewer", True, 0, "mine"),
    "teams.create": lambda t: teams.create(t.tess, "Mine"),
    "alerts.current": lambda t: alerts.current(t.tess),
    "metrics.figures": lambda t: metrics.figures(t.tess, clock.now()),
    "queues.search": lambda t: queues.search(t.tess, PAGE),
    "queues.pause": lambda t: queues.pause(t.tess, uuid7(), "mine"),
    "queues.resume": lambda t: queues.resume(t.tess, uuid7(), "mine"),
    "queues.limit": lambda t: queues.limit(t.tess, uuid7(), 1, None, "mine"),
    "schedules.search": lambda t: schedules.search(t.tess, PAGE),
    "schedules.get": lambda t: schedules.get(t.tess, uuid7()),
    "schedules.runs": lambda t: schedules.runs(t.tess, uuid7(), PAGE),
    "schedules.preview": lambda t: schedules.preview(t.tess, DAILY),
    "schedules.change": lambda t: schedules.change(t.tess, uuid7(), DAILY, DAILY, "mine"),
    "schedules.switch_on": lambda t: schedules.switch_on(t.tess, uuid7(), "mine"),
    "schedules.switch_off": lambda t: schedules.switch_off(t.tess, uuid7(), "mine"),
    "schedules.run_now": lambda t: schedules.run_now(t.tess, uuid7(), "mine"),
    "workers.search": lambda t: workers.search(t.tess, PAGE),
    "workers.drain": lambda t: workers.drain(t.tess, uuid7(), "mine"),
    "workers.resume": lambda t: workers.resume(t.tess, uuid7(), "mine"),
}
# An upload belongs to its sender alone, an account and its sessions to their owner: tests/services/test_profile.py.
OF_THE_SENDER = {
    "audit_exports.start",
    *("uploads.receive", "profile.get", "profile.rename", "profile.change_password"),
    *("passwords.choose_due", "passwords.exchanged"),
    *("throttle.trying", "throttle.device"),
    *("second_factor.get", "second_factor.begin", "second_factor.set_up", "second_factor.renew_codes"),
    *("second_factor.turn_off", "second_factor.verify"),
    *("sessions.measured", "sessions.sign_out", "step_up.has_code", "step_up.prove"),
    *("tokens.search_own", "tokens.create", "tokens.revoke_own"),
    # Whether the log can be believed is for all its readers: tests/services/test_seals.py.
    *("seals.state", "seals.verify_now"),
    *("own_sessions.search", "own_sessions.end", "own_sessions.end_others"),
}


def test_every_verb_of_every_service_stands_in_one_of_the_tables() -> None:
    """Whatever acts for somebody; what asks before anybody is known is listed in tests/rules/test_floors.py."""
    there = {
        f"{path.stem}.{function.name}": path
        for path in verbs()
        for function in public_functions(path)
        if first_parameter(function) == "actor"
    }
    tables = [REFUSED, LISTS, NOT_FOR_THE_LIMITED, OF_THE_SENDER]
    assert there.keys() == set().union(*tables)
    assert len(there) == sum(map(len, tables)), "one table each"
    for name, path in there.items():
        module = import_module(".".join(path.with_suffix("").parts))
        parameters = inspect.signature(getattr(module, name.rpartition(".")[2])).parameters
        assert next(iter(parameters)) == "actor"


async def test_what_is_another_teams_is_not_found(theirs: Theirs, admin: asyncpg.Connection) -> None:
    before, wrong = await picture(admin), {}
    for verb, ask in REFUSED.items():
        answer = await _outcome(ask, theirs)
        if not isinstance(answer, NotFound) or "secret" in answer.message.lower():
            wrong[verb] = repr(answer)
        assert await picture(admin) == before, f"{verb} changed something"
    assert not wrong


async def test_lists_and_numbers_hold_nothing_of_another_team_but_for_those_who_see_all(theirs: Theirs) -> None:
    """The second half shows that there is something to see."""
    everybody = replace(theirs, tess=theirs.ann)
    for verb, ask in LISTS.items():
        told = told_by(await ask(theirs))
        for secret in ("secret", "nordlicht", *(str(one) for one in _secrets(theirs))):
            assert secret not in told.lower(), verb
        assert told_by(await ask(everybody)) != told, verb


async def test_naming_another_teams_record_in_a_filter_finds_nothing(theirs: Theirs) -> None:
    wanted: dict[str, tuple[Sequence[Search], Any]] = {
        "team": ((audit.search, datasets.search, jobs.search, payments.search, users.search), theirs.team_id),
        "dataset": ((imports.search,), theirs.made.id),
        "record": ((audit.search,), f"dataset:{theirs.made.id}"),
        "person": ((audit.search,), theirs.ann.staff_id),
    }
    for name, (searches, value) in wanted.items():
        for search in searches:
            page = await search(theirs.tess, PageRequest({name: (str(value),)}))
            assert (list(page.rows), page.count.value) == ([], 0), name
            assert (await search(theirs.ann, PageRequest({name: (str(value),)}))).count.value > 0, name


async def test_searching_for_their_words_and_ids_finds_nothing(theirs: Theirs) -> None:
    """By words, by each id, and by what a sort would betray."""
    words = ["secret", "nordlicht", "12.50", *map(str, _secrets(theirs))]
    found: set[str] = set()
    for search in (audit.search, datasets.search, jobs.search, payments.search, teams.search, users.search):
        for one in words:
            page = await search(theirs.tess, PageRequest(search=one))
            assert (list(page.rows), page.count.value) == ([], 0), (search.__module__, one)
            if (await search(theirs.ann, PageRequest(search=one))).count.value:
                found.add(search.__module__)
    assert len(found) >= 4, "whoever sees all teams finds them so"


async def test_what_concerns_all_teams_is_not_for_the_limited(theirs: Theirs, admin: asyncpg.Connection) -> None:
    before, wrong = await picture(admin), {}
    for verb, ask in NOT_FOR_THE_LIMITED.items():
        answer = await _outcome(ask, theirs)
        if not isinstance(answer, Forbidden):
            wrong[verb] = repr(answer)
    assert not wrong
    assert await picture(admin) == before


async def test_a_row_is_found_in_its_own_dataset_only(
    theirs: Theirs, company: Company, admin: asyncpg.Connection
) -> None:
    ours = await make_dataset(admin, company.acme, "Ours", {"origin": "text"})
    await add_import(admin, ours, 1, "jsonb_build_object('origin', 'EWR')")
    for actor in (theirs.tess, theirs.ann):
        for verb in (
            rows.get(actor, ours.id, theirs.row_id),
            rows.value(actor, ours.id, theirs.row_id, "origin"),
            rows.edit(actor, ours.id, theirs.row_id, "origin", "SECRET", "mine"),
        ):
            with pytest.raises(NotFound):
                await verb


async def test_a_limited_person_whose_last_team_is_taken_away_sees_nothing(
    theirs: Theirs, admin: asyncpg.Connection
) -> None:
    await admin.execute("DELETE FROM staff_teams")
    assert await teams.names(theirs.tess) == []
    assert (await home.overview(theirs.tess)).datasets == 0
    with pytest.raises(AppError):
        await datasets.get(theirs.tess, uuid7())


async def _taken_away(actor: Staff, desk: Desk) -> list[bytes]:
    """The files of all lists that somebody limited may take away."""
    found = []
    for name in set(exports.LISTS) - {"staff"}:
        made = await exports.export(actor, desk.settings.data_dir, name, PAGE)
        with made.file as file:
            file.seek(0)
            found.append(file.read())
    return found


async def _log_taken_away(actor: Staff) -> bytes:
    file = BytesIO()
    await seals.export(actor, file, None)
    return file.getvalue()


async def _outcome(ask: Call, theirs: Theirs) -> Any:
    try:
        return await ask(theirs)
    except AppError as refusal:
        return refusal


def _secrets(theirs: Theirs) -> list[Any]:
    t = theirs
    return [t.made.id, t.import_id, t.job_id, t.row_id, t.team_id, t.user_id, t.payment_id, t.bulk_id]


def _week() -> periods.Period:
    return periods.preset("7d", "UTC", clock.now())
