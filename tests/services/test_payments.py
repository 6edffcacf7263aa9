"""Payments: found by whatever one knows of them, counted exactly, and held beside what Stripe says."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr

from app import clock
from app.actor import Staff
from app.config import Settings
from app.errors import Forbidden, Invalid, NotFound
from app.integrations import stripe
from app.paging import Cursor, PageRequest, Sort
from app.repositories import payments as payments_table
from app.services import jobs, payments
from app.services.payments import Comparison, Problem
from app.values import money
from tests.factories import add_job, add_payment, add_user
from tests.people import Company
from tests.stripe_shop import BAD_CARD, KEY, Shop, shop

__all__ = ["shop"]


async def ids(actor: Staff, request: PageRequest) -> list[UUID]:
    page = await payments.search(actor, request)
    assert page.count.value >= len(page.rows)
    return [row.id for row in page.rows]


async def test_one_payment_with_all_that_belongs_to_it(company: Company, admin: asyncpg.Connection) -> None:
    user = await add_user(admin, company.acme, "Uma Ode", "uma@example.com")
    paid = await add_payment(admin, company.acme, user_id=user, stripe_payment_intent="pi_1", stripe_charge="ch_1")
    job = await add_job(admin, company.acme, "succeeded", "document.generate")
    await admin.execute("UPDATE jobs SET payment_id = $2, user_id = $3 WHERE id = $1", job, paid, user)
    seen = await payments.get(company.ann, paid)
    assert (seen.payment.id, seen.team, seen.user.name, seen.job.id) == (paid, "Acme", "Uma Ode", job)
    assert seen.dashboard == "https://dashboard.stripe.com/test/payments/pi_1"
    assert seen.payment.audit_label == f"payment {paid.hex[-8:]}"
    there = await jobs.get(company.ann, job)
    assert (there.customer, there.payment.id, there.payment.amount_minor) == ("Uma Ode", paid, 1250)
    row = (await jobs.search(company.ann, PageRequest())).rows[0]
    assert (row.user_id, row.user, row.payment_id) == (user, "Uma Ode", paid)


async def test_a_payment_alone(company: Company, admin: asyncpg.Connection) -> None:
    seen = await payments.get(company.ann, await add_payment(admin, company.acme))
    assert (seen.user, seen.job, seen.dashboard, seen.acts) == (None, None, None, [])


async def test_a_payment_stays_with_the_team_that_paid(company: Company, admin: asyncpg.Connection) -> None:
    user = await add_user(admin, company.nordlicht, "Moved Away", "moved@example.com")
    paid = await add_payment(admin, company.acme, user_id=user)
    seen = await payments.get(company.tess, paid)
    assert (seen.payment.user_id, seen.user) == (user, None)
    assert [row.user for row in (await payments.search(company.tess, PageRequest())).rows] == [None]
    assert await ids(company.tess, PageRequest(search="Moved")) == []
    assert await ids(company.ann, PageRequest(search="Moved")) == [paid]


async def test_the_list_is_filtered(company: Company, admin: asyncpg.Connection) -> None:
    user, now = await add_user(admin, company.acme, "Uma Ode", "uma@example.com"), clock.now()
    old = await add_payment(admin, company.acme, user_id=user, status="failed", created_at=now - timedelta(days=2))
    yen = await add_payment(admin, company.nordlicht, currency="JPY", amount_minor=900)
    yesterday = (now - timedelta(days=1)).isoformat()
    for filters, found in (
        ({}, [yen, old]),
        ({"status": ("failed",)}, [old]),
        ({"status": ("failed", "succeeded")}, [yen, old]),
        ({"currency": ("JPY",)}, [yen]),
        ({"currency": ("JPY",), "status": ("failed",)}, []),
        ({"currency": ("EUR", "JPY")}, [yen, old]),
        ({"team": (str(company.acme),)}, [old]),
        ({"team": (str(company.acme), str(company.nordlicht))}, [yen, old]),
        ({"user": (str(user),)}, [old]),
        ({"created_at": ("", yesterday)}, [old]),
        ({"created_at": (yesterday, "")}, [yen]),
    ):
        request = PageRequest(filters)
        assert await ids(company.ann, request) == found, filters
        assert (await payments.search(company.ann, request)).count.value == len(found), filters


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("pi_3Nabc", "urban"),
        ("ch_3Nabc", "urban"),
        ("pi_3Nab", None),
        ("bees", "urban"),
        ("URBAN bees", "urban"),
        ("bees acme", "urban"),
        ("bees nordlicht", None),
        ("acm", "urban"),
        ("nordl", "heat"),
        ("Ode", "urban"),
        ("uma@example", "urban"),
        ("uma acme bees 12", "urban"),
        ("he", "heat"),
        ("ea", None),
        ("100%", "heat"),
        ("10_%", None),
        ("'; DROP TABLE payments; --", None),
    ],
)
async def test_the_search_takes_whatever_one_knows(
    company: Company, admin: asyncpg.Connection, search: str, found: str | None
) -> None:
    user = await add_user(admin, company.acme, "Uma Ode", "uma@example.com")
    made = {
        "urban": await add_payment(
            *(admin, company.acme),
            user_id=user,
            description="Urban bees, 12 pages",
            stripe_payment_intent="pi_3Nabc",
            stripe_charge="ch_3Nabc",
        ),
        "heat": await add_payment(admin, company.nordlicht, description="Heat pumps 100% electric"),
    }
    assert await ids(company.ann, PageRequest(search=search)) == ([made[found]] if found else [])
    assert await ids(company.tess, PageRequest(search=search)) == ([made["urban"]] if found == "urban" else [])


async def test_our_own_id_is_found(company: Company, admin: asyncpg.Connection) -> None:
    paid, _ = await add_payment(admin, company.acme), await add_payment(admin, company.acme)
    assert await ids(company.ann, PageRequest(search=f" {paid} ")) == [paid]


@pytest.mark.parametrize("few", [0, 4, 1_000], ids=["too many", "walks", "by index"])
async def test_common_and_rare_words_find_the_same(
    company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Whichever of its three ways the search goes, it finds all, in order, page by page."""
    monkeypatch.setattr(payments_table, "FEW", few)
    monkeypatch.setattr(payments_table, "LATELY", 3)
    start = clock.now()
    made = [
        await add_payment(
            *(admin, company.acme if n % 2 else company.nordlicht),
            description="rare" if n % 3 else "common",
            created_at=start - timedelta(hours=n),
            amount_minor=n % 4,
        )
        for n in range(18)
    ]
    wanted = [one for n, one in enumerate(made) if n % 3]
    for actor, mine in ((company.ann, wanted), (company.tess, [one for one in wanted if made.index(one) % 2])):
        page = await payments.search(actor, PageRequest(search="rare", size=2))
        found = [row.id for row in page.rows]
        while page.next is not None:
            cursor = Cursor.decode(page.next.encode())
            page = await payments.search(actor, PageRequest(search="rare", size=2, cursor=cursor))
            found += [row.id for row in page.rows]
        assert found == mine
    rising = await payments.search(company.ann, PageRequest(search="rare", sort=Sort("amount", descending=False)))
    assert [row.amount_minor for row in rising.rows] == sorted(made.index(one) % 4 for one in wanted)


async def test_orders(company: Company, admin: asyncpg.Connection) -> None:
    small = await add_payment(admin, company.acme, amount_minor=1)
    large = await add_payment(admin, company.acme, amount_minor=2**62, created_at=clock.now() - timedelta(days=1))
    assert await ids(company.ann, PageRequest()) == [small, large]
    assert await ids(company.ann, PageRequest(sort=Sort("amount"))) == [large, small]
    assert await ids(company.ann, PageRequest(sort=Sort("created_at", descending=False))) == [large, small]
    first = await payments.search(company.ann, PageRequest(sort=Sort("amount"), size=1))
    assert first.next is not None
    cursor = Cursor.decode(first.next.encode())
    assert await ids(company.ann, PageRequest(sort=Sort("amount"), size=1, cursor=cursor)) == [small]


@pytest.mark.parametrize(
    "request_",
    [
        PageRequest({"status": ("lost",)}),
        PageRequest({"currency": ("eur",)}),
        PageRequest({"currency": ("E'R",)}),
        PageRequest({"team": ("acme",)}),
        PageRequest({"user": ("uma",)}),
        PageRequest({"created_at": ("yesterday", "")}),
        PageRequest(sort=Sort("description")),
        PageRequest(search="a\x00b"),
    ],
    ids=str,
)
async def test_questions_that_cannot_be_are_refused(company: Company, request_: PageRequest) -> None:
    with pytest.raises(Invalid):
        await payments.search(company.ann, request_)


async def test_counters_know_what_there_is(company: Company, admin: asyncpg.Connection) -> None:
    for team, currency, status in (
        (company.acme, "EUR", "succeeded"),
        (company.acme, "USD", "failed"),
        (company.nordlicht, "JPY", "succeeded"),
    ):
        await add_payment(admin, team, currency=currency, status=status)
    seen = await payments.overview(company.ann)
    assert (seen.by_status, seen.currencies) == ({"succeeded": 2, "failed": 1}, ["EUR", "JPY", "USD"])
    mine = await payments.overview(company.tess)
    assert (mine.by_status, mine.currencies) == ({"succeeded": 1, "failed": 1}, ["EUR", "USD"])
    await admin.execute("UPDATE payments SET status = 'disputed' WHERE currency = 'EUR'")
    await admin.execute("DELETE FROM payments WHERE currency = 'JPY'")
    assert (await payments.overview(company.ann)).by_status == {"disputed": 1, "failed": 1}
    assert (await payments.search(company.ann, PageRequest())).count.value == 2


async def test_refusals(company: Company, admin: asyncpg.Connection) -> None:
    paid = await add_payment(admin, company.nordlicht)
    for verb in (payments.get(company.nil, paid), payments.overview(company.nil), payments.compare(company.nil, paid)):
        with pytest.raises(Forbidden):
            await verb
    for missing in (payments.get(company.tess, paid), payments.compare(company.tess, paid)):
        with pytest.raises(NotFound):
            await missing


@pytest.fixture
async def connected(shop: Shop, settings: Settings) -> AsyncIterator[None]:
    keyed = settings.model_copy(update={"stripe_key": SecretStr(KEY), "stripe_api_base": shop.base})
    async with stripe.connected(keyed):
        yield


def sides(found: Comparison) -> dict[str, tuple[object, object, bool | None]]:
    return {line.name: (line.ours, line.theirs, line.same) for line in found.lines}


async def test_a_payment_that_agrees_with_stripe(
    company: Company, admin: asyncpg.Connection, shop: Shop, connected: None
) -> None:
    intent, charge = shop.pay(5120, "kwd")
    known = {"stripe_payment_intent": intent, "stripe_charge": charge, "amount_minor": 5120, "currency": "KWD"}
    found = await payments.compare(company.vic, await add_payment(admin, company.acme, **known))
    assert (found.problem, found.differences) == (None, 0)
    amount = money.shown(5120, "KWD")
    assert sides(found)["amount"] == (amount, amount, True)
    assert sides(found)["created"][2] is None


async def test_differences_are_marked(company: Company, admin: asyncpg.Connection, shop: Shop, connected: None) -> None:
    intent, charge = shop.pay(1250, "usd", BAD_CARD)
    declined = {"stripe_payment_intent": intent, "stripe_charge": charge, "currency": "JPY", "refunded_minor": 7}
    found = await payments.compare(company.ann, await add_payment(admin, company.acme, **declined))
    differing = {name for name, (_, _, same) in sides(found).items() if same is False}
    assert differing == {"amount", "status", "refunded", "failure", "charge"}
    assert found.differences == 5
    assert sides(found)["failure"] == (None, "Your card was declined.", False)


async def test_trouble_with_stripe_is_part_of_the_answer(
    company: Company, admin: asyncpg.Connection, shop: Shop, settings: Settings
) -> None:
    bare = await add_payment(admin, company.acme)
    lost = await add_payment(admin, company.acme, stripe_payment_intent="pi_lost")
    for key, payment, problem in (
        (None, bare, Problem.NO_ID),
        (None, lost, Problem.NO_KEY),
        (KEY, lost, Problem.NOT_FOUND),
        ("sk_test_revoked", lost, Problem.KEY_REFUSED),
        ("sk_test_broken", lost, Problem.UNREACHABLE),
    ):
        keyed = {"stripe_key": SecretStr(key) if key else None, "stripe_api_base": shop.base}
        async with stripe.connected(settings.model_copy(update=keyed)):
            found = await payments.compare(company.ann, payment)
        assert (found.problem, list(found.lines)) == (problem, [])
        assert found.sentence.endswith(".")
