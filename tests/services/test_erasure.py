"""Erasing a person: nothing of them is left anywhere, the log stays as it was sealed, and nobody else is touched."""

import json
from dataclasses import replace

import asyncpg
import pytest

from app import clock
from app.config import Settings
from app.database.masking import personal_columns
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.models import BulkVerb, Job, JobEvent, Payment, User
from app.paging import PageRequest
from app.services import audit, audit_exports, bulk, erasure, teams, users
from app.services.erasure import Erased
from app.storage.documents import document_file
from tests.factories import Desk, add_job, add_payment, add_user
from tests.people import Company
from tests.services.sealed import log_of

NAME, ADDRESS, FORMER = "Ada Lovelace", "ada@new.example", "ada+old@example.com"
WHY = "Asked for it by letter"


@pytest.fixture
async def ada(company: Company, admin: asyncpg.Connection) -> User:
    """A person who left traces wherever a person can: in two teams, under two addresses."""
    made = await users.create(company.ann, company.acme, NAME, FORMER)
    await users.edit_options(company.ann, made.id, {"phone": f"of {NAME}"}, {}, f"{NAME} asked")
    for team in (company.acme, company.nordlicht):
        values = dict.fromkeys(personal_columns(Payment), f"{NAME} {ADDRESS}")
        await add_payment(admin, team, user_id=made.id, **values)
    await users.move(company.ann, made.id, company.nordlicht, "Moved")
    await users.correct_email(company.ann, made.id, ADDRESS, FORMER, "Typed wrong")
    job_id = await add_job(admin, company.acme)
    values = dict.fromkeys(personal_columns(Job), f"{NAME} {ADDRESS}")
    for name in values:
        json_ = await admin.fetchval(
            "SELECT data_type = 'jsonb' FROM information_schema.columns WHERE table_name = 'jobs' AND column_name = $1",
            name,
        )
        value = json.dumps({"title": values[name]}) if json_ else values[name]
        await admin.execute(f"UPDATE jobs SET {name} = $1, user_id = $2 WHERE id = $3", value, made.id, job_id)
    assert personal_columns(JobEvent).keys() == {"detail"}
    await admin.execute(
        "INSERT INTO job_events (job_id, team_id, kind, detail, at) VALUES ($1, $2, 'failed', $3, now())",
        *(job_id, company.acme, json.dumps({"error": f"{NAME} failed"})),
    )
    return (await users.get(company.ann, made.id)).user


async def everywhere(admin: asyncpg.Connection, *words: str) -> dict[str, int]:
    """In how many rows of which tables one of these words stands, in any column."""
    tables = await admin.fetch(
        "SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n"
        " ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('public', 'engine', 'audit_months')"
    )
    found = {}
    for table in tables:
        question = f"SELECT count(*) FROM {table['name']} AS t WHERE to_jsonb(t)::text ILIKE ANY ($1)"
        if n := await admin.fetchval(question, [f"%{word}%" for word in words]):
            found[table["name"]] = n
    return found


async def test_nothing_of_them_is_left(
    company: Company, admin: asyncpg.Connection, ada: User, settings: Settings
) -> None:
    desk = Desk.of(company.ann, settings)
    job_id = await admin.fetchval("SELECT id FROM jobs")
    document = document_file(desk.store.folder.parent, job_id)
    document.parent.mkdir(parents=True, exist_ok=True)
    document.write_text(f"For {NAME}")
    bob = await users.create(company.ann, company.acme, "Bob", "bob@example.com")
    await users.deactivate(company.ann, bob.id, f"Wrote from {ADDRESS.upper()}.")
    near = await users.create(company.ann, company.acme, "Near", f"x{ADDRESS}")
    looked = await audit_exports.start(company.ann, PageRequest(search=FORMER), "jsonl")
    await admin.execute("UPDATE jobs SET status = 'succeeded', finished_at = now() WHERE id = $1", looked.id)
    failed = await add_job(admin, company.acme)
    request = PageRequest(search=FORMER)
    await bulk.start(company.ann, BulkVerb.RETRY, bulk.Choice(request, [failed]), clock.now(), f"Of {FORMER}", 5)
    words = (NAME, "Lovelace", FORMER)
    assert {"public.users", "public.payments", "public.jobs", "public.job_events", "public.audit_personal"} <= set(
        await everywhere(admin, *words)
    )
    sealed = await admin.fetch("SELECT a.*::text FROM audit_entries a ORDER BY id")
    amounts = await admin.fetch("SELECT id, amount_minor, status, user_id FROM payments ORDER BY id")
    done = await erasure.erase(company.ann, desk.store, ada.id, ADDRESS, WHY)
    assert done == Erased(entries=7, documents=1)
    assert await everywhere(admin, *words) == {}
    assert await admin.fetchval("SELECT count(*) FROM audit_personal WHERE value ILIKE '% ' || $1 || '%'", ADDRESS) == 0
    assert not document.exists()
    assert await admin.fetch("SELECT a.*::text FROM audit_entries a ORDER BY id LIMIT $1", len(sealed)) == sealed
    assert await admin.fetch("SELECT id, amount_minor, status, user_id FROM payments ORDER BY id") == amounts
    assert (await users.get(company.ann, near.id)).user.email == f"x{ADDRESS}"
    assert await admin.fetchval("SELECT value FROM audit_personal WHERE subject = $1", near.id) is not None


async def test_the_log_verifies_before_and_after(
    company: Company, admin: asyncpg.Connection, ada: User, settings: Settings
) -> None:
    log = log_of(settings, admin)
    assert await log.sealer.seal() > 0
    await erasure.erase(company.ann, Desk.of(company.ann, settings).store, ada.id, ADDRESS, WHY)
    assert await log.sealer.seal() == 1
    assert await log.verified() == []


async def test_the_log_says_that_it_was_erased(
    company: Company, admin: asyncpg.Connection, ada: User, settings: Settings
) -> None:
    await erasure.erase(company.ann, Desk.of(company.ann, settings).store, ada.id, ADDRESS, WHY)
    page = await audit.search(company.ann, PageRequest({"record": (f"user:{ada.id}",)}))
    act, *before = page.rows
    day = f"{clock.now():%Y-%m-%d}"
    called = f"user {ada.id.hex[-8:]}"
    assert (act.action, act.target_label, act.reason) == ("user.erased", called, WHY)
    assert (act.before, act.after, act.detail) == (None, None, {"entries": 4, "documents": 0})
    assert {entry.target_label for entry in before} == {f"{called}, erased on {day}"}
    assert {entry.reason for entry in before} == {f"erased on {day}", None}
    corrected = next(entry for entry in before if entry.action == "user.email_corrected")
    assert corrected.before == corrected.after == {"email": {"$erased": day}}
    created = next(entry for entry in before if entry.action == "user.created")
    assert (created.after["name"], created.after["plan"]) == ({"$erased": day}, "free")
    masked = (await users.get(company.vic, ada.id)).history.acts
    assert [row.target_label for row in masked] == [row.target_label for row in page.rows], "there is nothing to mask"


async def test_who_is_erased_stays_as_a_number(
    company: Company, admin: asyncpg.Connection, ada: User, settings: Settings
) -> None:
    store = Desk.of(company.ann, settings).store
    await erasure.erase(company.ann, store, ada.id, ADDRESS, WHY)
    user = (await users.get(company.ann, ada.id)).user
    assert (user.name, user.status) == (f"Erased user {ada.id.hex[-8:]}", "deactivated")
    assert user.erased_at is not None
    assert (user.options, user.email.endswith("@erased.invalid")) == ({}, True)
    for verb in (
        users.reactivate(company.ann, ada.id, "x"),
        users.change_plan(company.ann, ada.id, "premium", "x"),
        users.edit_options(company.ann, ada.id, {"a": 1}, {}, "x"),
        users.correct_email(company.ann, ada.id, "a@example.com", user.email, "x"),
        erasure.erase(company.ann, store, ada.id, user.email, WHY),
    ):
        with pytest.raises(Conflict, match="erased"):
            await verb
    again = await users.create(company.ann, company.acme, NAME, ADDRESS)
    assert again.id != ada.id, "the address is free again"


async def test_what_is_asked_before(company: Company, admin: asyncpg.Connection, ada: User, settings: Settings) -> None:
    store = Desk.of(company.ann, settings).store
    with pytest.raises(Invalid):
        await erasure.erase(company.ann, store, ada.id, FORMER, WHY)
    for reason in ("", f"For {NAME.lower()}", f"Mail of {ADDRESS}"):
        with pytest.raises(Invalid):
            await erasure.erase(company.ann, store, ada.id, ADDRESS, reason)
    await admin.execute("UPDATE jobs SET status = 'queued'")
    with pytest.raises(Conflict, match="A job of this user did not end yet"):
        await erasure.erase(company.ann, store, ada.id, ADDRESS, WHY)
    with pytest.raises(Forbidden):
        await erasure.erase(company.vic, store, ada.id, ADDRESS, WHY)
    with pytest.raises(NotFound):
        await erasure.erase(company.tess, store, ada.id, ADDRESS, WHY)
    assert (await users.get(company.ann, ada.id)).user.name == NAME
    assert await admin.fetchval("SELECT count(*) FROM audit_personal WHERE value IS NULL") == 0


async def test_somebody_limited_erases_what_lies_in_other_teams_too(
    company: Company, admin: asyncpg.Connection, ada: User, settings: Settings
) -> None:
    await users.move(company.ann, ada.id, company.acme, "Back")
    await erasure.erase(company.tess, Desk.of(company.tess, settings).store, ada.id, ADDRESS, WHY)
    assert await everywhere(admin, NAME, ADDRESS, FORMER) == {}
    assert (await teams.get(company.ann, company.acme)).team.name == "Acme"


async def test_the_words_of_a_stranger_stay(
    company: Company, admin: asyncpg.Connection, ada: User, settings: Settings
) -> None:
    other = await add_user(admin, company.acme, "Ada Byron", "ada@byron.example")
    await users.deactivate(company.ann, other, "Left")
    await erasure.erase(company.ann, Desk.of(company.ann, settings).store, ada.id, ADDRESS, WHY)
    page = await audit.search(replace(company.ann), PageRequest({"record": (f"user:{other}",)}))
    assert [(row.target_label, row.reason) for row in page.rows] == [("Ada Byron", "Left")]
