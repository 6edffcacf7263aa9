"""Stripe for tests: the fixture ``shop`` starts a stateful one on loopback, and pays there as a customer would."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.ports import free_port
from tests.warm import unmeasured

KEY = "sk_test_shop"
GOOD_CARD, BAD_CARD = "4242424242424242", "4000000000000341"
START_SECONDS = 30
REFUSALS = {
    "sk_test_revoked": (401, "invalid_request_error"),
    "rk_test_narrow": (403, "invalid_request_error"),
    "sk_test_hurried": (429, "rate_limit"),
    "sk_test_broken": (500, "api_error"),
}
"""Keys by which the real Stripe's refusals are called up: the HTTP status and the type of the error."""


@dataclass(frozen=True)
class Shop:
    """A Stripe that runs, and what customers do there."""

    base: str

    def post(self, path: str, **values: Any) -> dict[str, Any]:
        answer = httpx.post(f"{self.base}/v1/{path}", data=values, headers={"authorization": f"Bearer {KEY}"})
        told: dict[str, Any] = answer.json()
        return told

    def card(self, number: str = GOOD_CARD) -> str:
        card = {"card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2040", "card[cvc]": "123"}
        return str(self.post("payment_methods", type="card", **card)["id"])

    def intend(self, amount: int, currency: str, number: str = GOOD_CARD) -> str:
        """A payment that waits for its confirmation."""
        return str(
            self.post("payment_intents", amount=amount, currency=currency, payment_method=self.card(number))["id"]
        )

    def pay(self, amount: int, currency: str, number: str = GOOD_CARD) -> tuple[str, str | None]:
        """A payment that was confirmed: its intent, and its charge unless the card was declined."""
        intent = self.intend(amount, currency, number)
        confirmed = self.post(f"payment_intents/{intent}/confirm")
        return intent, confirmed["latest_charge"]["id"] if "latest_charge" in confirmed else None


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    port = free_port()
    command = [sys.executable, "-m", "tests.localstripe_server", str(port)]
    process = subprocess.Popen(command, env=unmeasured(os.environ))
    try:
        base = f"http://127.0.0.1:{port}"
        for _ in range(START_SECONDS * 20):
            try:
                httpx.get(base, timeout=5)
                break
            except httpx.TransportError:
                assert process.poll() is None, "The Stripe of the tests did not start."
                asyncio.run(asyncio.sleep(0.05))
        yield Shop(base)
    finally:
        process.terminate()
        process.wait(10)
