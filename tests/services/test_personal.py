"""Personal data: who may not read them gets them masked from every verb, finds nothing out, and reveals with a reason.

What is planted below stands in every place that holds personal data; then everything is asked by people without
``personal:read``, found by introspection: every verb of every service, every list, order, search and export.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from importlib import import_module
from inspect import signature
from types import MappingProxyType
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import inspect, select

from app import permissions
from app.actor import Staff
from app.authentication import api_tokens
from app.config import Settings
from app.database import reading
from app.database.masking import kind_of
from app.errors import AppError, Conflict, Forbidden, Invalid
from app.models import AuditEntry, Base, Job, User
from app.paging import PageRequest, Sort
from app.permissions import ROLE_PERMISSIONS, Permission, Role
from app.privacy.personal import DOTS, Masked
from app.services import exports, jobs, payments, personal, tokens, users
from tests.factories import add_job, add_payment, add_user
from tests.people import Company
from tests.rules.tree import modules
from tests.services.test_isolation import LISTS, NOT_FOR_THE_LIMITED, REFUSED, Theirs, theirs

__all__ = ["theirs"]  # a fixture of the neighbour

NAME, EMAIL = "Zebediah Unmistakable", "zebediah@planted.example"
TRACES = ("zebediah", "unmistakable", "planted")
WORDS = f"Written for {NAME} ({EMAIL})"
ADDRESS = "Planted Lane 7"


async def plant(admin: asyncpg.Connection, company: Company) -> tuple[UUID, UUID, UUID]:
    """A user of Acme with a payment and a failed job, who is named wherever somebody can be named."""
    options = json.dumps({"address": ADDRESS, "letters": {"to": [NAME]}})
    user = await add_user(admin, company.acme, NAME, EMAIL, options=options)
    paid = await add_payment(admin, company.acme, user_id=user, description=WORDS, failure=WORDS)
    job = await add_job(admin, company.acme, kind="document.generate")
    await admin.execute(
        "UPDATE jobs SET user_id = $2, payment_id = $3, error = $4, error_signature = $4, progress_text = $4,"
        " input = $5, result = $5, checkpoint = $5 WHERE id = $1",
        *(job, user, paid, WORDS, json.dumps({"title": WORDS})),
    )
    await admin.execute(
        "INSERT INTO job_events (job_id, team_id, at, kind, detail) VALUES ($1, $2, now(), 'failed', $3)",
        *(job, company.acme, json.dumps({"error": WORDS})),
    )
    await users.change_plan(company.ann, user, "premium", WORDS)
    await users.correct_email(company.ann, user, f"other.{EMAIL}", EMAIL, WORDS)
    await users.correct_email(company.ann, user, EMAIL, f"other.{EMAIL}", WORDS)
    await users.edit_options(company.ann, user, {"address": ADDRESS}, json.loads(options), WORDS)
    await users.create(company.ann, company.acme, f"{NAME} II", f"second.{EMAIL}")
    waiting = await add_job(admin, company.acme, "queued")
    await admin.execute("UPDATE jobs SET user_id = $2 WHERE id = $1", waiting, user)
    await jobs.cancel(company.ann, waiting, WORDS)
    told = "INSERT INTO audit_entries (team_id, actor_name, actor_kind, action, target_type, target_id, target_label)"
    await admin.execute(
        f"{told} VALUES ($1, 'Ann Adler', 'staff', 'document.downloaded', 'job', $2, $3)",
        *(company.acme, str(job), f"Letter to {EMAIL}"),
    )
    return user, paid, job


def told(found: Any) -> str:
    """All that an answer, or a refusal, holds."""
    return json.dumps(_plain(found), ensure_ascii=False).lower()


def _plain(value: Any) -> Any:
    match value:
        case Base():
            return _plain(inspect(value).dict)
        case AppError():
            return [str(value), _plain(vars(value))]
        case bytes():
            return value.decode(errors="replace")
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case _ if hasattr(value, "_mapping"):
            return _plain(dict(value._mapping))
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
        case _:
            return str(value)


def where_told(text: str) -> list[str]:
    """The places of a text that tell something."""
    return re.findall(f".{{,80}}(?:{'|'.join(TRACES)}).{{,40}}", text)


def nothing_of(text: str) -> bool:
    return not any(trace in text for trace in TRACES)


@pytest.fixture
def everything_else(company: Company, monkeypatch: pytest.MonkeyPatch) -> Staff:
    """Sue, who may do everything but read personal data."""
    rights = {**ROLE_PERMISSIONS, Role.SUPER_ADMIN: frozenset(Permission) - {Permission.PERSONAL_READ}}
    monkeypatch.setattr(permissions, "ROLE_PERMISSIONS", MappingProxyType(rights))
    return company.sue


async def test_no_verb_of_any_service_tells_them(
    theirs: Theirs, company: Company, admin: asyncpg.Connection, everything_else: Staff
) -> None:
    user, paid, job = await plant(admin, company)
    entry = await admin.fetchval("SELECT id FROM audit_entries WHERE action = 'user.email_corrected' LIMIT 1")
    asked = replace(theirs, user_id=user, payment_id=paid, job_id=job, entry_id=entry)
    verbs = LISTS | REFUSED | NOT_FOR_THE_LIMITED
    del verbs["personal.reveal"]  # whose purpose it is
    with pytest.raises(Forbidden):
        await personal.reveal(company.vic, "user", user, "email", "why")
    seen = 0
    questions = {verb: ask for verb, ask in verbs.items() if verb in LISTS or verb.endswith(".get")}
    for actor, asking in ((company.vic, questions), (everything_else, verbs)):
        for verb, ask in asking.items():
            try:
                answer: Any = await ask(replace(asked, tess=actor))
            except AppError as refusal:
                answer = refusal
            assert nothing_of(told(answer)), f"{verb} tells {actor.name}: {where_told(told(answer))}"
            seen += DOTS in told(answer)
    assert seen >= 15, "what is masked is there"


async def test_who_may_read_them_sees_them(theirs: Theirs, company: Company, admin: asyncpg.Connection) -> None:
    """Else the test above could pass because there is nothing to see."""
    user, paid, job = await plant(admin, company)
    asked = replace(theirs, user_id=user, payment_id=paid, job_id=job, tess=company.ann)
    for verb in ("users.get", "payments.get", "job_view.get", "users.search", "payments.search", "audit.search"):
        assert TRACES[0] in told(await (LISTS | REFUSED)[verb](asked)), verb
    async with reading(company.ann, Permission.USERS_READ) as work:
        assert work.veil is None
        assert (await work.get(User, user)).email == EMAIL


async def test_masked_values_are_readable_and_stable(company: Company, admin: asyncpg.Connection) -> None:
    user, paid, job = await plant(admin, company)
    seen = (await users.get(company.vic, user)).user
    assert (seen.name, seen.email, seen.options) == (
        *("Z•••• U••••", "z••••@p••••.example"),
        {"address": DOTS},
    )
    assert isinstance(seen.name, Masked)
    listed = next(row for row in (await users.search(company.vic, PageRequest())).rows if row.id == user)
    assert (listed.id, listed.name, listed.email, listed.team) == (user, seen.name, seen.email, "Acme")
    payment = await payments.get(company.vic, paid)
    assert payment.payment.description == "Written for Z•••• U•••• (z••••@p••••.example)"
    assert (payment.user.id, payment.user.name) == (user, seen.name)
    job_seen = await jobs.get(company.vic, job)
    assert (job_seen.customer, job_seen.job.input) == (seen.name, {"title": str(payment.payment.description)})
    assert job_seen.events[0].detail == {"error": str(payment.payment.description)}


async def test_no_file_holds_them(
    settings: Settings, company: Company, admin: asyncpg.Connection, everything_else: Staff
) -> None:
    await plant(admin, company)
    for name, wanted in exports.LISTS.items():
        text = await _file(everything_else, settings, name, PageRequest())
        assert nothing_of(text.lower()), name
        assert (DOTS in text) == any(kind_of(column) for column in wanted.columns.values()), name
    with pytest.raises(Forbidden):
        await exports.export(company.vic, settings.data_dir, "users", PageRequest())


async def test_searching_finds_nothing_out(company: Company, admin: asyncpg.Connection, everything_else: Staff) -> None:
    """Every ``search`` of every service, by introspection: a guess finds what nonsense finds."""
    user, paid, _ = await plant(admin, company)
    searches = [
        search
        for path in modules("app/services")
        if (search := getattr(import_module(f"app.services.{path.stem}"), "search", None)) is not None
        and list(signature(search).parameters) == ["actor", "request"]
    ]
    assert len(searches) >= 7
    guesses = [NAME, *NAME.split(), "Zeb", "un", "planted", EMAIL.partition("@")[0], "@planted", ADDRESS]
    for search in searches:
        nonsense = told(await search(everything_else, PageRequest(search="qqqqqq")))
        for guess in guesses:
            found = told(await search(everything_else, PageRequest(search=guess)))
            assert found == nonsense, (search.__module__, guess)
    # Whole ids and whole addresses are known already to whoever types them.
    for actor in (company.vic, everything_else):
        assert [row.id for row in (await users.search(actor, PageRequest(search=EMAIL.upper()))).rows] == [user]
        assert [row.id for row in (await payments.search(actor, PageRequest(search=EMAIL))).rows] == [paid]
        assert [row.id for row in (await users.search(actor, PageRequest(search=str(user)))).rows] == [user]
    for search in (users.search, payments.search, jobs.search):
        assert (await search(company.ann, PageRequest(search="Unmistak"))).count.value >= 1


async def test_sorting_and_exporting_find_nothing_out(
    settings: Settings, company: Company, admin: asyncpg.Connection, everything_else: Staff
) -> None:
    await plant(admin, company)
    orders = [
        (name, order, column) for name, one in exports.LISTS.items() for order, column in one.listing.orders.items()
    ]
    assert [name for name, _, column in orders if kind_of(column)] == ["users"]
    for name, order, column in orders:
        search, request = import_module(f"app.services.{name}").search, PageRequest(sort=Sort(order))
        if kind_of(column) is None:
            await search(everything_else, request)
            continue
        for refused in (search(everything_else, request), _file(everything_else, settings, name, request)):
            with pytest.raises(Invalid, match="cannot be sorted like that"):
                await refused
    head, *rows = (await _file(everything_else, settings, "users", PageRequest(search="Zeb"))).splitlines()
    assert head
    assert not rows


async def _file(actor: Staff, settings: Settings, name: str, request: PageRequest) -> str:
    """What a list's file holds."""
    with (await exports.export(actor, settings.data_dir, name, request)).file as file:
        file.seek(0)
        return file.read().decode("utf-8-sig")


async def test_no_shape_of_a_question_gets_around_it(company: Company, admin: asyncpg.Connection) -> None:
    user, *_ = await plant(admin, company)
    inner = select(User.name.label("anything"), User.id).subquery()
    unmarked = select(User.id)
    async with reading(company.vic, Permission.USERS_READ) as work:
        for question in (
            select(User),
            select(User.name, User.email).where(User.id == user),
            select(User.name.label("x"), (User.name + User.email).label("y")),
            select(inner.c.anything),
            select(select(User.email).where(User.id == user).scalar_subquery()),
            select(User.name).union(select(User.email)),
            select(AuditEntry.before, AuditEntry.after, AuditEntry.target_label.label("z"), AuditEntry.reason),
            select(AuditEntry),
            select(AuditEntry.target_type, AuditEntry.action, AuditEntry.before.label("old"), User.name).join(
                User, User.team_id == AuditEntry.team_id
            ),
            select(Job.input, Job.user_id),
        ):
            rows = (await work.execute(question)).all()
            assert rows
            assert nothing_of(told([list(row) for row in rows])), str(question)
        assert user in set((await work.execute(unmarked)).scalars())
        assert await work.scalar(select(User.name).where(User.id == user)) == "Z•••• U••••"


async def test_a_refusal_of_a_writing_verb_tells_no_more_than_a_screen(
    company: Company, admin: asyncpg.Connection, everything_else: Staff
) -> None:
    user, *_ = await plant(admin, company)
    with pytest.raises(Conflict) as refused:
        await users.correct_email(everything_else, user, "new@example.com", "z••••@p••••.example", "typo")
    assert nothing_of(told(refused.value))
    with pytest.raises(Conflict, match="Z•••• U•••• is on the premium plan already"):
        await users.change_plan(everything_else, user, "premium", "asked")
    await users.change_plan(everything_else, user, "free", "asked")  # and what is written stays what it was
    assert await admin.fetchval("SELECT name FROM users WHERE id = $1", user) == NAME


def test_who_may_change_users_may_also_read_about_them() -> None:
    """Nobody types over what they cannot see; but a reviewer, who changes no customer, reveals."""
    writes = {Permission.USERS_CREATE, Permission.USERS_EDIT, Permission.USERS_PLAN, Permission.USERS_MOVE}
    writes |= {Permission.USERS_DEACTIVATE, Permission.LISTS_EXPORT, Permission.AUDIT_READ}
    for role, may in ROLE_PERMISSIONS.items():
        assert not (may & writes) or Permission.PERSONAL_READ in may, role
    assert {r for r, may in ROLE_PERMISSIONS.items() if Permission.PERSONAL_REVEAL in may} - {
        r for r, may in ROLE_PERMISSIONS.items() if Permission.PERSONAL_READ in may
    } == {Role.REVIEWER}


async def test_programs_and_people_limited_to_some_teams_read_masks_too(
    company: Company, admin: asyncpg.Connection
) -> None:
    user, _, job = await plant(admin, company)
    rights = {"users:read", "payments:read", "jobs:read"}
    for may, masked in ((rights, True), (rights | {"personal:read"}, False)):
        made = await tokens.create(company.ann, name="CI", permissions=may, team_ids=None, days=30)
        program = await api_tokens.find(made.secret, "192.0.2.7")
        assert program is not None
        for answer in (await users.get(program, user), await jobs.get(program, job)):
            assert nothing_of(told(answer)) == masked
    await admin.execute("UPDATE staff SET role = 'viewer' WHERE id = $1", company.tess.staff_id)
    assert nothing_of(told(await users.get(company.tess, user)))
    found = await users.search(company.tess, PageRequest(search=EMAIL))
    assert [(row.id, row.name) for row in found.rows] == [(user, "Z•••• U••••")]
    assert (await users.search(company.tess, PageRequest(search="Zeb"))).count.value == 0
