"""Audit entries and job events on time lines: the same words on every screen that tells what happened."""

from collections.abc import Sequence
from typing import Any

from app.errors import Conflict
from app.models import Action
from app.permissions import Permission
from app.services import audit
from components.page.screen import View
from components.page.values import Tone
from components.records.blocks import Entry
from pages.shared.audit_sentences import as_text, changes, is_difference, is_told, parts, sentence, shown

__all__ = ["as_text", "audit_entry", "changes", "in_words", "is_difference", "sentence", "shown"]

_BAD = {Action.SESSION_REFUSED, Action.SESSION_NOT_PROVED, Action.ACCESS_REFUSED}
_BOOKS = {Action.JOB_RETRIED, Action.JOB_CANCELLED}
"""What they change is the job queue's book-keeping: words for engineers."""


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


async def happened(view: View, kind: str, id_: object) -> Sequence[Entry] | None:
    """What happened lately to a record, for a time line of its own; None: the reader may not read the log."""
    if not view.may(Permission.AUDIT_READ):
        return None
    return [audit_entry(entry, linked=True) for entry in await audit.of_record(view.actor, kind, str(id_))]


def in_words(conflict: Conflict) -> Conflict:
    """The same conflict about one value, with its three sides as a person reads them."""
    sides = (as_text(side) for side in (conflict.original, conflict.theirs, conflict.yours))
    original, theirs, yours = sides
    return Conflict(conflict.message, original=original, theirs=theirs, yours=yours)
