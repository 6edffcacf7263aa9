"""The door: who gets in, whose rows, what must be recorded."""

import asyncio
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, text, update

from app.actor import Command, Nobody, System
from app.config import Settings
from app.database import LeaseLost, UnrecordedWrite, engine, keeping, reading, writing
from app.errors import Duplicate, Forbidden, NotFound, NotSignedIn, TooSlow, Unavailable
from app.ids import uuid7
from app.models import Action, AuditEntry, Team, User
from app.permissions import Permission
from tests.people import Company

READ, WRITE = Permission.TEAMS_READ, Permission.DATASETS_CREATE


async def entries(admin: asyncpg.Connection) -> list[asyncpg.Record]:
    return list(await admin.fetch("SELECT * FROM audit_told() ORDER BY id"))


async def test_staff_who_see_all_teams_read_all(company: Company) -> None:
    async with reading(company.ann, READ) as work:
        assert set((await work.execute(select(Team.name))).scalars()) == {"Acme", "Nordlicht"}
        assert await work.scalar(text("SELECT current_user")) == "quarterdeck_platform"


async def test_limited_staff_read_only_their_team_and_other_ids_do_not_exist(company: Company) -> None:
    async with reading(company.tess, READ) as work:
        assert list((await work.execute(select(Team.name))).scalars()) == ["Acme"]
        with pytest.raises(NotFound):
            await work.get(Team, company.nordlicht)


async def test_the_role_and_the_teams_do_not_leak_through_the_pool(company: Company) -> None:
    async with reading(company.tess, READ):
        pass
    async with engine.session() as session:
        row = (await session.execute(text("SELECT current_user, current_setting('app.team_ids', true)"))).one()
    assert tuple(row) in {("quarterdeck_app", ""), ("quarterdeck_app", None)}


@pytest.mark.parametrize("sql", ["SELECT * FROM jobs", "SELECT * FROM staff", "SELECT * FROM engine.pgqueuer"])
async def test_a_transaction_that_forgot_its_context_can_read_nothing(company: Company, sql: str) -> None:
    async with engine.session() as session:
        with pytest.raises(Exception, match="permission denied"):
            await session.execute(text(sql))


@pytest.mark.parametrize("change", ["revoked_at = now()", "expires_at = now() - interval '1 second'"])
async def test_an_ended_session_is_refused_at_once(company: Company, admin: asyncpg.Connection, change: str) -> None:
    await admin.execute(f"UPDATE staff_sessions SET {change} WHERE id = $1", company.ann.session_id)
    with pytest.raises(NotSignedIn):
        async with reading(company.ann, READ):
            pass


async def test_a_deactivated_person_and_a_changed_role_count_at_once(
    company: Company, admin: asyncpg.Connection
) -> None:
    await admin.execute("UPDATE staff SET role = 'none' WHERE id = $1", company.ann.staff_id)
    with pytest.raises(Forbidden):
        async with reading(company.ann, READ):
            pass
    await admin.execute("UPDATE staff SET status = 'deactivated' WHERE id = $1", company.ann.staff_id)
    with pytest.raises(NotSignedIn):
        async with reading(company.ann, READ):
            pass


async def test_a_page_that_claims_a_better_role_is_not_believed(company: Company) -> None:
    with pytest.raises(Forbidden):
        async with writing(replace(company.vic, role=company.ann.role), WRITE):
            pass


async def test_a_refusal_is_recorded(company: Company, admin: asyncpg.Connection) -> None:
    with pytest.raises(Forbidden, match="datasets:create"):
        async with writing(company.vic, WRITE):
            pytest.fail("nobody gets here")
    (entry,) = await entries(admin)
    assert (entry["action"], entry["actor_name"], entry["target_id"]) == (
        "access.refused",
        "Vic Vale",
        "datasets:create",
    )


async def test_nobody_gets_nowhere(company: Company) -> None:
    with pytest.raises(NotSignedIn):
        async with reading(Nobody(), READ):
            pass


async def test_a_reading_block_cannot_write(company: Company) -> None:
    with pytest.raises(Exception, match="read-only transaction"):
        async with reading(company.ann, READ) as work:
            await work.execute(update(Team).values(name="X"))


async def test_before_and_after_are_recorded_by_themselves(company: Company, admin: asyncpg.Connection) -> None:
    async with writing(company.ann, WRITE) as work:
        team = await work.get(Team, company.acme, lock=True)
        team.name = "Acme Ltd"
        await work.flush()
        team.name = "Acme GmbH"
        work.record(Action.TEAM_CREATED, team, reason="moved to Berlin")
    (entry,) = await entries(admin)
    assert entry["before"] == '{"name": "Acme"}'
    assert entry["after"] == '{"name": "Acme GmbH"}'
    assert (entry["actor_id"], entry["team_id"], entry["reason"]) == (
        company.ann.staff_id,
        company.acme,
        "moved to Berlin",
    )


async def test_json_changes_are_told_key_by_key_and_creations_whole(
    company: Company, admin: asyncpg.Connection
) -> None:
    user = User(id=uuid7(), team_id=company.acme, email="u@example.com", name="U", options={"a": 1, "b": 2})
    async with writing(company.ann, WRITE) as work:
        work.add(user)
        work.record(Action.TEAM_CREATED, user)
    async with writing(company.ann, WRITE) as work:
        again = await work.get(User, user.id)
        again.options = {"a": 1, "b": 3}
        work.record(Action.TEAM_CREATED, again)
    created, changed = await entries(admin)
    assert created["before"] is None
    assert '"email": "u@example.com"' in created["after"]
    assert (changed["before"], changed["after"]) == ('{"options.b": 2}', '{"options.b": 3}')


async def test_a_write_that_recorded_nothing_is_rolled_back(company: Company, admin: asyncpg.Connection) -> None:
    async def forgotten_object() -> None:
        async with writing(company.ann, WRITE) as work:
            (await work.get(Team, company.acme)).name = "Changed"

    async def forgotten_statement() -> None:
        async with writing(company.ann, WRITE) as work:
            await work.execute(update(Team).values(name=Team.name + "!"))

    async def forgotten_text() -> None:
        async with writing(company.ann, WRITE) as work:
            await work.execute(text("UPDATE teams SET name = name || '!'"))

    async def recorded_another() -> None:
        async with writing(company.ann, WRITE) as work:
            (await work.get(Team, company.acme)).name = "Changed"
            other = await work.get(Team, company.nordlicht)
            work.record(Action.TEAM_CREATED, other)

    for forget in (forgotten_object, forgotten_statement, forgotten_text, recorded_another):
        with pytest.raises(UnrecordedWrite):
            await forget()
    assert set(await admin.fetch("SELECT name FROM teams")) == {("Acme",), ("Nordlicht",)}
    assert await entries(admin) == []


async def test_a_limited_person_cannot_write_into_another_team(company: Company) -> None:
    with pytest.raises(Exception, match="row-level security"):
        async with writing(company.tess, WRITE) as work:
            user = User(team_id=company.nordlicht, email="spy@example.com", name="Spy")
            work.add(user)
            await work.flush()


async def test_unique_rules_become_a_sentence(company: Company) -> None:
    with pytest.raises(Duplicate, match="already a team"):
        async with writing(company.ann, WRITE) as work:
            team = Team(id=uuid7(), name="Acme")
            work.add(team)
            work.record(Action.TEAM_CREATED, team)


async def test_a_slow_question_is_stopped_in_the_database(company: Company) -> None:
    with pytest.raises(TooSlow):
        async with reading(company.ann, READ, timeout=0.05) as work:
            await work.execute(text("SELECT pg_sleep(5)"))


async def test_a_cancelled_block_leaves_the_pool_clean(company: Company) -> None:
    async def slow() -> None:
        async with reading(company.ann, READ) as work:
            await work.execute(text("SELECT pg_sleep(5)"))

    for _ in range(20):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slow(), 0.02)
    async with reading(company.ann, READ) as work:
        assert await work.scalar(select(func.count()).select_from(Team)) == 2


async def test_connections_that_died_are_replaced_without_anybody_noticing(
    company: Company, admin: asyncpg.Connection
) -> None:
    async with reading(company.ann, READ):
        pass
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'quarterdeck_app'")
    async with reading(company.ann, READ) as work:
        assert await work.scalar(select(func.count()).select_from(Team)) == 2


async def test_a_database_that_is_away_is_a_sentence(company: Company, settings: Settings, tmp_path: Path) -> None:
    await engine.dispose()
    nowhere = SecretStr(f"postgresql://quarterdeck_app:x@/quarterdeck?host={tmp_path}")
    engine.configure(settings.model_copy(update={"database_url": nowhere}))
    with pytest.raises(Unavailable, match="does not answer"):
        async with reading(company.ann, READ):
            pass


async def test_the_keeper_writes_only_the_books(company: Company) -> None:
    with pytest.raises(Exception, match="permission denied"):
        async with keeping("mischief", team_id=company.acme) as work:
            await work.execute(update(Team).values(name="X"))


async def test_a_job_that_lost_its_lease_is_refused(company: Company) -> None:
    stale = System(uuid7(), 1, company.acme, frozenset({WRITE}))
    with pytest.raises(LeaseLost):
        async with writing(stale, WRITE):
            pass


async def test_a_command_acts_under_the_name_of_its_user(company: Company, admin: asyncpg.Connection) -> None:
    async with writing(Command("root"), WRITE) as work:
        team = Team(id=uuid7(), name="Kite Labs")
        work.add(team)
        work.record(Action.TEAM_CREATED, team)
    (entry,) = await entries(admin)
    assert (entry["actor_kind"], entry["actor_name"], entry["target_label"]) == ("command", "root", "Kite Labs")


async def test_the_audit_log_is_append_only_even_for_a_superuser(company: Company, admin: asyncpg.Connection) -> None:
    async with writing(company.ann, WRITE) as work:
        team = await work.get(Team, company.acme)
        team.name = "Renamed"
        work.record(Action.TEAM_CREATED, team)
    for sql in ("UPDATE audit_entries SET reason = 'x'", "DELETE FROM audit_entries", "TRUNCATE audit_entries"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.execute(sql)
    async with reading(company.ann, Permission.AUDIT_READ) as work:
        assert await work.scalar(select(func.count()).select_from(AuditEntry)) == 1
