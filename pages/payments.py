"""Payments: the list and one payment. Read only in this version."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from app import topics
from app.models import Payment, PaymentStatus
from app.permissions import Permission
from app.services import jobs, payments
from app.services.payments import Overview, PaymentView, Problem
from app.values import money
from components.lists.columns import MoneyColumn, StatusColumn, TextColumn, TimeColumn
from components.lists.downloads import Export
from components.lists.filters import ChoiceFilter, IdFilter, TimeRangeFilter
from components.lists.table import DataTable, Empty
from components.page import frame
from components.page.ids import record_id
from components.page.live import Live
from components.page.screen import View, screen
from components.records.blocks import Action, Entry, Fact, Facts, PageHead, Part, Timeline
from components.records.comparison import Answer, Comparison, Pair, Silence
from pages.shared.audit_timeline import audit_entry
from pages.shared.labels import JOB, PAYMENT
from pages.shared.personal_facts import about
from pages.shared.team_fields import team_filter

READ_ONLY = "Read only: refunds and corrections are made in Stripe."

_SILENCES: Mapping[Problem, str] = {
    Problem.NO_ID: "Unknown to Stripe",
    Problem.NO_KEY: "Stripe is not connected",
    Problem.KEY_REFUSED: "Stripe refuses our key",
    Problem.NOT_FOUND: "Not found at Stripe",
    Problem.UNREACHABLE: "Stripe does not answer",
}
_LINES: Mapping[str, str] = {
    "amount": "Amount",
    "status": "Status",
    "refunded": "Refunded",
    "failure": "Failure",
    "payment_intent": "Payment intent",
    "charge": "Charge",
    "description": "For",
    "created": "Created",
}


@screen("/payments", title="Payments", icon="payments", menu="Company", needs=Permission.PAYMENTS_READ)
async def payments_screen(view: View) -> None:
    """All payments that one may see, live."""
    seen, teams = await payments.overview(view.actor), await team_filter(view)
    reads = view.may(Permission.PERSONAL_READ)
    head = PageHead("Payments", sub=_sub(seen))

    async def again() -> None:
        head.update_head(sub=_sub(await payments.overview(view.actor)))

    DataTable(
        "Payments",
        load=partial(payments.search, view.actor),
        columns=[
            MoneyColumn("amount_minor", label="Amount", sort="amount", opens="/payments/{id}", card=True),
            StatusColumn("status", shows=PAYMENT, card=True),
            TextColumn("description", label="For", wide=True, quiet=True),
            TextColumn("team", opens="/teams/{team_id}", card=True),
            TextColumn("user", opens="/users/{user_id}"),
            MoneyColumn("refunded_minor", label="Refunded", read=lambda row: row.refunded_minor or None),
            TimeColumn("created_at", sort="created_at", card=True),
        ],
        filters=[
            ChoiceFilter("status", choices=PaymentStatus, pinned=True),
            ChoiceFilter("currency", choices={code: code for code in seen.currencies}, pinned=True),
            TimeRangeFilter("created_at", pinned=True),
            teams,
            IdFilter("user"),
        ],
        search="Stripe id, team, user, words …" if reads else "Stripe id, team, whole e-mail …",
        sort=payments.NEWEST,
        live=topics.payments,
        export=Export("payments"),
        empty=Empty("No payments yet", "They appear here as soon as a customer pays for something."),
    )
    Live(topics.payments, again)


@screen("/payments/{id}", title="Payment", needs=Permission.PAYMENTS_READ)
async def payment_screen(view: View) -> None:
    """One payment: what we know, what Stripe says of it now, and everything that happened."""
    payment_id = record_id(view.params["id"])
    seen = await payments.get(view.actor, payment_id)
    payment = seen.payment
    stripe = [Action("Open in Stripe", opens=seen.dashboard)] if seen.dashboard else []
    head = PageHead(
        money.shown(payment.amount_minor, payment.currency),
        trail=[("Payments", "/payments")],
        sub=READ_ONLY,
        status=PAYMENT[payment.status],
        id=payment.id,
        actions=stripe,
    )
    facts = Facts(_facts(view, seen), title="About this payment")
    comparison = Comparison("Beside Stripe", ("Quarterdeck", "Stripe"), partial(_compare, view, payment_id))
    linked = view.may(Permission.AUDIT_READ)
    line = Timeline(_line(seen, linked=linked), title="What happened")

    async def again() -> None:
        now = await payments.get(view.actor, payment_id)
        head.update_head(status=PAYMENT[now.payment.status])
        facts.replace(_facts(view, now))
        line.replace(_line(now, linked=linked))
        comparison.ask()

    Live(topics.payments, again, about=payment_id)
    if seen.job:
        Live(topics.jobs, frame.redraw, about=seen.job.id)


def _sub(seen: Overview) -> str:
    order = (PaymentStatus.SUCCEEDED, PaymentStatus.PENDING, PaymentStatus.FAILED, PaymentStatus.DISPUTED)
    told = [f"{seen.by_status.get(status, 0):,} {status.value}" for status in order]
    return f"{' · '.join(told)}. {READ_ONLY}"


async def _compare(view: View, payment_id: UUID) -> Answer:
    """What both sides say, or why Stripe says nothing, in words."""
    found = await payments.compare(view.actor, payment_id)
    if found.problem is not None:
        again = found.problem in {Problem.UNREACHABLE, Problem.KEY_REFUSED, Problem.NOT_FOUND}
        return Silence(_SILENCES[found.problem], found.sentence, again)
    return [
        Pair(_LINES[line.name], line.kind, _said(line.kind, line.ours), _said(line.kind, line.theirs), line.same)
        for line in found.lines
    ]


def _said(kind: str, value: Any) -> Any:  # noqa: ANN401 - whatever a side tells
    """A state as a pill; one that only Stripe knows keeps its word."""
    return PAYMENT.get(value, (str(value).replace("_", " ").capitalize(), "idle")) if kind == "status" else value


def _facts(view: View, seen: PaymentView) -> list[Fact]:
    payment = seen.payment
    given_back = money.shown(payment.refunded_minor, payment.currency)
    return [
        Fact("Amount", money.shown(payment.amount_minor, payment.currency), "money"),
        Fact(
            "Refunded",
            given_back if payment.refunded_minor else "Nothing",
            "money" if payment.refunded_minor else "text",
        ),
        about(view, "For", payment.description, "payment", payment.id, "description"),
        *([about(view, "Failure", payment.failure, "payment", payment.id, "failure")] if payment.failure else []),
        Fact("Team", seen.team, opens=f"/teams/{payment.team_id}"),
        *_user(view, seen),
        *([Fact("Job", _job(seen), opens=f"/jobs/{seen.job.id}")] if seen.job else []),
        Fact("Created", payment.created_at, "time"),
        Fact("Last word from Stripe", payment.last_event_at, "time"),
        Fact("Payment intent", payment.stripe_payment_intent, "code"),
        Fact("Charge", payment.stripe_charge, "code"),
    ]


def _user(view: View, seen: PaymentView) -> list[Fact]:
    if user := seen.user:
        return [
            about(view, "User", user.name, "user", user.id, "name", opens=f"/users/{user.id}"),
            about(view, "E-mail", user.email, "user", user.id, "email"),
        ]
    return [Fact("User", "Somebody who is in another team now" if seen.payment.user_id else None)]


def _job(seen: PaymentView) -> str:
    return jobs.KINDS.get(seen.job.kind, str(seen.job.kind))


def _line(seen: PaymentView, *, linked: bool) -> list[Entry]:
    """What the customer, Stripe, the job and staff did, in one line, newest first."""
    entries = [_begun(seen), *_heard(seen.payment), *_worked(seen)]
    entries += [audit_entry(act, linked=linked) for act in seen.acts]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _begun(seen: PaymentView) -> Entry:
    payment = seen.payment
    amount = money.shown(payment.amount_minor, payment.currency)
    by: list[Part] = (
        [(seen.user.name, f"/users/{seen.user.id}")] if seen.user else [(seen.team, f"/teams/{payment.team_id}")]
    )
    return Entry(payment.created_at, [*by, f" started a payment of {amount}"], tone="info")


def _heard(payment: Payment) -> list[Entry]:
    if payment.last_event_at is None:
        return []
    words, tone = PAYMENT[payment.status]
    parts: list[Part] = ["Last word from Stripe: ", (words.lower(), "")]
    if payment.refunded_minor:
        parts.append(f", {money.shown(payment.refunded_minor, payment.currency)} refunded")
    return [Entry(payment.last_event_at, parts, payment.failure or "", tone=tone)]


def _worked(seen: PaymentView) -> list[Entry]:
    job = seen.job
    if job is None:
        return []
    link: Part = (_job(seen), f"/jobs/{job.id}")
    entries = [Entry(job.created_at, ["Brought the job ", link], tone="info")]
    if job.finished_at:
        words, tone = JOB[job.status]
        why = (job.error or "").partition("\n")[0][:300]
        entries.append(Entry(job.finished_at, ["The job ", link, f": {words.lower()}"], why, tone=tone))
    return entries
