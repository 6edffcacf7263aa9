"""Signing in with a second factor: each code is good once, whoever tries at the same time; half a sign-in is short."""

import asyncio
import json
from collections.abc import Awaitable

import asyncpg
import pytest

from app.actor import Staff
from app.authentication import second_factor, sessions
from app.authentication.second_factor import Lapsed
from app.authentication.sessions import SignedIn
from app.config import Settings
from app.crypto import tokens, totp
from app.errors import Invalid, RateLimited
from tests.conftest import Database
from tests.people import PASSWORD, Company
from tests.services.phones import NOBODY, Phone, actions, ann, ask, draw_out, finish, phone, refused, time

__all__ = ["ann", "phone", "time"]


async def test_set_up_and_sign_in(ann: Staff, phone: Phone, admin: asyncpg.Connection) -> None:
    token = await ask(ann)
    assert await sessions.find(token) is None, "half a sign-in opens nothing"
    assert await second_factor.waits(token)
    signed_in = await finish(token, phone.next())
    found = await sessions.find(signed_in.token)
    assert found is not None
    assert found.staff_id == ann.staff_id
    row = await admin.fetchrow("SELECT * FROM staff_sessions WHERE id = $1", found.session_id)
    assert (row["methods"], row["ip"], row["user_agent"]) == (["password", "totp"], NOBODY.ip, "a browser")
    assert await actions(admin) == ["staff.second_factor_set_up", "session.started"]
    assert not await second_factor.waits(token)
    with pytest.raises(Lapsed):
        await finish(token, phone.next())


async def test_without_a_second_factor_the_password_alone_signs_in(ann: Staff, admin: asyncpg.Connection) -> None:
    assert isinstance(await sessions.sign_in(NOBODY, ann.email, PASSWORD, "a browser"), SignedIn)
    assert await admin.fetchval("SELECT methods FROM staff_sessions ORDER BY created_at DESC") == ["password"]


async def test_nobody_is_told_of_a_second_factor_before_the_password_is_right(ann: Staff, phone: Phone) -> None:
    said = set()
    for email in (ann.email, "vic@example.com", "stranger@example.com"):
        with pytest.raises(sessions.WrongPassword) as wrong:
            await sessions.sign_in(NOBODY, email, "a wrong password", "a browser")
        said.add(wrong.value.message)
    assert len(said) == 1


@pytest.mark.parametrize("offset", [-1, 0, 1])
async def test_a_code_is_good_once(ann: Staff, phone: Phone, offset: int) -> None:
    phone.time.step(3)
    code = phone.code(offset)
    await finish(await ask(ann), code)
    for late in (0, 1):
        phone.time.step(late)
        assert await refused(finish(await ask(ann), code))


async def test_an_older_code_than_the_last_one_is_refused(ann: Staff, phone: Phone) -> None:
    phone.time.step(3)
    await finish(await ask(ann), phone.code(1))
    assert await refused(finish(await ask(ann), phone.code(0)))
    assert await refused(finish(await ask(ann), phone.code(-1)))


@pytest.mark.parametrize("offset", [-2, 2])
async def test_codes_two_steps_away_are_refused(ann: Staff, phone: Phone, offset: int) -> None:
    phone.time.step(5)
    assert await refused(finish(await ask(ann), phone.code(offset)))


async def test_the_code_of_the_set_up_signs_nobody_in(ann: Staff, phone: Phone) -> None:
    assert await refused(finish(await ask(ann), phone.code()))


@pytest.mark.parametrize("sort", ["totp", "recovery"])
async def test_two_who_use_the_same_code_at_the_same_moment(
    ann: Staff, phone: Phone, admin: asyncpg.Connection, sort: str
) -> None:
    code = phone.recovery[0] if sort == "recovery" else phone.next()
    halves = [await ask(ann) for _ in range(4)]
    outcomes = await asyncio.gather(*(refused(finish(half, code)) for half in halves))
    assert sorted(outcomes) == [False, True, True, True]
    assert (await actions(admin)).count("session.started") == 1


async def test_a_code_that_another_process_is_about_to_use(
    ann: Staff, phone: Phone, admin: asyncpg.Connection, database: Database
) -> None:
    """Its transaction has used the code and not ended: whoever comes second waits for it, and is refused."""
    here, elsewhere, code = await ask(ann), await ask(ann), phone.next()
    claims = sessions.challenged(elsewhere)
    assert claims is not None
    other = await asyncpg.connect(database.url("quarterdeck_app"))
    transaction = other.transaction()
    await transaction.start()
    [tried] = await other.fetch("SELECT * FROM challenge_try($1)", claims.session_id)
    finish_there = "SELECT challenge_finish($1, $2, $3, NULL, NULL, gen_random_uuid(), now(), '', '')"
    step = totp.step_at(phone.time())
    assert await other.fetchval(finish_there, claims.session_id, tried["secret"], step) == "totp"
    async with asyncio.TaskGroup() as group:
        trying = group.create_task(refused(finish(here, code)))
        while not await admin.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not trying.done()
        await transaction.commit()
    assert trying.result()
    await other.close()
    assert (await actions(admin)).count("session.started") == 1


async def test_a_recovery_code_is_good_once_and_recorded(ann: Staff, phone: Phone, admin: asyncpg.Connection) -> None:
    signed_in = await finish(await ask(ann), phone.recovery[3].upper())
    assert await refused(finish(await ask(ann), phone.recovery[3]))
    assert await refused(finish(await ask(ann), "not one at all"))
    found = await sessions.find(signed_in.token)
    assert found is not None
    assert (await second_factor.get(found)).codes_left == 9
    entry = await admin.fetchrow("SELECT * FROM audit_told() WHERE action = 'staff.recovery_code_used'")
    assert (entry["actor_id"], json.loads(entry["detail"])) == (ann.staff_id, {"left": 9})
    assert await admin.fetchval("SELECT methods FROM staff_sessions WHERE id = $1", found.session_id) == [
        "password",
        "recovery",
    ]


async def test_a_right_password_has_five_tries_however_many_come_at_once(
    ann: Staff, phone: Phone, admin: asyncpg.Connection
) -> None:
    phone.time.step(10)
    token = await ask(ann)
    wrong = [phone.code(far) for far in range(5, 13)]
    assert all(await asyncio.gather(*(refused(finish(token, code)) for code in wrong)))
    assert (await actions(admin)).count("staff.second_factor_refused") <= 5
    assert await admin.fetchval("SELECT failures FROM sign_in_challenges") <= 5
    await admin.execute("UPDATE sign_in_challenges SET failures = 5")
    await admin.execute("DELETE FROM sign_in_tries")
    with pytest.raises(Lapsed):
        await finish(token, phone.code())


async def test_wrong_codes_of_many_sign_ins_are_counted_for_the_person(
    ann: Staff, phone: Phone, admin: asyncpg.Connection
) -> None:
    """Whoever knows the password begins as many sign-ins as they like: that gives them no more codes."""
    phone.time.step(10)
    halves = [await ask(ann) for _ in range(6)]
    for half in halves[:4]:
        with pytest.raises(Invalid):
            await finish(half, phone.code(7))
    await draw_out(admin)
    with pytest.raises(RateLimited):
        await finish(halves[4], phone.code())
    with pytest.raises(RateLimited):
        await finish(await ask(ann), phone.recovery[0])
    assert await second_factor.verify(ann, phone.code()), "signed in, she has tries of her own"
    await admin.execute("UPDATE sign_in_tries SET blocked_until = now()")
    await finish(halves[5], phone.next())
    await finish(await ask(ann), phone.next())


async def test_half_a_sign_in_is_one_persons_and_short(
    ann: Staff, phone: Phone, company: Company, settings: Settings, admin: asyncpg.Connection
) -> None:
    token = await ask(ann)
    claims = sessions.challenged(token)
    assert claims is not None
    for other in (
        tokens.Claims(company.vic.staff_id, claims.session_id, claims.issued_at, claims.expires_at),
        tokens.Claims(ann.staff_id, ann.session_id, claims.issued_at, claims.expires_at),
    ):
        with pytest.raises(Lapsed):
            await finish(tokens.sign(other, settings.session_keys[0], audience=tokens.CHALLENGE), phone.next())
    with pytest.raises(Lapsed):
        await finish(tokens.sign(claims, settings.session_keys[0]), phone.next())
    for nothing in ("", "x", token[:-2]):
        assert not await second_factor.waits(nothing)
    await admin.execute("UPDATE sign_in_challenges SET expires_at = now()")
    with pytest.raises(Lapsed):
        await finish(token, phone.next())
    late = await ask(ann)
    phone.time.moment += sessions.CODE_WITHIN
    with pytest.raises(Lapsed):
        await finish(late, phone.code())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE staff SET status = 'deactivated' WHERE id = $1",
        "UPDATE staff SET password_hash = 'another' WHERE id = $1",
        "UPDATE staff SET totp_set_at = NULL, totp_secret = NULL WHERE id = $1",
    ],
)
async def test_half_a_sign_in_ends_with_what_it_was_begun_by(
    ann: Staff, phone: Phone, admin: asyncpg.Connection, change: str
) -> None:
    token = await ask(ann)
    await admin.execute(change, ann.staff_id)
    with pytest.raises(Lapsed):
        await finish(token, phone.next())


async def test_the_secret_is_nowhere_in_the_clear(ann: Staff, phone: Phone, admin: asyncpg.Connection) -> None:
    await finish(await ask(ann), phone.recovery[0])
    tables = [row["t"] for row in await admin.fetch("SELECT tablename AS t FROM pg_tables WHERE schemaname = 'public'")]
    kept = "".join([str(await admin.fetch(f'SELECT * FROM "{table}"')) for table in tables])
    assert "sign_in_challenges" in tables
    for secret in (phone.secret, *phone.recovery, *(code.replace("-", "") for code in phone.recovery)):
        assert secret not in kept
    row = await admin.fetchrow("SELECT totp_secret FROM staff WHERE id = $1", ann.staff_id)
    assert phone.secret.encode() not in row["totp_secret"]


async def test_a_sealed_secret_moved_to_another_person_opens_nothing(
    ann: Staff, phone: Phone, company: Company, admin: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody who can write to the table gives themselves the second factor of somebody whose phone they have."""
    await admin.execute(
        "UPDATE staff v SET (totp_secret, totp_step, totp_set_at) = (SELECT a.totp_secret, a.totp_step, a.totp_set_at"
        " FROM staff a WHERE a.id = $1) WHERE v.id = $2",
        *(ann.staff_id, company.vic.staff_id),
    )
    assert not await accepted(finish(await ask(company.vic), phone.next()))
    assert "cannot be read" in caplog.text
    assert phone.secret not in caplog.text


async def accepted(trying: Awaitable[object]) -> bool:
    try:
        await trying
    except Exception:  # noqa: BLE001 - whatever it is, nobody is let in
        return False
    return True
