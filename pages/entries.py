"""Audit entries and job events as sentences: the same words on every screen that tells what happened."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from app import exact_json
from app.errors import Conflict
from app.models import SENTENCES, Action, JobEvent, JobEventKind
from components.blocks import Entry, Part
from components.columns import Tone

_LINKS = {
    "dataset": "/datasets/{}",
    "import": "/imports/{}",
    "job": "/jobs/{}",
    "user": "/users/{}",
    "team": "/teams/{}",
}
_BAD = {Action.SESSION_REFUSED, Action.ACCESS_REFUSED}
_BOOKS = {Action.JOB_RETRIED, Action.JOB_CANCELLED}
"""What they change is the ledger's book-keeping: words for engineers."""
_GONE = {Action.DATASET_DELETED, Action.DATASET_REMOVED, Action.IMPORT_DELETED}


def audit_entry(entry: Any, *, whole: bool = False, linked: bool = False) -> Entry:  # noqa: ANN401 - a row of the log
    """One entry of the audit log for a time line. Unless ``whole``, what a creation or a deletion wrote is left out:
    only differences fit into a line. ``linked``: the reader may open the entry itself.
    """
    known = entry.action in set(Action)
    tone: Tone = "bad" if known and Action(entry.action) in _BAD else "info"
    brief = entry.actor_kind == "system" or entry.action in _BOOKS or not is_difference(entry)
    told = () if brief and not whole else changes(entry)
    if not whole:
        told = [change for change in told if change[0] != "team_id"]  # the sentence names the team
    return Entry(entry.at, parts(entry), entry.reason or "", told, tone, f"/audit/{entry.id}" if linked else "")


def parts(entry: Any) -> list[Part]:  # noqa: ANN401 - a row of the audit log
    """The sentence: who did what to which record."""
    verb, tail = _words(entry.action)
    sentence: list[Part] = [(entry.actor_name, ""), f" {verb}"]
    if entry.target_label:
        address = _LINKS.get(entry.target_type, "").format(entry.target_id)
        gone = entry.action in {action.value for action in _GONE}
        sentence += [" ", (entry.target_label, "" if gone else address)]
    if entry.action == Action.USER_MOVED and entry.detail:
        tail = f"to {entry.detail.get('team', 'another team')}"
    return [*sentence, *([f" {tail}"] if tail else []), *_numbers(entry.detail or {})]


def sentence(entry: Any) -> str:  # noqa: ANN401 - a row of the audit log
    """The same as plain text."""
    return "".join(part if isinstance(part, str) else part[0] for part in parts(entry))


def changes(entry: Any) -> Sequence[tuple[str, Any, Any]]:  # noqa: ANN401 - a row of the audit log
    """What changed, as (field, before, after)."""
    before: Mapping[str, Any] = entry.before or {}
    after: Mapping[str, Any] = entry.after or {}
    names = {**before, **after}
    return [(key.removeprefix("data."), shown(before.get(key)), shown(after.get(key))) for key in names]


def is_difference(entry: Any) -> bool:  # noqa: ANN401 - a row of the audit log
    """Whether it changed something that was there, rather than made or removed it."""
    return bool(entry.before and entry.after)


def shown(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """A value in a difference or a list of facts: short, several choices as "a; b", an object as JSON."""
    if isinstance(value, dict | list):
        text = as_text(value)
        return text if len(text) <= 200 else text[:200] + "…"
    return value


def as_text(value: Any) -> str:  # noqa: ANN401 - a JSON value
    """A value as one would type it; a missing one is empty."""
    match value:
        case None:
            return ""
        case str():
            return value
        case Decimal():
            return format(value, "f")
        case list() if value and all(isinstance(item, str) for item in value):
            return "; ".join(value)
        case _:
            return exact_json.dumps(value)


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


def _words(action: str) -> tuple[str, str]:
    return SENTENCES.get(Action(action), (action, "")) if action in set(Action) else (action, "")


def _numbers(detail: Mapping[str, Any]) -> list[Part]:
    words = []
    if "rows" in detail:
        words.append(f"{detail['rows']:,} rows")
    if detail.get("bad"):
        words.append(f"{detail['bad']:,} bad rows left out")
    if "field" in detail:
        words.append(str(detail["field"]))
    if "dataset" in detail:
        words.append(f"into {detail['dataset']}")
    return [f" ({', '.join(words)})"] if words else []


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
