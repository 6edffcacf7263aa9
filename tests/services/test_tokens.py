"""API tokens: made within one's own rights, kept as a digest, acting within what their owner may and sees now."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from app import clock
from app.actor import Command, Staff, Token
from app.authentication import api_tokens as programs
from app.crypto import api_tokens
from app.database import reading, writing
from app.errors import Conflict, Forbidden, Invalid, NotFound, NotSignedIn, Unavailable
from app.ids import uuid7
from app.models import TokenState
from app.paging import PageRequest
from app.permissions import IN_PERSON, STEP_UP, Permission
from app.repositories import tokens as tokens_table
from app.services import jobs, teams, tokens
from app.services.tokens import NewToken
from tests.factories import add_job
from tests.people import Company

WHY = "Found in a public repository"
PAGE = PageRequest()
READ_JOBS = {"jobs:read", "teams:read"}
SECOND_FACTOR = """
    INSERT INTO role_rules (id, role, second_factor, version, updated_at)
    VALUES (gen_random_uuid(), 'admin', true, 1, now()) ON CONFLICT (role) DO UPDATE SET second_factor = true
"""


async def make(owner: Staff, **wanted: Any) -> NewToken:
    """A token for the CI, unless something else is wanted."""
    return await tokens.create(
        owner, **{"name": "CI", "permissions": READ_JOBS, "team_ids": None, "days": 30, **wanted}
    )


async def bearer(made: NewToken, ip: str = "192.0.2.7") -> Token:
    """The actor that a token becomes."""
    found = await programs.find(made.secret, ip)
    assert found is not None
    return found


async def test_a_token_is_shown_once_and_kept_as_a_digest(company: Company, admin: asyncpg.Connection) -> None:
    made = await make(company.ann, name=" CI ")
    assert made.secret.startswith("qd_")
    assert made.expires_at - clock.now() > timedelta(days=29, hours=23)
    [kept] = await admin.fetch("SELECT * FROM api_tokens")
    assert (kept["name"], kept["hint"]) == ("CI", made.secret[:11])
    assert kept["digest"] == api_tokens.digest(made.secret)
    assert (kept["permissions"], kept["team_ids"], kept["revoked_at"]) == (sorted(READ_JOBS), None, None)
    [entry] = await admin.fetch("SELECT * FROM audit_told()")
    assert (entry["action"], entry["actor_id"], entry["session_id"], entry["target_id"], entry["target_label"]) == (
        *("token.created", company.ann.staff_id, company.ann.session_id, str(made.id), "CI"),
    )
    assert json.loads(entry["detail"]) == {
        "may": sorted(READ_JOBS), "sees": "Whatever its owner sees", "expires_at": made.expires_at.isoformat(),
    }  # fmt: skip
    [listed] = (await tokens.search_own(company.ann, PAGE)).rows
    assert (listed.id, listed.token.state, listed.teams) == (made.id, TokenState.ACTIVE, None)
    for table in await admin.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    ):
        everything = str(await admin.fetch(f'SELECT t::text FROM public."{table["relname"]}" t'))
        assert made.secret[3:] not in everything, table
        assert made.secret[11:] not in everything, table


async def test_create_refuses(company: Company, admin: asyncpg.Connection) -> None:
    for wrong, field in (
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"permissions": ()}, "permissions"),
        ({"permissions": {"nothing:known"}}, "permissions"),
        ({"permissions": {"staff:create"}}, "permissions"),  # hers, but dangerous
        ({"permissions": {"tokens:create"}}, "permissions"),
        ({"permissions": {"datasets:delete"}}, "permissions"),
        ({"permissions": {"profile:edit"}}, "permissions"),
        ({"team_ids": ()}, "teams"),
        ({"team_ids": {uuid7()}}, "teams"),
        ({"days": 0}, "days"),
        ({"days": 3_650}, "days"),
    ):
        with pytest.raises(Invalid) as refused:
            await make(company.sue, **wrong)
        assert list(refused.value.fields) == [field], wrong
    assert await admin.fetchval("SELECT count(*) FROM api_tokens") == 0
    assert await admin.fetchval("SELECT count(*) FROM audit_entries") == 0


async def test_create_needs_the_permission_and_stays_within_ones_own(company: Company) -> None:
    for nobody in (company.vic, company.nil):
        with pytest.raises(Forbidden):
            await make(nobody)
    with pytest.raises(NotSignedIn):
        await tokens.create(Command("root"), name="CI", permissions=READ_JOBS, team_ids=None, days=30)
    with pytest.raises(Invalid):
        await make(company.tess, team_ids={company.nordlicht})
    with pytest.raises(Invalid):
        await make(company.tess, permissions={"staff:read"})
    assert (await make(company.tess, team_ids={company.acme})).name == "CI"


async def test_twenty_tokens_work_at_the_same_time(company: Company, admin: asyncpg.Connection) -> None:
    made = [await make(company.ann, name=f"CI {n}") for n in range(tokens.MOST)]
    with pytest.raises(Conflict, match="Revoke one"):
        await make(company.ann)
    await tokens.revoke_own(company.ann, made[0].id)
    await make(company.ann)
    await admin.execute("UPDATE api_tokens SET expires_at = now() WHERE id = $1", made[1].id)
    await make(company.ann)


async def test_a_token_acts_within_what_was_chosen(company: Company, admin: asyncpg.Connection) -> None:
    token = await bearer(await make(company.sue))
    assert token.permissions == {Permission.JOBS_READ, Permission.TEAMS_READ}
    assert (await jobs.search(token, PAGE)).count.value == 0
    for verb in (reading, writing):
        for permission in set(Permission) - token.permissions:
            with pytest.raises(Forbidden, match="This API token does not include"):
                async with verb(token, permission):
                    pass
    refused = await admin.fetchrow("SELECT * FROM audit_told() WHERE action = 'access.refused' LIMIT 1")
    assert (refused["actor_kind"], refused["actor_name"]) == ("token", "Sue Super (token “CI”)")


async def test_no_token_may_what_asks_for_the_password(company: Company, admin: asyncpg.Connection) -> None:
    """Not even where somebody wrote it into the table."""
    made = await make(company.sue)
    await admin.execute("UPDATE api_tokens SET permissions = $1", [permission.value for permission in Permission])
    token = await bearer(made)
    assert token.permissions == set(Permission) - IN_PERSON
    assert IN_PERSON > STEP_UP
    with pytest.raises(Forbidden):
        await make(token)  # type: ignore[arg-type]  # whoever calls it all the same
    with pytest.raises(Forbidden):
        await tokens.revoke(token, made.id, WHY)
    with pytest.raises(Forbidden):
        await tokens.revoke_own(token, made.id)


async def test_what_a_token_does_names_its_owner_and_itself(company: Company, admin: asyncpg.Connection) -> None:
    job_id = await add_job(admin, company.acme)
    made = await make(company.ann, permissions={"jobs:retry"})
    await jobs.retry(await bearer(made), job_id, "Flaky")
    entry = await admin.fetchrow("SELECT * FROM audit_told() WHERE action = 'job.retried'")
    assert (entry["actor_kind"], entry["actor_id"], entry["actor_name"]) == (
        *("token", company.ann.staff_id, "Ann Adler (token “CI”)"),
    )
    assert (entry["session_id"], entry["ip"], entry["reason"]) == (made.id, "192.0.2.7", "Flaky")


async def test_a_dead_token_opens_nothing_in_the_middle_of_its_work_either(
    company: Company, admin: asyncpg.Connection
) -> None:
    made = await make(company.ann)
    token = await bearer(made)
    for end, mend in (
        ("UPDATE api_tokens SET revoked_at = now()", "UPDATE api_tokens SET revoked_at = NULL"),
        ("UPDATE api_tokens SET expires_at = now()", "UPDATE api_tokens SET expires_at = now() + interval '1 day'"),
        ("UPDATE staff SET status = 'deactivated'", "UPDATE staff SET status = 'active'"),
        ("UPDATE staff SET must_change_password = true", "UPDATE staff SET must_change_password = false"),
        (SECOND_FACTOR, "UPDATE staff SET totp_set_at = now()"),
        ("DELETE FROM api_tokens", "SELECT 1"),
    ):
        assert await programs.find(made.secret, "") is not None
        await admin.execute(end)
        assert await programs.find(made.secret, "") is None, end
        for verb in (reading, writing):
            with pytest.raises(NotSignedIn, match="API token"):
                async with verb(token, Permission.JOBS_READ):
                    pass
        await admin.execute(mend)


async def test_a_demoted_owner_takes_their_tokens_down(company: Company, admin: asyncpg.Connection) -> None:
    made = await make(company.ann, permissions={"jobs:read", "jobs:retry"})
    before = await bearer(made)
    await admin.execute("UPDATE staff SET role = 'viewer' WHERE id = $1", company.ann.staff_id)
    with pytest.raises(Forbidden):
        await jobs.retry(before, uuid7(), WHY)
    assert (await bearer(made)).permissions == {Permission.JOBS_READ}
    [listed] = (await tokens.search_own(company.ann, PAGE)).rows
    assert listed.permissions == [Permission.JOBS_READ]
    assert await tokens.revoke_own(company.ann, made.id) == "CI", "to revoke one's own, any role will do"


async def test_teams_are_those_that_both_see(company: Company, admin: asyncpg.Connection) -> None:
    async def seen(made: NewToken) -> list[str]:
        return [name for _, name in await teams.names(await bearer(made))]

    everything = await make(company.ann)
    nordlicht = await make(company.ann, team_ids={company.nordlicht})
    assert await seen(everything) == ["Acme", "Nordlicht"]
    assert await seen(nordlicht) == ["Nordlicht"]
    assert (await bearer(nordlicht)).team_ids == (company.nordlicht,)
    theirs, ours = await add_job(admin, company.nordlicht), await add_job(admin, company.acme)
    assert (await jobs.get(await bearer(nordlicht), theirs)).job.id == theirs
    with pytest.raises(NotFound):
        await jobs.get(await bearer(nordlicht), ours)

    before = await bearer(everything)
    await admin.execute("UPDATE staff SET limited = true WHERE id = $1", company.ann.staff_id)
    await admin.execute("INSERT INTO staff_teams VALUES ($1, $2)", company.ann.staff_id, company.acme)
    assert await seen(everything) == [name for _, name in await teams.names(before)] == ["Acme"]
    assert await seen(nordlicht) == [], "an empty intersection sees nothing"
    assert (await bearer(nordlicht)).team_ids == ()
    for job_id in (theirs, ours):
        with pytest.raises(NotFound):
            await jobs.get(await bearer(nordlicht), job_id)
    views = {view.id: view.teams for view in (await tokens.search_own(company.ann, PAGE)).rows}
    assert views == {everything.id: ["Acme"], nordlicht.id: []}
    again = {view.id: view.teams for view in (await tokens.search(company.sue, company.ann.staff_id, PAGE)).rows}
    assert again == views


async def test_a_token_limited_to_teams_reaches_nothing_of_the_staff(company: Company) -> None:
    wide = await bearer(await make(company.sue, permissions={"staff:read", "jobs:read"}))
    narrow = await bearer(await make(company.sue, permissions={"staff:read", "jobs:read"}, team_ids={company.acme}))
    async with reading(wide, Permission.STAFF_READ) as work:
        assert work.who.team_ids is None
    with pytest.raises(Forbidden):
        async with reading(narrow, Permission.STAFF_READ):
            pass


async def test_what_an_actor_claims_is_not_believed(company: Company) -> None:
    token = await bearer(await make(company.ann, team_ids={company.acme}))
    liar = replace(token, permissions=frozenset(Permission), team_ids=None, staff_id=company.sue.staff_id)
    async with reading(liar, Permission.JOBS_READ) as work:
        assert (work.who.id, work.who.team_ids) == (company.ann.staff_id, (company.acme,))
    with pytest.raises(Forbidden):
        async with reading(liar, Permission.STAFF_READ):
            pass
    with pytest.raises(NotSignedIn):
        async with reading(replace(token, digest=b"x" * 32), Permission.JOBS_READ):
            pass


async def test_last_use_is_written_once_a_minute(
    company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, question = await make(company.ann), "SELECT last_used_at, last_used_ip FROM api_tokens"
    assert tuple(await admin.fetchrow(question)) == (None, None)
    await bearer(made)
    first = await admin.fetchrow(question)
    assert first["last_used_ip"] == "192.0.2.7"
    await bearer(made, "198.51.100.1")
    assert await admin.fetchrow(question) == first
    now = clock.now() + programs.USED_EVERY
    monkeypatch.setattr(clock, "now", lambda: now)
    await bearer(made, "198.51.100.1")
    assert tuple(await admin.fetchrow(question)) == (now, "198.51.100.1")
    assert await admin.fetchval("SELECT count(*) FROM audit_entries") == 1, "of its making only"


async def test_a_token_works_where_its_use_cannot_be_written(
    company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: Any, **__: Any) -> None:
        raise Unavailable("The database is busy.")

    made = await make(company.ann)
    monkeypatch.setattr(tokens_table, "used", busy)
    assert (await bearer(made)).token_id == made.id
    assert await admin.fetchval("SELECT last_used_at FROM api_tokens") is None


async def test_revoke_own_only_ones_own_and_once(company: Company, admin: asyncpg.Connection) -> None:
    made = await make(company.ann)
    for stranger in (company.sue, company.tess):
        with pytest.raises(NotFound):
            await tokens.revoke_own(stranger, made.id)
    with pytest.raises(NotFound):
        await tokens.revoke_own(Command("root"), made.id)
    assert await tokens.revoke_own(company.ann, made.id) == "CI"
    with pytest.raises(NotFound):
        await tokens.revoke_own(company.ann, made.id)
    assert await programs.find(made.secret, "") is None
    [listed] = (await tokens.search_own(company.ann, PAGE)).rows
    assert listed.token.state is TokenState.REVOKED
    assert await admin.fetchval("SELECT count(*) FROM audit_entries WHERE action = 'token.revoked'") == 1


async def test_revoke_anybodys_with_a_reason(company: Company, admin: asyncpg.Connection) -> None:
    made = await make(company.tess)
    for nobody in (company.ann, company.vic, company.tess):
        with pytest.raises(Forbidden):
            await tokens.revoke(nobody, made.id, WHY)
        with pytest.raises(Forbidden):
            await tokens.search(nobody, company.tess.staff_id, PAGE)
    with pytest.raises(Invalid):
        await tokens.revoke(company.sue, made.id, " ")
    await tokens.revoke(company.sue, made.id, WHY)
    with pytest.raises(Conflict):
        await tokens.revoke(company.sue, made.id, WHY)
    with pytest.raises(NotFound):
        await tokens.revoke(company.sue, uuid7(), WHY)
    entry = await admin.fetchrow("SELECT * FROM audit_told() WHERE action = 'token.revoked'")
    assert (entry["actor_id"], entry["target_type"], entry["target_id"], entry["reason"]) == (
        *(company.sue.staff_id, "token", str(made.id), WHY),
    )
    assert json.loads(entry["detail"]) == {"owner": "Tess Tam"}
    assert await programs.find(made.secret, "") is None
