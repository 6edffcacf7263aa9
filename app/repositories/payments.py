"""Questions about payments."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, and_, any_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from app.errors import Invalid
from app.models import Job, Metric, Payment, PaymentStatus, Team, User
from app.paging import Count, CountKind, Page, PageRequest, Sort
from app.repositories import stats, tallies
from app.repositories.filters import among, as_uuid, identity, within
from app.repositories.keyset import Listing, Query, capped_count, page
from app.repositories.teams import patterns
from app.work import Work

LISTING = Listing(Payment.id, Sort("created_at"), {"created_at": Payment.created_at, "amount": Payment.amount_minor})
EXPORT: Mapping[str, Any] = MappingProxyType(
    {
        "id": Payment.id,
        "created_at": Payment.created_at,
        "team_id": Payment.team_id,
        "team": Team.name,
        "user_id": Payment.user_id,
        "user": User.name,
        "user_email": User.email,
        "amount_minor": Payment.amount_minor,
        "currency": Payment.currency,
        "status": Payment.status,
        "refunded_minor": Payment.refunded_minor,
        "description": Payment.description,
        "failure": Payment.failure,
        "stripe_payment_intent": Payment.stripe_payment_intent,
        "stripe_charge": Payment.stripe_charge,
    }
)
"""The columns of a file of payments, over the same question as the list. Amounts are whole minor units."""

MOST_WORDS = 6
"""Words of a search beyond these are not looked at."""
_CURRENCY = re.compile("[A-Z]{3}")
_INTENT, _CHARGE = re.compile(r"pi_\w+", re.ASCII), re.compile(r"(?:ch|py)_\w+", re.ASCII)


def matching(request: PageRequest) -> Query:
    """Payments by the filters status, currency, team, user and created_at; searched by our id, by Stripe's ids, or by
    words, each of which stands in the description or in the name of the team or user (or the user's e-mail).
    """
    return _listed().where(*_conditions(request))


async def search(work: Work, request: PageRequest) -> Page[Any]:
    """Payments in sight, newest first unless asked otherwise."""
    query = matching(request)
    count = await _counted(work, request) or await capped_count(work, query)
    if request.search.strip() and count.kind is CountKind.EXACT:
        # Few match: find them by their indexes first. Read in order, the whole table would be walked to its end.
        query = _listed().where(Payment.id == _any_of(select(Payment.id).where(*_conditions(request))))
    return await page(work, query, LISTING, request, count=count)


async def now(work: Work) -> dict[tuple[str, str], int]:
    """How many payments in sight there are, by currency and status, from the counters."""
    counted = await stats.now(work, Metric.PAYMENTS_NOW)
    return {_kind(dimension): n for dimension, n in counted.items()}


async def user_of(work: Work, user_id: UUID | None) -> Any:  # noqa: ANN401 - a row
    """A user's id, name and e-mail; None where there is none, or where they belong to a team out of sight by now."""
    query = select(User.id, User.name, User.email).where(User.id == user_id)
    return (await work.execute(query)).one_or_none() if user_id else None


async def job_of(work: Work, payment_id: UUID) -> Any:  # noqa: ANN401 - a row
    """The job that a payment brought, or None."""
    columns = (Job.id, Job.kind, Job.status, Job.error, Job.created_at, Job.started_at, Job.finished_at)
    return (await work.execute(select(*columns).where(Job.payment_id == payment_id))).one_or_none()


async def of_job(work: Work, payment_id: UUID | None) -> Any:  # noqa: ANN401 - a row
    """The amount and state of the payment behind a job, or None."""
    query = select(Payment.id, Payment.amount_minor, Payment.currency, Payment.status).where(Payment.id == payment_id)
    return (await work.execute(query)).one_or_none() if payment_id else None


def _listed() -> Query:
    return (
        select(
            Payment.id,
            Payment.team_id,
            Payment.user_id,
            Payment.amount_minor,
            Payment.currency,
            Payment.status,
            Payment.refunded_minor,
            Payment.description,
            Payment.failure,
            Payment.created_at,
            Team.name.label("team"),
            User.name.label("user"),
        )
        .join(Team, Team.id == Payment.team_id)
        .outerjoin(User, User.id == Payment.user_id)
    )


def _conditions(request: PageRequest) -> list[ColumnElement[bool]]:
    found = within(request, "created_at", Payment.created_at)
    if states := among(request, "status", PaymentStatus):
        found.append(Payment.status.in_(states))
    if currencies := _currencies(request):
        found.append(Payment.currency.in_(currencies))
    if teams := _teams(request):
        found.append(Payment.team_id.in_(teams))
    if user := identity(request, "user"):
        found.append(Payment.user_id == user)
    if words := request.search.strip():
        found.append(_found(words))
    return found


def _currencies(request: PageRequest) -> list[str]:
    found = list(request.filters.get("currency", ()))
    if not all(_CURRENCY.fullmatch(code) for code in found):
        raise Invalid("The filter “currency” has a value that is no currency. Remove it.")
    return found


def _teams(request: PageRequest) -> list[UUID]:
    return [as_uuid(value) for value in request.filters.get("team", ())]


def _found(words: str) -> ColumnElement[bool]:
    try:
        return Payment.id == UUID(words)
    except ValueError:
        pass
    if _INTENT.fullmatch(words):
        return Payment.stripe_payment_intent == words
    if _CHARGE.fullmatch(words):
        return Payment.stripe_charge == words
    return and_(*(_stands_in(word) for word in words.split()[:MOST_WORDS]))


def _stands_in(word: str) -> ColumnElement[bool]:
    """Arrays, not joins: so that each of the three ways has its index."""

    def like(*columns: InstrumentedAttribute[str]) -> ColumnElement[bool]:
        return or_(*(column.ilike(pattern) for column in columns for pattern in patterns(word)))

    return or_(
        like(Payment.description),
        Payment.team_id == _any_of(select(Team.id).where(like(Team.name))),
        Payment.user_id == _any_of(select(User.id).where(like(User.name, User.email))),
    )


def _any_of(ids: Select[UUID]) -> Any:  # noqa: ANN401 - what a column can be equal to
    return any_(func.array(ids.correlate(None).scalar_subquery(), type_=ARRAY(Uuid)))


async def _counted(work: Work, request: PageRequest) -> Count | None:
    """How many match, where the counters know it: they know states, currencies and teams, no more."""
    if request.search.strip() or any(request.filters.get("created_at", ())) or request.one("user"):
        return None
    states = among(request, "status", PaymentStatus) or list(PaymentStatus)
    currencies, teams = _currencies(request), _teams(request)
    if teams:
        counted = list((await tallies.by_team(work, Metric.PAYMENTS_NOW, teams)).values())
    else:
        counted = [await stats.now(work, Metric.PAYMENTS_NOW)]
    kinds = [(*_kind(dimension), n) for found in counted for dimension, n in found.items()]
    return Count(sum(n for currency, status, n in kinds if status in states and currency in (currencies or [currency])))


def _kind(dimension: str) -> tuple[str, str]:
    currency, _, status = dimension.partition("|")
    return currency, status
