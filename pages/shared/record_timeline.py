"""The time line of a customer's record: what was done to it, its jobs, its payments."""

from collections.abc import Sequence
from typing import Any

from app.models import Action as LogAction
from app.services import jobs
from app.services.users import History
from app.values import money
from components.records.blocks import Entry, Part
from pages.shared.audit_timeline import audit_entry
from pages.shared.labels import JOB, PAYMENT

LINE = 50
"""Entries of a time line."""


def line(history: History, creation: LogAction, born: Entry, *, linked: bool) -> list[Entry]:
    """Everything that happened, in one line, newest first, down to ``born``, unless the log tells of the ``creation``.
    ``linked``: the reader may open entries of the audit log.
    """
    created = any(act.action == creation for act in history.acts)
    entries = [
        *(audit_entry(act, linked=linked) for act in history.acts),
        *(_job(job) for job in history.jobs),
        *(_payment(payment) for payment in history.payments),
        *([] if created else [born]),
    ]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)[:LINE]


def note(entries: Sequence[Entry]) -> str:
    """What a time line says beside its title."""
    return f"the latest {LINE}" if len(entries) == LINE else ""


def _job(job: Any) -> Entry:  # noqa: ANN401 - a row of the history
    words, tone = JOB[job.status]
    parts: list[Part] = ["Job ", (jobs.KINDS.get(job.kind, job.kind), f"/jobs/{job.id}"), f": {words.lower()}"]
    return Entry(job.created_at, parts, (job.error or "").partition("\n")[0][:300], tone=tone)


def _payment(payment: Any) -> Entry:  # noqa: ANN401 - a row of the history
    words, tone = PAYMENT[payment.status]
    amount = money.shown(payment.amount_minor, payment.currency)
    parts: list[Part] = ["Payment of ", (amount, f"/payments/{payment.id}"), f": {words.lower()}"]
    return Entry(payment.created_at, parts, payment.description, tone=tone)
