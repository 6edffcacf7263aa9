"""Questions about payments."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, any_, func, literal, or_, select, union
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.database import Work
from app.errors import Invalid
from app.models import Job, Metric, Payment, PaymentStatus, Team, User
from app.paging import Count, CountKind, Page, PageRequest, Sort
from app.repositories import stats, tallies
from app.repositories.filters import allowed, among, as_uuid, identity, patterns, within
from app.repositories.keyset import Listing, Query, page

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
LATELY = 5_000
"""The newest payments among which a search looks first."""
FEW = 10_000
"""So many matches are found by the indexes of the words, and then put in order."""
_NAMES = 2_000
"""So many teams, or users, that carry a word are looked up one by one."""
_CURRENCY = re.compile("[A-Z]{3}")
_INTENT, _CHARGE = re.compile(r"pi_\w+", re.ASCII), re.compile(r"(?:ch|py)_\w+", re.ASCII)


def matching(request: PageRequest) -> Query:
    """Payments by the filters status, currency, team, user and created_at; searched by our id, by Stripe's ids, or by
    words, each of which stands in the description or in the name of the team or user (or the user's e-mail).
    """
    return _listed().where(*_conditions(request))


async def search(work: Work, request: PageRequest) -> Page[Any]:
    """Payments in sight, newest first unless asked otherwise."""
    request = allowed(work, request)
    query = matching(request)
    if work.who.team_ids is not None and len(work.who.team_ids) == 1:
        query = query.where(Payment.team_id == work.who.team_ids[0])  # said twice, it can be read in order
    if not _words(request):
        return await page(work, query, LISTING, request, count=await _counted(work, request))
    # Words that many payments carry are found soon when one reads from the newest on; others never are, only by index.
    common = await _among_the_newest(work, request)
    if common > request.size:
        return await page(work, query, LISTING, request, count=Count(common, CountKind.AT_LEAST))
    found = await _few(work, request)
    if found is not None:
        query, count = _listed().where(Payment.id == _one_of(found)), Count(len(found))
        return await page(work, query, LISTING, request, count=count)
    return await page(work, query, LISTING, request, count=Count(FEW, CountKind.AT_LEAST))


async def now(work: Work) -> dict[tuple[str, str], int]:
    """How many payments in sight there are, by currency and status, from the counters."""
    counted = await stats.now(work, Metric.PAYMENTS_NOW)
    return {_kind(dimension): n for dimension, n in counted.items() if n}


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
    exact = _exact(request.search.strip())
    return [
        *_filters(request),
        *([] if exact is None else [exact]),
        *(_stands_in(word, request) for word in _words(request)),
    ]


def _filters(request: PageRequest) -> list[ColumnElement[bool]]:
    found = within(request, "created_at", Payment.created_at)
    if states := among(request, "status", PaymentStatus):
        found.append(Payment.status.in_(states))
    if currencies := _currencies(request):
        found.append(Payment.currency.in_(currencies))
    if teams := _teams(request):
        found.append(Payment.team_id.in_(teams))
    if user := identity(request, "user"):
        found.append(Payment.user_id == user)
    return found


def _currencies(request: PageRequest) -> list[str]:
    found = list(request.filters.get("currency", ()))
    if not all(_CURRENCY.fullmatch(code) for code in found):
        raise Invalid("The filter “currency” has a value that is no currency. Remove it.")
    return found


def _teams(request: PageRequest) -> list[UUID]:
    return [as_uuid(value) for value in request.filters.get("team", ())]


def _exact(search: str) -> ColumnElement[bool] | None:
    """One payment by our id or one of Stripe's; None where it is looked for by words."""
    try:
        return Payment.id == UUID(search)
    except ValueError:
        pass
    if _INTENT.fullmatch(search):
        return Payment.stripe_payment_intent == search
    return Payment.stripe_charge == search if _CHARGE.fullmatch(search) else None


def _words(request: PageRequest) -> list[str]:
    search = request.search.strip()
    return [] if _exact(search) is not None else search.split()[:MOST_WORDS]


def _like(word: str, *columns: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    return or_(*(column.ilike(pattern) for column in columns for pattern in patterns(word)))


def _named(word: str, request: PageRequest) -> tuple[Select[UUID], Select[UUID]]:
    """The teams and the users that carry a word; who may not read about people finds them by the whole address."""
    person = func.lower(User.email) == word.lower() if request.exact else _like(word, User.name, User.email)
    return select(Team.id).where(_like(word, Team.name)), select(User.id).where(person)


def _stands_in(word: str, request: PageRequest, payment: type[Payment] = Payment) -> ColumnElement[bool]:
    teams, users = (ids.correlate(None) for ids in _named(word, request))
    described = [] if request.exact else [_like(word, payment.description)]
    return or_(*described, payment.team_id.in_(teams), payment.user_id.in_(users))


async def _among_the_newest(work: Work, request: PageRequest) -> int:
    """How many of the newest payments that pass the filters carry the words."""
    newest = select(Payment).where(*_filters(request)).order_by(Payment.created_at.desc(), Payment.id.desc())
    seen = aliased(Payment, newest.limit(LATELY).subquery())
    words = [_stands_in(word, request, seen) for word in _words(request)]
    return int(await work.scalar(select(func.count()).select_from(seen).where(*words)))


async def _few(work: Work, request: PageRequest) -> list[UUID] | None:
    """All that match, found by the indexes of the longest word; None where it or its matches are too many."""
    conditions = _conditions(request)
    # How many rows a pattern matches is only guessed; a wrong guess here would read the whole table.
    await work.execute(select(func.set_config("enable_seqscan", "off", True)))
    matches = [select(Payment.id).where(*conditions)]
    if (
        work.who.team_ids is None
    ):  # whoever is limited to some teams cannot use the indexes of words: one look is enough
        ways = await _ways(work, max(_words(request), key=len), request)
        if ways is None:
            return None
        if not ways:
            return []
        matches = [select(Payment.id).where(way, *conditions) for way in ways]
    found = list((await work.execute(union(*matches).limit(FEW + 1))).scalars())
    return found if len(found) <= FEW else None


async def _ways(work: Work, word: str, request: PageRequest) -> list[ColumnElement[bool]] | None:
    """How payments that carry a word are found, each way by an index; None where too many are named like that."""
    ways = [] if request.exact else [_like(word, Payment.description)]
    for column, ids in zip((Payment.team_id, Payment.user_id), _named(word, request), strict=True):
        named = list((await work.execute(ids.limit(_NAMES + 1))).scalars())
        if len(named) > _NAMES:
            return None
        if named:
            ways.append(column == _one_of(named))
    return ways


def _one_of(ids: Sequence[UUID]) -> Any:  # noqa: ANN401 - what a column can be equal to
    return any_(literal(list(ids), ARRAY(Uuid)))


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
