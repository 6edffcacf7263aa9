"""Stripe, read only: what it says of one payment. The only importer of its library.

:func:`connected` opens the client for the life of a process; :func:`read` asks. What goes wrong is a :class:`Trouble`
with a sentence for people; the key never stands in it, nor in a log line.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, TypeGuard

import httpx
import stripe

from app.config import Settings
from app.models import PaymentStatus

stripe.enable_telemetry = False  # it would also write a file into the home folder

DASHBOARD = "https://dashboard.stripe.com"
RETRIES = 2
TRY_SECONDS, ALL_SECONDS = 4.0, 10.0
"""How long one try may take, and all of them together."""
INTENT = re.compile(r"pi_\w{1,250}", re.ASCII)
CHARGE = re.compile(r"(?:ch|py)_\w{1,250}", re.ASCII)
_NO_ID = "This payment carries no Stripe id, so there is nothing to ask Stripe for."

_STATES: Mapping[str, PaymentStatus] = {
    "succeeded": PaymentStatus.SUCCEEDED,
    "canceled": PaymentStatus.CANCELLED,
    "failed": PaymentStatus.FAILED,
    "pending": PaymentStatus.PENDING,
    "processing": PaymentStatus.PENDING,
    "requires_action": PaymentStatus.PENDING,
    "requires_capture": PaymentStatus.PENDING,
    "requires_confirmation": PaymentStatus.PENDING,
    "requires_payment_method": PaymentStatus.PENDING,
}


class Problem(StrEnum):
    """Why Stripe could not tell."""

    NO_ID = "no_id"
    NO_KEY = "no_key"
    KEY_REFUSED = "key_refused"
    NOT_FOUND = "not_found"
    UNREACHABLE = "unreachable"


class Trouble(Exception):
    """Stripe could not tell; ``sentence`` says why and what to do."""

    def __init__(self, problem: Problem, sentence: str) -> None:
        super().__init__(sentence)
        self.problem, self.sentence = problem, sentence


@dataclass(frozen=True, slots=True)
class Live:
    """A payment as Stripe tells it at this moment, in our words. Money in minor units, the currency in upper case."""

    payment_intent: str | None
    charge: str | None
    amount_minor: int
    currency: str
    status: str
    """One of :class:`PaymentStatus`, or Stripe's own word where it is new to us."""
    refunded_minor: int
    description: str
    failure: str | None
    created_at: datetime


class Connection:
    """A client of Stripe with its key and its pool of connections. ``patience`` is in seconds, for all tries."""

    def __init__(self, key: str, base: str, *, patience: float = ALL_SECONDS) -> None:
        self._patience = patience
        self._http = stripe.HTTPXClient(timeout=httpx.Timeout(min(TRY_SECONDS, patience)))
        self._client = stripe.StripeClient(
            key,
            http_client=self._http,
            max_network_retries=RETRIES,
            base_addresses={"api": base.rstrip("/")},
        )

    async def read(self, intent: str | None, charge: str | None) -> Live:
        """The payment with this intent, or with this charge where there is no intent.

        Raises:
            Trouble: it could not be read.
        """
        try:
            async with asyncio.timeout(self._patience):
                if _is(intent, INTENT):
                    answer = await self._client.v1.payment_intents.retrieve_async(intent, {"expand": ["latest_charge"]})
                    return _of_intent(answer.to_dict())
                if _is(charge, CHARGE):
                    return _of_charge((await self._client.v1.charges.retrieve_async(charge)).to_dict())
                raise Trouble(Problem.NO_ID, _NO_ID)
        except stripe.StripeError as error:
            raise _trouble(error) from error
        except TimeoutError:
            raise Trouble(Problem.UNREACHABLE, "Stripe did not answer in time. Ask again in a moment.") from None
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
            sentence = "Stripe's answer could not be read. Look at the payment in Stripe's dashboard."
            raise Trouble(Problem.UNREACHABLE, sentence) from error

    async def check(self) -> None:
        """Ask for nothing but whether this key may read payments.

        Raises:
            Trouble: it may not, or Stripe cannot be reached.
        """
        try:
            async with asyncio.timeout(self._patience):
                await self._client.v1.payment_intents.list_async({"limit": 1})
        except stripe.StripeError as error:
            raise _trouble(error) from error
        except TimeoutError:
            raise Trouble(Problem.UNREACHABLE, "Stripe did not answer in time.") from None

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the library forgot its annotations


@dataclass(slots=True)
class _Here:
    """What this process is connected to."""

    connection: Connection | None = None
    testing: bool = True


_here = _Here()


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Connection | None]:
    """Connect this process for the time of the block; without a key nothing is ever asked."""
    key = settings.stripe_key.get_secret_value().strip() if settings.stripe_key else ""
    _here.connection = Connection(key, settings.stripe_api_base) if key else None
    _here.testing = "_live_" not in key
    try:
        yield _here.connection
    finally:
        if _here.connection is not None:
            await _here.connection.close()
        _here.connection, _here.testing = None, True


async def read(intent: str | None, charge: str | None) -> Live:
    """What Stripe says of a payment now; see :meth:`Connection.read`.

    Raises:
        Trouble: it could not be read, or no key is set.
    """
    if not (_is(intent, INTENT) or _is(charge, CHARGE)):
        raise Trouble(Problem.NO_ID, _NO_ID)
    if _here.connection is None:
        raise Trouble(Problem.NO_KEY, "No Stripe key is set, so Stripe is not asked. An administrator can set one.")
    return await _here.connection.read(intent, charge)


def dashboard(intent: str | None, charge: str | None) -> str | None:
    """The page about a payment in Stripe's dashboard (of the test mode, unless the key is a live one), or None."""
    for known, form in ((intent, INTENT), (charge, CHARGE)):
        if _is(known, form):
            return f"{DASHBOARD}/{'test/' if _here.testing else ''}payments/{known}"
    return None


def _is(id_: str | None, form: re.Pattern[str]) -> TypeGuard[str]:
    """Nothing else ever gets into an address."""
    return id_ is not None and form.fullmatch(id_) is not None


def _of_intent(intent: Mapping[str, Any]) -> Live:
    charge = intent.get("latest_charge") or {}
    if isinstance(charge, str):  # Stripe did not expand it
        charge = {"id": charge}
    error = intent.get("last_payment_error") or {}
    status = str(intent["status"])
    if status == "requires_payment_method" and error:
        status = "failed"
    return Live(
        payment_intent=str(intent["id"]),
        charge=charge.get("id"),
        amount_minor=int(intent["amount"]),
        currency=str(intent["currency"]).upper(),
        status=_status(status, charge),
        refunded_minor=int(charge.get("amount_refunded") or 0),
        description=intent.get("description") or "",
        failure=error.get("message") or charge.get("failure_message"),
        created_at=datetime.fromtimestamp(intent["created"], UTC),
    )


def _of_charge(charge: Mapping[str, Any]) -> Live:
    intent = charge.get("payment_intent")
    return Live(
        payment_intent=intent.get("id") if isinstance(intent, dict) else intent,
        charge=str(charge["id"]),
        amount_minor=int(charge["amount"]),
        currency=str(charge["currency"]).upper(),
        status=_status(str(charge["status"]), charge),
        refunded_minor=int(charge.get("amount_refunded") or 0),
        description=charge.get("description") or "",
        failure=charge.get("failure_message"),
        created_at=datetime.fromtimestamp(charge["created"], UTC),
    )


def _status(word: str, charge: Mapping[str, Any]) -> str:
    if charge.get("disputed"):
        return PaymentStatus.DISPUTED
    return _STATES.get(word, word)


def _trouble(error: stripe.StripeError) -> Trouble:
    """What went wrong, in words. Of Stripe's own message only a code is told: it may hold parts of the key."""
    if isinstance(error, stripe.AuthenticationError):
        return Trouble(Problem.KEY_REFUSED, "Stripe does not accept our key. An administrator can set another one.")
    if isinstance(error, stripe.PermissionError):
        sentence = "Our Stripe key may not read payments. An administrator can allow it in Stripe's dashboard."
        return Trouble(Problem.KEY_REFUSED, sentence)
    if error.http_status == HTTPStatus.NOT_FOUND:
        sentence = "Stripe knows no payment with this id, or our key belongs to another account or mode."
        return Trouble(Problem.NOT_FOUND, sentence)
    if isinstance(error, stripe.RateLimitError):
        return Trouble(Problem.UNREACHABLE, "Stripe is asked too often at this moment. Ask again in a minute.")
    if isinstance(error, stripe.APIConnectionError):
        return Trouble(Problem.UNREACHABLE, "Stripe cannot be reached. Ask again in a moment.")
    what = f" ({error.http_status})" if error.http_status else ""
    return Trouble(Problem.UNREACHABLE, f"Stripe answered with an error{what}. Ask again in a moment.")
