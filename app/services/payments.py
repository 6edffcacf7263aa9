"""Payments, for the people who look after them: find, look at, compare with Stripe. Nothing here changes one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from app.actor import Actor
from app.database import reading
from app.integrations import stripe
from app.integrations.stripe import Live, Problem
from app.models import Payment, Team
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.repositories import audit as audit_table
from app.repositories import payments as payments_table
from app.values import money

NEWEST = payments_table.LISTING.default
"""The order of the list unless somebody asks for another."""

Kind = Literal["money", "status", "text", "time", "code"]


@dataclass(frozen=True, slots=True)
class Overview:
    """What there is: how many payments by status, and the currencies they were made in, by name."""

    by_status: Mapping[str, int]
    currencies: Sequence[str]


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment with everything its screen shows. ``user`` and ``job`` are rows, None where there is none in sight."""

    payment: Payment
    team: str
    user: Any
    job: Any
    acts: Sequence[Any]
    dashboard: str | None
    """Its page in Stripe's dashboard."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that both sides tell. ``same`` is None where a difference says nothing. Amounts are already words."""

    name: str
    kind: Kind
    ours: object
    theirs: object
    same: bool | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Our payment beside Stripe's, or the ``problem`` that kept Stripe from telling, with its sentence."""

    lines: Sequence[Line] = ()
    problem: Problem | None = None
    sentence: str = ""

    @property
    def differences(self) -> int:
        """How many lines differ."""
        return sum(line.same is False for line in self.lines)


async def search(actor: Actor, request: PageRequest) -> Page[Any]:
    """The payments that one may see."""
    async with reading(actor, Permission.PAYMENTS_READ) as work:
        return await payments_table.search(work, request)


async def overview(actor: Actor) -> Overview:
    """How many payments stand where, from the counters."""
    async with reading(actor, Permission.PAYMENTS_READ) as work:
        counted = await payments_table.now(work)
    by_status: dict[str, int] = {}
    for (_, status), n in counted.items():
        by_status[status] = by_status.get(status, 0) + n
    return Overview(by_status, sorted({currency for currency, _ in counted}))


async def get(actor: Actor, payment_id: UUID) -> PaymentView:
    """One payment, with whom and what it belongs to, and what staff did to it."""
    async with reading(actor, Permission.PAYMENTS_READ) as work:
        payment = await work.get(Payment, payment_id)
        return PaymentView(
            payment,
            (await work.get(Team, payment.team_id)).name,
            await payments_table.user_of(work, payment.user_id),
            await payments_table.job_of(work, payment.id),
            await audit_table.of_record(work, "payment", str(payment.id)),
            stripe.dashboard(payment.stripe_payment_intent, payment.stripe_charge),
        )


async def compare(actor: Actor, payment_id: UUID) -> Comparison:
    """The payment beside what Stripe says of it now. Trouble with Stripe is part of the answer, never an error."""
    async with reading(actor, Permission.PAYMENTS_READ) as work:
        payment, veil = await work.get(Payment, payment_id), work.veil
    # Asked behind the block: no transaction waits for a network.
    try:
        live = await stripe.read(payment.stripe_payment_intent, payment.stripe_charge)
    except stripe.Trouble as trouble:
        return Comparison(problem=trouble.problem, sentence=trouble.sentence)
    if veil is not None:  # Stripe's words name the same people
        live = replace(live, description=veil.words(live.description), failure=veil.words(live.failure or "") or None)
    return Comparison(_lines(payment, live))


def _lines(ours: Payment, theirs: Live) -> list[Line]:
    same_money = ours.currency == theirs.currency
    return [
        Line(
            "amount",
            "money",
            money.shown(ours.amount_minor, ours.currency),
            money.shown(theirs.amount_minor, theirs.currency),
            same_money and ours.amount_minor == theirs.amount_minor,
        ),
        Line("status", "status", ours.status, theirs.status, ours.status == theirs.status),
        Line(
            "refunded",
            "money",
            money.shown(ours.refunded_minor, ours.currency),
            money.shown(theirs.refunded_minor, theirs.currency),
            same_money and ours.refunded_minor == theirs.refunded_minor,
        ),
        _plain("failure", "text", ours.failure, theirs.failure),
        _plain("payment_intent", "code", ours.stripe_payment_intent, theirs.payment_intent),
        _plain("charge", "code", ours.stripe_charge, theirs.charge),
        # Each side words and stamps these by itself; a difference means nothing.
        Line("description", "text", ours.description, theirs.description, None),
        Line("created", "time", ours.created_at, theirs.created_at, None),
    ]


def _plain(name: str, kind: Kind, ours: str | None, theirs: str | None) -> Line:
    return Line(name, kind, ours, theirs, (ours or None) == (theirs or None))


__all__ = ["NEWEST", "Comparison", "Line", "Overview", "PaymentView", "Problem", "compare", "get", "overview", "search"]
