"""A second factor: set up, asked for, replaced, lost; and each code is good once, whoever tries at the same time."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg
import pyotp
import pytest

from app import clock
from app.actor import Nobody, Staff
from app.config import Settings
from app.crypto import passwords, sealed, tokens
from app.errors import Conflict, Invalid, NotSignedIn, RateLimited
from app.permissions import Permission
from app.services import second_factor, sessions
from app.services.second_factor import Lapsed, Sealing
from app.services.sessions import Asked, SignedIn
from app.work import reading
from tests.people import PASSWORD, Company

NOBODY = Nobody("10.0.0.7")
OLD, NEW = "o" * 43, "n" * 43


@dataclass
class Clock:
    """Time that stands still until it is moved on."""

    moment: datetime = field(default_factory=clock.now)

    def __call__(self) -> datetime:
        return self.moment

    def step(self, steps: int = 1) -> None:
        self.moment += timedelta(seconds=30 * steps)


@dataclass
class Phone:
    """The app, and the paper with the recovery codes."""

    time: Clock
    secret: str
    recovery: Sequence[str]

    def code(self, offset: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(self.time(), counter_offset=offset)

    def next(self) -> str:
        """A code that was not used so far."""
        self.time.step()
        return self.code()


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr(clock, "now", stopped)
    return stopped


@pytest.fixture
async def ann(company: Company, settings: Settings, time: Clock, monkeypatch: pytest.MonkeyPatch) -> Staff:
    """She signed in just now. Passwords are compared, not measured, which is slow on purpose."""

    async def compared(password: str, stored: str | None) -> tuple[bool, str | None]:
        return stored is not None and password == PASSWORD, None

    monkeypatch.setattr(passwords, "verify_and_update", compared)
    sessions.bind(sessions.Signing(settings.session_keys, timedelta(hours=1)))
    second_factor.bind(Sealing(settings.totp_keys, "Quarterdeck (Tests)"))
    return company.ann


@pytest.fixture
async def phone(ann: Staff, time: Clock) -> Phone:
    """Ann has a second factor; the code that proved it is used up."""
    return await enrol(ann, time)


async def enrol(person: Staff, time: Clock) -> Phone:
    pending = await second_factor.begin(person)
    made = Phone(time, pending.secret, ())
    made.recovery = await second_factor.set_up(person, pending.ticket, made.code())
    return made


async def ask(person: Staff) -> str:
    """Half a sign-in: what the browser holds after the right password."""
    asked = await sessions.sign_in(NOBODY, person.email, PASSWORD, "a browser")
    assert isinstance(asked, Asked)
    return asked.token


async def finish(token: str, code: str) -> SignedIn:
    return await second_factor.sign_in(NOBODY, token, code, "a browser")


async def actions(admin: asyncpg.Connection) -> list[str]:
    return [row["action"] for row in await admin.fetch("SELECT action FROM audit_entries ORDER BY id")]


async def refused(trying: Awaitable[object]) -> bool:
    """Whether it was refused as a code that does not work."""
    try:
        await trying
    except (Invalid, Lapsed, RateLimited):
        return True
    return False


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


async def test_a_recovery_code_is_good_once_and_recorded(ann: Staff, phone: Phone, admin: asyncpg.Connection) -> None:
    signed_in = await finish(await ask(ann), phone.recovery[3].upper())
    assert await refused(finish(await ask(ann), phone.recovery[3]))
    assert await refused(finish(await ask(ann), "not one at all"))
    found = await sessions.find(signed_in.token)
    assert found is not None
    assert (await second_factor.get(found)).codes_left == 9
    entry = await admin.fetchrow("SELECT * FROM audit_entries WHERE action = 'staff.recovery_code_used'")
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
