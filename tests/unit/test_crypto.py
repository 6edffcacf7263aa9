"""Passwords and session tokens."""

import asyncio
import os
import sys
import threading
import unicodedata
from datetime import UTC, datetime, timedelta
from threading import Event
from uuid import uuid4

import jwt
import pytest

from app import clock
from app.crypto import passwords, tokens
from app.errors import Invalid, Unavailable

KEY, OTHER_KEY = "k" * 32, "o" * 32
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


async def test_password_is_known_again_and_another_is_not() -> None:
    stored = await passwords.hash_password("correct horse battery")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.verify_and_update("correct horse battery", stored) == (True, None)
    assert await passwords.verify_and_update("correct horse batterx", stored) == (False, None)


async def test_hash_below_the_policy_is_renewed_at_sign_in() -> None:
    weak = str(passwords._context.using(argon2__time_cost=1, argon2__memory_cost=1024).hash(b"correct horse battery"))
    good, fresh = await passwords.verify_and_update("correct horse battery", weak)
    assert good
    assert fresh
    assert await passwords.verify_and_update("correct horse battery", fresh) == (True, None)
    assert await passwords.verify_and_update("wrong horse battery", weak) == (False, None)


async def test_nobody_is_measured_against_a_hash_of_the_same_cost() -> None:
    assert not passwords._context.needs_update(passwords.NOBODYS_HASH)
    assert await passwords.verify_and_update("anything at all", None) == (False, None)


async def test_same_letters_composed_and_decomposed() -> None:
    composed, decomposed = (unicodedata.normalize(form, "Übergrößenträger") for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert await passwords.verify_and_update(decomposed, await passwords.hash_password(composed)) == (True, None)


@pytest.mark.parametrize("password", ["", "short", "x" * 11, "x" * 1025])
async def test_length_policy(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        await passwords.hash_password(password)
    assert "password" in refused.value.fields


@pytest.mark.parametrize("password", ["", "x" * 1025, "x" * 100_000, "\0" * 20, "\ud800" * 12])
async def test_impossible_passwords_are_just_wrong(password: str) -> None:
    stored = await passwords.hash_password("correct horse battery")
    assert await passwords.verify_and_update(password, stored) == (False, None)


async def test_more_than_twenty_waiting_are_told_to_come_back_and_places_are_given_back() -> None:
    release = Event()
    places = passwords.THREADS + passwords.WAITING
    async with asyncio.TaskGroup() as group:
        for _ in range(places):
            group.create_task(passwords._in_pool(release.wait))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await passwords.verify_and_update("anything at all", None)
        release.set()
    assert await passwords.verify_and_update("anything at all", None) == (False, None)


@pytest.mark.skipif(sys.platform != "linux", reason="only there a thread has a priority of its own")
async def test_hashing_lets_everything_else_go_first() -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await passwords._in_pool(niceness) == min(niceness() + passwords.NICENESS, 19)


async def test_hanging_up_does_not_free_a_thread_that_still_works() -> None:
    release = Event()
    places = passwords.THREADS + passwords.WAITING
    tasks = [asyncio.get_running_loop().create_task(passwords._in_pool(release.wait)) for _ in range(places)]
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert passwords._places._value == passwords.WAITING
    release.set()
    assert await passwords.verify_and_update("anything at all", None) == (False, None)


def _claims(hours: float = 1) -> tokens.Claims:
    return tokens.Claims(uuid4(), uuid4(), NOW, NOW + timedelta(hours=hours))


def test_token_says_what_was_signed() -> None:
    claims = _claims()
    assert tokens.read(tokens.sign(claims, KEY), KEY) == claims


def test_token_of_an_older_key_still_counts_while_the_key_is_in_the_ring() -> None:
    claims = _claims()
    token = tokens.sign(claims, KEY)
    assert tokens.read(token, OTHER_KEY, KEY) == claims
    assert tokens.read(token, OTHER_KEY) is None


def test_token_ends_when_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    token = tokens.sign(_claims(hours=1), KEY)
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(hours=1))
    assert tokens.read(token, KEY) is None


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "sid", "iat", "exp"])
def test_token_without_a_claim_is_refused(missing: str) -> None:
    token = tokens.sign(_claims(), KEY)
    kid, secret = tokens._derived(KEY)
    payload = jwt.decode(token, options={"verify_signature": False})
    del payload[missing]
    assert tokens.read(jwt.encode(payload, secret, "HS256", headers={"kid": kid}), KEY) is None


@pytest.mark.parametrize(
    "changed", [{"iss": "x"}, {"aud": "api"}, {"sid": "x"}, {"sub": "x"}, {"exp": "x"}, {"exp": 10**30}, {"iat": {}}]
)
def test_token_with_a_wrong_claim_is_refused(changed: dict[str, object]) -> None:
    kid, secret = tokens._derived(KEY)
    payload = {**jwt.decode(tokens.sign(_claims(), KEY), options={"verify_signature": False}), **changed}
    assert tokens.read(jwt.encode(payload, secret, "HS256", headers={"kid": kid}), KEY) is None


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "none"])
@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_algorithm_is_pinned(algorithm: str) -> None:
    kid, secret = tokens._derived(KEY)
    payload = jwt.decode(tokens.sign(_claims(), KEY), options={"verify_signature": False})
    signed = jwt.encode(payload, "" if algorithm == "none" else secret, algorithm, headers={"kid": kid})
    assert tokens.read(signed, KEY) is None


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.é.é", "." * 10, "x" * 10_000])
def test_garbage_is_no_token(token: str) -> None:
    assert tokens.read(token, KEY) is None


def test_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        tokens.sign(_claims(), "short")
