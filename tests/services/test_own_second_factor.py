"""One's own second factor: set up, replaced, turned off; new recovery codes, and codes that prove once more."""

from collections.abc import Awaitable, Callable

import asyncpg
import pyotp
import pytest

from app.actor import Staff
from app.authentication import second_factor, sessions, step_up
from app.authentication.second_factor import Sealing
from app.authentication.sessions import SignedIn
from app.crypto import sealed
from app.database import reading
from app.errors import Conflict, Invalid, NotSignedIn, RateLimited
from app.permissions import Permission
from tests.people import PASSWORD, Company
from tests.services.phones import NOBODY, Clock, Phone, actions, ann, ask, draw_out, enrol, finish, phone, refused, time

__all__ = ["ann", "phone", "time"]

OLD, NEW = "o" * 43, "n" * 43


async def test_set_up_asks_for_the_password_after_a_while(ann: Staff, time: Clock, admin: asyncpg.Connection) -> None:
    time.step(21)
    pending = await second_factor.begin(ann)
    code = pyotp.TOTP(pending.secret).at(time())
    for wrong in ("", "a wrong password"):
        with pytest.raises(Invalid) as asked:
            await second_factor.set_up(ann, pending.ticket, code, password=wrong)
        assert list(asked.value.fields) == ["password"]
    assert await admin.fetchval("SELECT count(*) FROM staff WHERE totp_set_at IS NOT NULL") == 0
    assert len(await second_factor.set_up(ann, pending.ticket, code, password=PASSWORD)) == 10


async def test_set_up_wants_a_code_of_this_very_secret(ann: Staff, company: Company, time: Clock) -> None:
    pending = await second_factor.begin(ann)
    assert (await second_factor.begin(ann, pending.ticket)).secret == pending.secret
    with pytest.raises(Invalid) as wrong:
        await second_factor.set_up(ann, pending.ticket, pyotp.TOTP(pyotp.random_base32()).at(time()))
    assert list(wrong.value.fields) == ["code"]
    theirs = await second_factor.begin(company.vic)
    for foreign in (theirs.ticket, "", "é", pending.ticket[:-4]):
        with pytest.raises(Conflict):
            await second_factor.set_up(ann, foreign, pyotp.TOTP(theirs.secret).at(time()))
        assert (await second_factor.begin(ann, foreign)).secret not in {theirs.secret, pending.secret}


async def test_another_second_factor_takes_a_code_of_the_present_one(ann: Staff, phone: Phone) -> None:
    pending = await second_factor.begin(ann)
    fresh = Phone(phone.time, pending.secret, ())
    for present in ("", "000000", fresh.code()):
        with pytest.raises(Invalid) as asked:
            await second_factor.set_up(ann, pending.ticket, fresh.code(), present=present)
        assert list(asked.value.fields) == ["present"]
    lost = await second_factor.set_up(ann, pending.ticket, fresh.code(), present=phone.recovery[0])
    assert not set(lost) & set(phone.recovery)
    assert await refused(finish(await ask(ann), phone.next()))
    assert await refused(finish(await ask(ann), phone.recovery[1]))
    await finish(await ask(ann), fresh.code())


async def test_set_up_ends_the_sessions_that_knew_only_the_password(
    ann: Staff, time: Clock, admin: asyncpg.Connection
) -> None:
    other = await sessions.sign_in(NOBODY, ann.email, PASSWORD, "another browser")
    await enrol(ann, time)
    assert await sessions.find(other.token) is None
    async with reading(ann, Permission.TEAMS_READ):
        pass
    assert await admin.fetchval("SELECT methods FROM staff_sessions WHERE id = $1", ann.session_id) == [
        "password",
        "totp",
    ]


async def test_new_recovery_codes_replace_the_old_ones(ann: Staff, phone: Phone, admin: asyncpg.Connection) -> None:
    with pytest.raises(Invalid):
        await second_factor.renew_codes(ann, "000000")
    fresh = await second_factor.renew_codes(ann, phone.next())
    assert await refused(finish(await ask(ann), phone.recovery[0]))
    await finish(await ask(ann), fresh[0])
    assert "staff.recovery_codes_made" in await actions(admin)


async def test_turn_off_takes_a_code_and_forgets_everything(
    ann: Staff, phone: Phone, admin: asyncpg.Connection
) -> None:
    with pytest.raises(Invalid):
        await second_factor.turn_off(ann, phone.code())
    await second_factor.turn_off(ann, phone.next())
    assert isinstance(await sessions.sign_in(NOBODY, ann.email, PASSWORD, "a browser"), SignedIn)
    assert await admin.fetchval("SELECT count(*) FROM staff_recovery_codes") == 0
    assert await admin.fetchval("SELECT totp_secret FROM staff WHERE id = $1", ann.staff_id) is None
    with pytest.raises(Conflict, match="no second factor"):
        await second_factor.turn_off(ann, phone.next())


async def test_verify_uses_a_code_up(ann: Staff, phone: Phone, company: Company) -> None:
    code = phone.next()
    assert [await second_factor.verify(ann, code) for _ in range(2)] == [True, False]
    assert not await second_factor.verify(ann, phone.recovery[0])
    assert not await second_factor.verify(company.vic, code)
    assert await refused(finish(await ask(ann), code))


async def test_proving_by_codes_is_throttled(ann: Staff, phone: Phone, admin: asyncpg.Connection) -> None:
    """Somebody before a screen that was left open."""
    for _ in range(4):
        with pytest.raises(Invalid):
            await step_up.prove(ann, "000000")
    await draw_out(admin)
    with pytest.raises(RateLimited):
        await step_up.prove(ann, phone.next())
    for verb in (second_factor.verify, second_factor.turn_off, second_factor.renew_codes):
        with pytest.raises(RateLimited):
            await verb(ann, phone.recovery[0] if verb is not second_factor.verify else phone.next())


async def test_a_newer_key_takes_the_secret_over_at_the_next_code(
    ann: Staff, time: Clock, admin: asyncpg.Connection
) -> None:
    second_factor.bind(Sealing((OLD,), "Tests"))
    phone = await enrol(ann, time)
    second_factor.bind(Sealing((NEW, OLD), "Tests"))
    await finish(await ask(ann), phone.next())
    kept = await admin.fetchval("SELECT totp_secret FROM staff WHERE id = $1", ann.staff_id)
    assert sealed.is_newest(kept, [NEW])
    second_factor.bind(Sealing((NEW,), "Tests"))
    await finish(await ask(ann), phone.next())


Verb = Callable[[Staff], Awaitable[object]]


@pytest.mark.parametrize(
    "verb",
    [
        second_factor.get,
        second_factor.begin,
        lambda actor: second_factor.set_up(actor, "", "000000"),
        lambda actor: second_factor.renew_codes(actor, "000000"),
        lambda actor: second_factor.turn_off(actor, "000000"),
        lambda actor: second_factor.verify(actor, "000000"),
    ],
)
async def test_an_ended_session_does_nothing(ann: Staff, phone: Phone, admin: asyncpg.Connection, verb: Verb) -> None:
    await sessions.sign_out(ann)
    with pytest.raises(NotSignedIn):
        await verb(ann)
    assert await second_factor.waits(await ask(ann)), "the second factor is there as before"
