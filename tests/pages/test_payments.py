"""The payment screens: the list, one payment beside Stripe, and every way in which Stripe can stay silent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from app import clock
from app.actor import Staff
from app.config import Settings
from app.integrations import stripe
from app.integrations.stripe import Connection
from app.values import money
from components.records.comparison import Comparison
from tests.factories import add_job, add_payment, add_user
from tests.pages.visitor import Visit, Visitor, application, visiting
from tests.people import Company
from tests.stripe_shop import KEY, Shop, shop

__all__ = ["shop"]

EUROS = money.shown(1250, "EUR")


@pytest.fixture
async def visit(settings: Settings, people: Company, shop: Shop) -> AsyncIterator[Visit]:
    """Open a screen as somebody, in this process, which is connected to a Stripe."""
    keyed = settings.model_copy(update={"stripe_key": SecretStr(KEY), "stripe_api_base": shop.base})
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(application(keyed))

        async def opened(person: Staff, address: str) -> Visitor:
            visitor = await stack.enter_async_context(visiting(running, keyed, person))
            await visitor.open(address)
            return visitor

        yield opened


def panel(visitor: Visitor) -> Comparison:
    found = visitor.find(title="Beside Stripe")
    assert isinstance(found, Comparison)
    return found


def facts(visitor: Visitor) -> dict[str, Any]:
    return {
        label: (value, opens) for label, _, value, opens in visitor.find(title="About this payment").contents["facts"]
    }


async def tell(admin: asyncpg.Connection, topic: str, id_: object) -> None:
    await admin.execute(
        "SELECT pg_notify('quarterdeck', json_build_array($1::text, $2::text, 'changed')::text)", topic, str(id_)
    )


async def test_the_list_and_its_numbers(visit: Visit, people: Company, admin: asyncpg.Connection) -> None:
    user = await add_user(admin, people.acme, "Uma Ode", "uma@example.com")
    await add_payment(admin, people.acme, user_id=user, refunded_minor=250)
    await add_payment(admin, people.nordlicht, currency="JPY", amount_minor=1250, status="failed")
    ann = await visit(people.ann, "/payments")
    await ann.sees(EUROS, money.shown(250, "EUR"), money.shown(1250, "JPY"), "Uma Ode", "Failed", "Nordlicht")
    assert "1 succeeded · 0 pending · 1 failed · 0 disputed. Read only" in ann.find(kind="head").contents["sub"]
    currency = next(one for one in ann.find(label="Payments").contents["filters"] if one["name"] == "currency")
    assert currency["choices"] == [["EUR", "EUR"], ["JPY", "JPY"]]
    tess = await visit(people.tess, "/payments?status=failed")
    await tess.sees("1 succeeded · 0 pending · 0 failed")
    assert (await tess.finds(label="Payments", rows=[])).contents["count"] == "0"


async def test_one_payment_with_its_links_and_its_time_line(
    visit: Visit, people: Company, admin: asyncpg.Connection
) -> None:
    user = await add_user(admin, people.acme, "Uma Ode", "uma@example.com")
    paid = await add_payment(
        *(admin, people.acme), user_id=user, last_event_at=clock.now(), stripe_payment_intent="pi_1", refunded_minor=50
    )
    job = await add_job(admin, people.acme, "failed", "document.generate")
    await admin.execute(
        "UPDATE jobs SET payment_id = $2, user_id = $3, finished_at = now() WHERE id = $1", job, paid, user
    )
    ann = await visit(people.ann, f"/payments/{paid}")
    head = ann.find(kind="head").contents
    assert (head["title"], head["status"]) == (EUROS, ("Succeeded", "ok"))
    assert [a["opens"] for a in head["actions"]] == ["https://dashboard.stripe.com/test/payments/pi_1"]
    known = facts(ann)
    assert known["User"] == ("Uma Ode", f"/users/{user}")
    assert known["Team"] == ("Acme", f"/teams/{people.acme}")
    assert (known["Job"][1], known["Payment intent"][0]) == (f"/jobs/{job}", "pi_1")
    await ann.sees(
        " started a payment of " + EUROS, "Brought the job ", "The job ", f", {money.shown(50, 'EUR')} refunded"
    )
    of_job = await visit(people.ann, f"/jobs/{job}")
    await of_job.sees(EUROS, "Uma Ode")
    jobs = await visit(people.ann, "/jobs")
    await jobs.sees("Uma Ode", str(job))


async def test_the_payment_is_held_beside_stripe(
    visit: Visit, people: Company, admin: asyncpg.Connection, shop: Shop
) -> None:
    intent, charge = shop.pay(1250, "eur")
    paid = await add_payment(admin, people.acme, stripe_payment_intent=intent, stripe_charge=charge, status="failed")
    ann = await visit(people.ann, f"/payments/{paid}")
    await ann.finds(title="Beside Stripe", busy=False)
    pairs = {label: (ours, theirs, same) for label, _, ours, theirs, same in panel(ann).contents["pairs"]}
    assert pairs["Amount"] == (EUROS, EUROS, True)
    assert pairs["Status"] == (("Failed", "bad"), ("Succeeded", "ok"), False)
    await admin.execute("UPDATE payments SET status = 'succeeded' WHERE id = $1", paid)
    await tell(admin, "payments", paid)
    await ann.finds(kind="head", status=("Succeeded", "ok"))
    shop.post("refunds", charge=charge, amount=200)
    await ann.finds(title="Beside Stripe", busy=False)
    ann.send(panel(ann), "again")
    await ann.sees(money.shown(200, "EUR"))


@pytest.mark.parametrize(
    ("key", "intent", "title", "again"),
    [
        (KEY, None, "Unknown to Stripe", False),
        (KEY, "pi_lost", "Not found at Stripe", True),
        (None, "pi_lost", "Stripe is not connected", False),
        ("sk_test_revoked", "pi_lost", "Stripe refuses our key", True),
        ("sk_test_broken", "pi_lost", "Stripe does not answer", True),
    ],
)
async def test_when_stripe_stays_silent_the_page_still_stands(
    *, visit: Visit, people: Company, admin: asyncpg.Connection, shop: Shop, monkeypatch: pytest.MonkeyPatch,
    key: str | None, intent: str | None, title: str, again: bool,
) -> None:  # fmt: skip
    connection = Connection(key, shop.base) if key else None
    monkeypatch.setattr(stripe._here, "connection", connection)
    paid = await add_payment(admin, people.acme, stripe_payment_intent=intent)
    ann = await visit(people.ann, f"/payments/{paid}")
    assert ann.status == 200
    await ann.sees(title, EUROS)
    assert panel(ann).contents["silence"]["again"] is again
    if connection is not None:
        await connection.close()


async def test_a_page_waits_for_nobody(
    visit: Visit, people: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is there while Stripe has not answered; what went wrong is told in its panel."""
    answers = asyncio.Event()

    async def broken(*_: object) -> stripe.Live:
        await answers.wait()
        raise stripe.Trouble(stripe.Problem.UNREACHABLE, "Stripe cannot be reached.")

    monkeypatch.setattr(stripe, "read", broken)
    ann = await visit(people.ann, f"/payments/{await add_payment(admin, people.acme)}")
    await ann.sees(EUROS, "About this payment", "What happened")
    assert (panel(ann).contents["busy"], panel(ann).contents["pairs"]) == (True, None)
    answers.set()
    await ann.sees("Stripe cannot be reached.")


async def test_a_payment_that_is_not_there_or_of_another_team(
    visit: Visit, people: Company, admin: asyncpg.Connection
) -> None:
    theirs = await add_payment(admin, people.nordlicht, description="Secret document")
    for address in (f"/payments/{theirs}", "/payments/pi_1"):
        tess = await visit(people.tess, address)
        assert tess.status == 404
        assert "Secret document" not in tess.texts()
