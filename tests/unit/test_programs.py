"""How often programs may ask: a moving window for each token, each session, and each sender of wrong tokens."""

import json
from uuid import UUID

import pytest
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.types import Message

from app import clock
from app.actor import Staff, Token
from app.config import Settings
from app.crypto import api_tokens
from app.database.identity import DeadToken
from app.errors import RateLimited
from app.ids import uuid7
from app.permissions import Role
from app.web.api.callers import Programs, brings_token, is_api
from app.web.errors import as_json

GOOD = api_tokens.new_secret()


def token(token_id: UUID) -> Token:
    return Token(b"", token_id, "CI", clock.now(), uuid7(), "Ann", "ann@example.com", Role.ADMIN, frozenset())


async def find(secret: str, address: str) -> Token | None:
    return token(uuid7()) if secret == GOOD and address else None


def bearer(secret: str) -> Headers:
    return Headers({"authorization": f"Bearer {secret}"})


async def swallow(_: Message) -> None:
    """Nobody reads the answer."""


async def test_each_token_and_each_session_has_a_window_of_its_own() -> None:
    programs, first = Programs("3/minute", find), token(uuid7())
    for _ in range(3):
        programs.counted(first, swallow)
    for _ in range(2):
        with pytest.raises(RateLimited):
            programs.counted(first, swallow)
    for other in (token(uuid7()), Staff(first.token_id, first.staff_id, "Ann", "ann@example.com", Role.ADMIN)):
        programs.counted(other, swallow)


async def test_answers_tell_how_much_is_left() -> None:
    programs, asks, sent = Programs("2/minute", find), token(uuid7()), list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
    for left in ("1", "0"):
        await programs.counted(asks, send)(start)
        headers = Headers(raw=sent.pop()["headers"])
        assert (headers["ratelimit-limit"], headers["ratelimit-remaining"]) == ("2", left)
        assert 1 <= int(headers["ratelimit-reset"]) <= 60
        assert headers["content-type"] == "application/json"
    with pytest.raises(RateLimited) as refused:
        programs.counted(asks, send)
    answer = as_json(refused.value)
    assert (answer.status_code, json.loads(bytes(answer.body))["code"]) == (429, "RATE_LIMITED")
    assert answer.headers["retry-after"] == answer.headers["ratelimit-reset"]
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert (answer.headers["ratelimit-limit"], answer.headers["ratelimit-remaining"]) == ("2", "0")


async def test_wrong_tokens_are_counted_by_address_and_good_ones_still_work() -> None:
    programs = Programs("2/minute", find)
    for address in ("192.0.2.1", "2001:db8::1", "somewhere"):
        for _ in range(2):
            with pytest.raises(DeadToken):
                await programs.caller(bearer("qd_wrong"), address)
        with pytest.raises(RateLimited):
            await programs.caller(bearer("qd_wrong"), address)
        assert (await programs.caller(bearer(GOOD), address)).token_name == "CI"
    with pytest.raises(RateLimited):
        await programs.caller(bearer("qd_wrong"), "2001:db8::ffff:2")
    for elsewhere in ("192.0.2.2", "2001:db8:0:1::1"):
        with pytest.raises(DeadToken):
            await programs.caller(bearer("qd_wrong"), elsewhere)


def test_what_belongs_to_the_api_and_what_is_a_token() -> None:
    assert all(map(is_api, ("/api/v1", "/api/v1/", "/api/v1/me")))
    assert not any(map(is_api, ("/api/v10", "/api/v1x/me", "/API/v1/me", "//api/v1/me", "/", "/api")))
    for value, brings in (("Bearer x", True), ("bearer", True), ("BEARER  x", True), ("Basic x", False), ("", False)):
        assert brings_token(Headers({"authorization": value})) == brings
    assert not brings_token(Headers({}))


def test_the_rate_is_checked_at_the_start() -> None:
    assert Settings(api_rate="5/second").api_rate == "5/second"
    for wrong in ("", "0/minute", "many", "5/fortnight", "5", "-1/minute"):
        with pytest.raises(ValidationError):
            Settings(api_rate=wrong)


def test_secrets_are_recognised_hinted_and_masked() -> None:
    secret = api_tokens.new_secret()
    assert secret != api_tokens.new_secret()
    assert api_tokens.masked(f"a {secret} b{GOOD}c") == f"a {secret[:11]}… b{GOOD[:11]}…c"
    assert api_tokens.digest(secret) != api_tokens.digest(GOOD)
    for wrong in ("", secret[:-1], f"{secret}0", secret.upper(), f"{secret}\n", f" {secret}", f"{secret[:-1]}é"):
        assert api_tokens.digest(wrong) is None
