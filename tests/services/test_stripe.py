"""What Stripe says of a payment, asked over real HTTP; and everything that can keep it from saying it."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr, ValidationError

from app.config import Settings
from app.integrations import stripe
from app.integrations.stripe import Connection, Problem, Trouble
from app.models import PaymentStatus
from tests.ports import free_port
from tests.stripe_shop import BAD_CARD, KEY, REFUSALS, Shop, shop

__all__ = ["shop"]


@pytest.fixture
async def connection(shop: Shop) -> AsyncIterator[Connection]:
    made = Connection(KEY, shop.base)
    yield made
    await made.close()


async def trouble(asked: Awaitable[object]) -> Trouble:
    with pytest.raises(Trouble) as told:
        await asked
    return told.value


async def test_a_payment_that_succeeded(shop: Shop, connection: Connection) -> None:
    intent, charge = shop.pay(123450, "eur")
    live = await connection.read(intent, None)
    assert (live.payment_intent, live.charge) == (intent, charge)
    assert (live.amount_minor, live.currency, live.status) == (123450, "EUR", PaymentStatus.SUCCEEDED)
    assert (live.refunded_minor, live.failure) == (0, None)
    assert live.created_at.tzinfo is not None
    assert await connection.read(None, charge) == live


async def test_what_was_given_back_is_told(shop: Shop, connection: Connection) -> None:
    intent, charge = shop.pay(900, "jpy")
    shop.post("refunds", charge=charge, amount=400)
    assert (await connection.read(intent, charge)).refunded_minor == 400


async def test_payments_that_failed_wait_or_were_cancelled(shop: Shop, connection: Connection) -> None:
    declined, _ = shop.pay(500, "usd", BAD_CARD)
    failed = await connection.read(declined, None)
    assert (failed.status, failed.failure) == (PaymentStatus.FAILED, "Your card was declined.")
    waiting = shop.intend(500, "usd")
    assert (await connection.read(waiting, None)).status == PaymentStatus.PENDING
    shop.post(f"payment_intents/{waiting}/cancel")
    cancelled = await connection.read(waiting, None)
    assert (cancelled.status, cancelled.charge) == (PaymentStatus.CANCELLED, None)


async def test_an_id_that_stripe_does_not_know(connection: Connection) -> None:
    for ids in (("pi_unknown", None), (None, "ch_unknown")):
        told = await trouble(connection.read(*ids))
        assert told.problem is Problem.NOT_FOUND
        assert "another account or mode" in told.sentence


@pytest.mark.parametrize(
    "intent", [None, "", "../charges", "pi_a/../../b", "pi_", "seti_1", "pi_\N{GREEK SMALL LETTER PI}"]
)
async def test_nothing_but_an_id_of_stripe_gets_into_an_address(connection: Connection, intent: str | None) -> None:
    assert (await trouble(connection.read(intent, None))).problem is Problem.NO_ID


@pytest.mark.parametrize(
    ("key", "problem", "words"),
    [
        ("sk_test_revoked", Problem.KEY_REFUSED, "does not accept our key"),
        ("rk_test_narrow", Problem.KEY_REFUSED, "may not read payments"),
        ("sk_test_hurried", Problem.UNREACHABLE, "asked too often"),
        ("sk_test_broken", Problem.UNREACHABLE, "answered with an error (500)"),
        ("pk", Problem.KEY_REFUSED, "does not accept our key"),
    ],
)
async def test_refusals_are_sentences_without_the_key(
    shop: Shop, caplog: pytest.LogCaptureFixture, key: str, problem: Problem, words: str
) -> None:
    caplog.set_level(logging.DEBUG)
    connection = Connection(key, shop.base)
    for asked in (connection.read("pi_any", None), connection.check()):
        told = await trouble(asked)
        assert (told.problem, words in told.sentence) == (problem, True), told.sentence
        assert key not in told.sentence.split()
    await connection.close()
    assert key not in REFUSALS or f"Bearer {key}" not in caplog.text


async def test_a_good_key_passes_the_check(connection: Connection) -> None:
    await connection.check()
    assert (await trouble(connection.read("pi_unknown", None))).problem is Problem.NOT_FOUND


async def test_a_port_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe, "RETRIES", 0)
    connection = Connection(KEY, f"http://127.0.0.1:{free_port()}")
    told = await trouble(connection.read("pi_any", None))
    await connection.close()
    assert (told.problem, told.sentence) == (Problem.UNREACHABLE, "Stripe cannot be reached. Ask again in a moment.")


Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(answering: Answering) -> AsyncIterator[str]:
    server = await asyncio.start_server(answering, "127.0.0.1", 0, family=socket.AF_INET)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_one_that_never_answers_is_left() -> None:
    over = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with listening(silent) as base:
        connection = Connection(KEY, base, patience=0.2)
        told = [await trouble(asked) for asked in (connection.read("pi_any", None), connection.check())]
        over.set()
        await connection.close()
    assert {one.problem for one in told} == {Problem.UNREACHABLE}


@pytest.mark.parametrize(
    "body",
    [
        "<html>Sign in to the hotel's Wi-Fi</html>",
        "[]",
        "{}",
        '{"id": "pi_1", "amount": "much", "status": "x"}',
        "null",
        '"x"',
    ],
)
async def test_answers_that_make_no_sense(body: str) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = (
            f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
        )
        writer.write(f"{head}\r\n{body}".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with listening(nonsense) as base:
        connection = Connection(KEY, base)
        told = await trouble(connection.read("pi_any", None))
        await connection.close()
    assert told.problem is Problem.UNREACHABLE
    assert "html" not in told.sentence


def test_disputes_and_words_that_are_new_to_us() -> None:
    intent = {"id": "pi_1", "amount": 5, "currency": "eur", "created": 1, "status": "succeeded"}
    assert stripe._of_intent(intent | {"latest_charge": {"id": "ch_1", "disputed": True}}).status == "disputed"
    assert stripe._of_intent(intent | {"latest_charge": "ch_1"}).charge == "ch_1"
    assert stripe._of_intent(intent | {"status": "requires_courage"}).status == "requires_courage"


async def test_a_process_without_a_key_asks_nobody() -> None:
    async with stripe.connected(Settings(stripe_key=None)) as connection:
        assert connection is None
        assert (await trouble(stripe.read("pi_any", None))).problem is Problem.NO_KEY
        assert (await trouble(stripe.read(None, None))).problem is Problem.NO_ID


@pytest.mark.parametrize(
    ("key", "address"),
    [
        (None, "https://dashboard.stripe.com/test/payments/pi_1"),
        ("sk_test_1", "https://dashboard.stripe.com/test/payments/pi_1"),
        ("rk_live_1", "https://dashboard.stripe.com/payments/pi_1"),
    ],
)
async def test_the_dashboard_is_the_one_of_the_key(key: str | None, address: str) -> None:
    async with stripe.connected(Settings(stripe_key=SecretStr(key) if key else None)):
        assert stripe.dashboard("pi_1", "ch_1") == address
        assert stripe.dashboard(None, "ch_1") == address.replace("pi_1", "ch_1")
        assert stripe.dashboard("javascript:alert(1)", None) is None
    assert (await trouble(stripe.read("pi_any", None))).problem is Problem.NO_KEY


def test_the_key_is_never_sent_in_the_clear() -> None:
    for base in ("http://api.example.com", "http://127.0.0.1.example.com", "ftp://127.0.0.1", "https://a b"):
        with pytest.raises(ValidationError, match="stripe_api_base"):
            Settings(stripe_api_base=base)
    for base in ("http://127.0.0.1:8420", "http://[::1]:1", "https://api.stripe.com"):
        assert Settings(stripe_api_base=base).stripe_api_base == base
    with pytest.raises(ValidationError, match="plain letters"):
        Settings(stripe_key=SecretStr("sk_test_\N{LATIN SMALL LETTER E WITH ACUTE}"))
