"""How often secrets may be tried: for one person, one address and everybody; on known devices; in the audit log."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from app.actor import Command, Nobody, Staff
from app.authentication import throttle
from app.errors import Invalid, NotSignedIn, RateLimited, Unavailable
from tests.people import Company

HERE, THERE = Nobody("10.0.0.1"), Nobody("10.0.0.2")
EMAIL = "ann@example.com"


class Wrong(Exception):
    """A secret was not the right one."""


@pytest.fixture(autouse=True)
async def patience(admin: asyncpg.Connection) -> None:
    """Every wait takes a hundred times as long as in earnest, so that none is over before a slow test asks."""
    original = await admin.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'throttle_delay'")
    await admin.execute(
        "CREATE OR REPLACE FUNCTION throttle_delay(n double precision, free integer, longest double precision)"
        f" RETURNS double precision LANGUAGE sql IMMUTABLE AS $$ SELECT 100 * ({original}) $$"
    )


async def fail(actor: Nobody | Staff, times: int = 1, **what: object) -> None:
    for _ in range(times):
        with pytest.raises(Wrong):
            async with throttle.trying(actor, **what):  # type: ignore[arg-type]  # passed on as given
                raise Wrong


async def waits(actor: Nobody | Staff, **what: object) -> int:
    """Seconds that the next try has to wait; 0: it need not."""
    try:
        async with throttle.trying(actor, **what):  # type: ignore[arg-type]  # passed on as given
            raise Unavailable("The try is given back.")
    except RateLimited as refused:
        return refused.retry_after
    except Unavailable:
        return 0


async def pass_by(admin: asyncpg.Connection, **time: float) -> None:
    """Let time pass for whatever was counted."""
    passed = timedelta(**time)
    await admin.execute(
        "UPDATE sign_in_tries SET last_at = last_at - $1::interval, blocked_until = blocked_until - $1::interval",
        passed,
    )


async def throttled(admin: asyncpg.Connection) -> list[tuple[str, str, str]]:
    rows = await admin.fetch("SELECT * FROM audit_told() WHERE action = 'session.throttled' ORDER BY id")
    return [(row["actor_name"], row["target_type"], row["target_label"]) for row in rows]


async def test_four_are_free_then_each_waits_twice_as_long_up_to_a_quarter_of_an_hour(
    company: Company, admin: asyncpg.Connection
) -> None:
    await fail(HERE, 4, email=EMAIL)
    seen = []
    for _ in range(12):
        seen.append(await waits(HERE, email=EMAIL) // 100)
        await admin.execute("UPDATE sign_in_tries SET blocked_until = now()")
        await fail(HERE, email=EMAIL)
    assert seen == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    await pass_by(admin, days=2)
    await fail(THERE, 4, email=EMAIL)
    assert await waits(THERE, email=EMAIL) == 100, "two days later everything is forgotten"


async def test_one_failure_is_forgotten_each_quarter_of_an_hour(company: Company, admin: asyncpg.Connection) -> None:
    await fail(HERE, 4, email=EMAIL)
    await pass_by(admin, minutes=15)
    await fail(HERE, email=EMAIL)
    assert await waits(HERE, email=EMAIL) == 100, "four again, not five"


async def test_who_has_to_wait_is_not_counted_and_the_sentence_says_how_long(
    company: Company, admin: asyncpg.Connection
) -> None:
    await fail(HERE, 4, email=EMAIL)
    before = await admin.fetch("SELECT * FROM sign_in_tries ORDER BY key")
    with pytest.raises(RateLimited, match=r"^Too many tries that failed\. Wait 2 minutes, then try again\.$"):
        async with throttle.trying(HERE, email=EMAIL):
            pytest.fail("nothing is measured for somebody who has to wait")
    assert await admin.fetch("SELECT * FROM sign_in_tries ORDER BY key") == before
    await admin.execute("UPDATE sign_in_tries SET blocked_until = now() + interval '14 minutes'")
    with pytest.raises(RateLimited, match="Wait 14 minutes"):
        async with throttle.trying(THERE, email=EMAIL):
            pytest.fail("an e-mail waits wherever it is typed")


async def test_a_burst_gets_no_more_than_the_free_tries(company: Company) -> None:
    measured = 0

    async def attack() -> None:
        nonlocal measured
        async with throttle.trying(HERE, email=EMAIL):
            measured += 1
            await asyncio.sleep(0)
            raise Wrong

    ended = await asyncio.gather(*(attack() for _ in range(25)), return_exceptions=True)
    assert measured == throttle.PERSON.free
    assert sum(isinstance(one, RateLimited) for one in ended) == 25 - measured
    assert {type(one) for one in ended} == {RateLimited, Wrong}


async def test_a_right_secret_forgets_the_person_but_not_the_address(
    company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("ADDRESS", "EVERYBODY"):  # what time forgives is another matter
        monkeypatch.setattr(throttle, limit, getattr(throttle, limit)._replace(forgets=3_600))
    await fail(HERE, 3, email=EMAIL)
    async with throttle.trying(HERE, email=EMAIL):
        pass
    await fail(HERE, 3, email=EMAIL)
    assert await waits(HERE, email=EMAIL) == 0
    failures = await admin.fetch("SELECT round(failures)::int AS n FROM sign_in_tries ORDER BY failures")
    assert [row["n"] for row in failures] == [3, 6, 6], "the person's own, the address, everybody"


async def test_what_is_no_failure_of_theirs_is_given_back(company: Company) -> None:
    for _ in range(10):
        assert await waits(HERE, email=EMAIL) == 0


async def test_letters_of_another_case_are_the_same_person(company: Company) -> None:
    await fail(HERE, 2, email="ANN@example.com")
    await fail(HERE, 2, email="ann@Example.COM")
    assert await waits(HERE, email=EMAIL) == 100


async def test_an_address_has_its_own_limit_and_of_ipv6_a_network_is_one(company: Company) -> None:
    for number in range(throttle.ADDRESS.free):
        await fail(Nobody(f"2001:db8:1:2::{number:x}"), email=f"person{number}@example.com")
    assert await waits(Nobody("2001:db8:1:2:ffff::1"), email="another@example.com") == 100
    assert await waits(Nobody("2001:db8:1:3::1"), email="another@example.com") == 0
    assert await waits(Nobody("::ffff:10.0.0.1")) == await waits(HERE) == await waits(Nobody("no address")) == 0


async def test_all_strangers_together_have_a_limit_that_passes_at_once(
    company: Company, admin: asyncpg.Connection
) -> None:
    await fail(THERE, email="somebody@example.com")
    full = "UPDATE sign_in_tries SET failures = 99, last_at = clock_timestamp() WHERE key = sha256('everybody:')"
    await admin.execute(full)
    await fail(HERE, email="another@example.com")
    assert await waits(THERE, email="somebody@example.com") == 100
    assert await waits(company.ann) == 0, "who is signed in is no stranger"
    await pass_by(admin, seconds=100)
    assert await waits(THERE, email="somebody@example.com") == 0


async def test_a_known_device_is_not_locked_out_and_opens_nobody_elses(company: Company) -> None:
    token = (await throttle.device(HERE, company.ann.staff_id, "")).token
    await fail(THERE, 4, email=EMAIL)
    assert await waits(HERE, email=EMAIL) == 100
    assert await waits(HERE, email=EMAIL, device=token) == 0
    await fail(HERE, 4, email=EMAIL, device=token)
    assert await waits(HERE, email=EMAIL, device=token) == 100, "it has a limit of its own"
    await fail(HERE, 4, email="vic@example.com", device=token)
    assert await waits(HERE, email="vic@example.com", device=token) == 100, "it is Ann's, not Vic's"


async def test_a_device_keeps_its_token_but_never_one_that_somebody_chose(
    company: Company, admin: asyncpg.Connection
) -> None:
    ann, vic = company.ann.staff_id, company.vic.staff_id
    token = (await throttle.device(HERE, ann, "chosen by an attacker")).token
    assert token != "chosen by an attacker"
    assert (await throttle.device(HERE, ann, token)).token == token
    assert (await throttle.device(HERE, vic, token)).token != token
    kept = await admin.fetch("SELECT * FROM staff_devices")
    assert {row["staff_id"] for row in kept} == {ann, vic}
    assert token not in str(kept)
    await admin.execute("UPDATE staff_devices SET last_used_at = now() - interval '181 days'")
    await fail(THERE, 4, email=EMAIL)
    assert await waits(HERE, email=EMAIL, device=token) == 100, "half a year later it is forgotten"
    for _ in range(25):
        await throttle.device(HERE, ann, "")
    assert await admin.fetchval("SELECT count(*) FROM staff_devices WHERE staff_id = $1", ann) == 20


async def test_codes_and_passwords_are_counted_apart(company: Company) -> None:
    """Else whoever knows the password would get four codes more by each right password."""
    ann = company.ann.staff_id
    for what in (
        {"actor": HERE, "code_of": ann},
        {"actor": company.ann, "code_of": ann},
        {"actor": HERE, "code_of": ann, "device": (await throttle.device(HERE, ann, "")).token},
    ):
        actor = what.pop("actor")
        await fail(actor, 4, **what)  # type: ignore[arg-type]  # one of the two
        password = {"email": EMAIL, "device": what.get("device", "")} if actor is HERE else {}
        async with throttle.trying(actor, **password):  # type: ignore[arg-type]  # as above
            pass
        assert await waits(actor, **what) == 100  # type: ignore[arg-type]  # as above


async def test_only_who_has_a_secret_may_try_one(company: Company) -> None:
    with pytest.raises(NotSignedIn):
        async with throttle.trying(Command("root")):
            pytest.fail("nobody there")
    with pytest.raises(NotSignedIn):
        await throttle.device(company.ann, company.ann.staff_id, "")


async def test_the_log_tells_once_who_has_to_wait(company: Company, admin: asyncpg.Connection) -> None:
    for _ in range(3):
        await fail(HERE, 4, email="Ann@example.com")
        await fail(HERE, 4, email="stranger@example.com")
        await fail(company.vic, 4)
        await admin.execute("DELETE FROM sign_in_tries")
    await fail(HERE, 4, email="a secret typed here")
    assert await throttled(admin) == [
        ("Ann Adler", "staff", "ann@example.com"),
        ("stranger@example.com", "staff", "stranger@example.com"),
        ("Vic Vale", "staff", "vic@example.com"),
        ("Somebody", "staff", "an unreadable e-mail"),
    ]
    await admin.execute("DELETE FROM sign_in_tries")
    for number in range(100):
        await fail(Nobody(f"10.1.{number // 30}.1"), email=f"person{number}@example.com")
    told = await throttled(admin)
    assert told.count(("Somebody", "address", "10.1.0.1")) == 1
    assert len(told) <= 8


async def test_the_log_cannot_be_filled(company: Company, admin: asyncpg.Connection) -> None:
    for number in range(70):
        await admin.execute("SELECT throttle_record($1, NULL, '10.0.0.1', 'email')", f"person{number}@example.com")
    assert len(await throttled(admin)) == 60


async def test_what_nobody_tries_any_more_is_swept_away(company: Company, admin: asyncpg.Connection) -> None:
    for number in range(5):
        await fail(HERE, email=f"person{number}@example.com")
    await pass_by(admin, days=2)
    await fail(THERE, email=EMAIL)
    assert await admin.fetchval("SELECT count(*) FROM sign_in_tries") == 3
    assert EMAIL not in str(await admin.fetch("SELECT convert_from(key, 'LATIN1') FROM sign_in_tries"))


async def test_a_try_that_runs_into_anything_else_stays_counted(company: Company) -> None:
    for problem in (Invalid("no"), ValueError("no"), KeyError("no"), asyncio.CancelledError()):
        with pytest.raises(type(problem)):
            async with throttle.trying(HERE, email=EMAIL):
                raise problem
    assert await waits(HERE, email=EMAIL) == 100
