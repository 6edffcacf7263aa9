"""Audit entries and job events on time lines: the same words on every screen that tells what happened."""

from collections.abc import Mapping
from typing import Any

from app.errors import Conflict
from app.models import Action, JobEvent, JobEventKind
from components.blocks import Entry, Part
from components.columns import Tone
from pages.sentences import as_text, changes, is_difference, is_told, parts, sentence, shown

__all__ = ["as_text", "audit_entry", "changes", "in_words", "is_difference", "job_event", "sentence", "shown"]

_BAD = {Action.SESSION_REFUSED, Action.ACCESS_REFUSED}
_BOOKS = {Action.JOB_RETRIED, Action.JOB_CANCELLED}
"""What they change is the ledger's book-keeping: words for engineers."""


def audit_entry(entry: Any, *, whole: bool = False, linked: bool = False) -> Entry:  # noqa: ANN401 - a row of the log
    """One entry of the audit log for a time line. Unless ``whole``, what a creation or a deletion wrote is left out:
    only differences that the sentence has no room for stand below it. ``linked``: the reader may open the entry itself.
    """
    known = entry.action in set(Action)
    tone: Tone = "bad" if known and Action(entry.action) in _BAD else "info"
    brief = entry.actor_kind == "system" or entry.action in _BOOKS or is_told(entry)
    told = () if brief and not whole else changes(entry)
    opens = f"/audit/{entry.id}" if linked else ""
    return Entry(entry.at, parts(entry), entry.reason or "", told, tone, opens)


def in_words(conflict: Conflict) -> Conflict:
    """The same conflict about one value, with its three sides as a person reads them."""
    sides = (as_text(side) for side in (conflict.original, conflict.theirs, conflict.yours))
    original, theirs, yours = sides
    return Conflict(conflict.message, original=original, theirs=theirs, yours=yours)


def job_event(event: JobEvent) -> Entry:
    """One line of a job's time line."""
    kind = JobEventKind(event.kind) if event.kind in set(JobEventKind) else None
    words, tone = _EVENTS.get(kind, (event.kind, "info")) if kind else (event.kind, "info")
    if kind is JobEventKind.LEASE_LOST and not event.detail.get("rejected"):
        words = "Gave no sign of life any more"
    reason = event.detail.get("error") or event.detail.get("message") or event.detail.get("reason") or ""
    return Entry(event.at, [words, *_facts(event.detail)], str(reason)[:300], tone=tone)


def _facts(detail: Mapping[str, Any]) -> list[Part]:
    words = [f"attempt {detail['attempt']}"] if "attempt" in detail else []
    words += [f"worker {str(detail['worker'])[-8:]}"] if detail.get("worker") else []
    return [f" ({', '.join(words)})"] if words else []


_EVENTS: Mapping[JobEventKind, tuple[str, Tone]] = {
    JobEventKind.QUEUED: ("Queued", "idle"),
    JobEventKind.DELIVERED: ("Offered to the workers again", "idle"),
    JobEventKind.CLAIMED: ("Started", "info"),
    JobEventKind.LEASE_LOST: ("A write of an older run was refused", "warn"),
    JobEventKind.TAKEN_OVER: ("Taken over, because its worker was lost", "warn"),
    JobEventKind.RETRIED: ("Put back in the queue", "info"),
    JobEventKind.RETRY_LATER: ("Failed for now; tries again later", "warn"),
    JobEventKind.CANCEL_REQUESTED: ("Asked to stop", "warn"),
    JobEventKind.CANCELLED: ("Stopped", "warn"),
    JobEventKind.FAILED: ("Failed", "bad"),
    JobEventKind.SUCCEEDED: ("Succeeded", "ok"),
}
