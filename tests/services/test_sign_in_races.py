"""Signing in beside a change of the password, and what the log keeps of those who were not let in."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from app.actor import Command, Nobody
from app.authentication import sessions
from app.config import Settings
from app.crypto import passwords
from app.services import staff
from tests.people import PASSWORD, Company

NEW = "another correct horse battery staple"


@pytest.fixture
async def ann(company: Company, settings: Settings, admin: asyncpg.Connection) -> str:
    """Ann's e-mail; she has a real password."""
    assert settings.session_key
    sessions.bind(sessions.Signing((settings.session_key.get_secret_value(),), timedelta(hours=1)))
    hashed = await passwords.hash_password(PASSWORD)
    await admin.execute("UPDATE staff SET password_hash = $1 WHERE email = $2", hashed, company.ann.email)
    await admin.execute("DELETE FROM staff_sessions WHERE staff_id = $1", company.ann.staff_id)
    return company.ann.email


async def living(admin: asyncpg.Connection, email: str) -> int:
    question = (
        "SELECT count(*)::int FROM staff_sessions s JOIN staff m ON m.id = s.staff_id"
        " WHERE m.email = $1 AND s.revoked_at IS NULL"
    )
    return int(await admin.fetchval(question, email))


@pytest.mark.parametrize("change", ["password", "deactivated"])
async def test_a_sign_in_does_not_survive_what_changed_while_the_password_was_measured(
    ann: str, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    genuine = passwords.verify_and_update

    async def measured(password: str, hashed: str | None) -> tuple[bool, str | None]:
        found = await genuine(password, hashed)
        if change == "password":
            await staff.set_password(Command("root"), ann, NEW)
        else:
            await admin.execute("UPDATE staff SET status = 'deactivated' WHERE email = $1", ann)
        return found

    monkeypatch.setattr(passwords, "verify_and_update", measured)
    with pytest.raises(sessions.WrongPassword):
        await sessions.sign_in(Nobody(), ann, PASSWORD, "a browser")
    assert await living(admin, ann) == 0
    actions = {row["action"] for row in await admin.fetch("SELECT action FROM audit_entries")}
    assert "session.refused" in actions
    assert "session.started" not in actions


async def test_a_sign_in_waits_for_a_change_that_is_under_way(ann: str, admin: asyncpg.Connection) -> None:
    transaction = admin.transaction()
    await transaction.start()
    await admin.execute("UPDATE staff SET password_hash = 'changed' WHERE email = $1", ann)
    async with asyncio.TaskGroup() as group:
        trying = group.create_task(_refused(ann))
        waiting = 0
        while not waiting:
            waiting = await admin.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
        await transaction.commit()
    assert trying.result()
    assert await living(admin, ann) == 0


async def _refused(email: str) -> bool:
    try:
        await sessions.sign_in(Nobody(), email, PASSWORD, "a browser")
    except sessions.WrongPassword:
        return True
    return False


async def test_a_sign_in_with_the_right_password_is_recorded(ann: str, admin: asyncpg.Connection) -> None:
    await sessions.sign_in(Nobody(), ann, PASSWORD, "a browser")
    assert await living(admin, ann) == 1
    assert await admin.fetchval("SELECT action FROM audit_entries") == "session.started"


@pytest.mark.parametrize(
    ("typed", "label", "name"),
    [
        ("Ann@Example.com", "ann@example.com", "Ann Adler"),
        ("stranger@example.com", "stranger@example.com", "stranger@example.com"),
        ("my secret password", "", "Somebody"),
        ("hunter2", "", "Somebody"),
        ("p@ssword", "", "Somebody"),
        ("", "", "Somebody"),
        ("a@b.c <script>", "", "Somebody"),
        (f"{'x' * 300}@example.com", "", "Somebody"),
    ],
)
async def test_of_those_refused_the_log_keeps_e_mail_addresses_only(
    ann: str, admin: asyncpg.Connection, typed: str, label: str, name: str
) -> None:
    with pytest.raises(sessions.WrongPassword):
        await sessions.sign_in(Nobody(), typed, "wrong", "a browser")
    entry = await admin.fetchrow("SELECT * FROM audit_told()")
    assert (entry["action"], entry["target_label"], entry["actor_name"]) == ("session.refused", label, name)


async def test_refusals_cannot_fill_the_log(ann: str, admin: asyncpg.Connection) -> None:
    question = "SELECT count(*)::int FROM audit_entries WHERE action = 'session.refused'"
    for _ in range(70):
        await admin.execute("SELECT sign_in_refused($1, '127.0.0.1')", ann)
    assert await admin.fetchval(question) == 60
    await admin.execute("ALTER TABLE audit_entries DISABLE TRIGGER append_only")
    await admin.execute(
        "UPDATE audit_entries SET at = at - interval '1 minute' WHERE id IN (SELECT min(id) FROM audit_entries)"
    )
    for _ in range(2):
        await admin.execute("SELECT sign_in_refused($1, '127.0.0.1')", ann)
    assert await admin.fetchval(question) == 61, "a minute later there is room for another one"
