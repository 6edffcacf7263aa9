"""What happened to one job, in one line: its events and what staff did, the same moment told once."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from app.models import Action, JobEvent, JobEventKind
from app.services.jobs import JobView
from components.page.values import Tone
from components.records.blocks import Entry, Part
from pages.shared.audit_timeline import audit_entry
from pages.shared.job_status import spell

_SAID = {JobEventKind.RETRIED: Action.JOB_RETRIED, JobEventKind.CANCEL_REQUESTED: Action.JOB_CANCELLED}
"""What the audit log tells as well, with a reason: it stands on the time line once."""
_SAME = timedelta(seconds=2)


def line(seen: JobView, *, linked: bool) -> list[Entry]:
    """What the engine, workers and staff did, in one line, newest first; what repeats itself is folded."""
    told = {(act.action, act.at) for act in seen.acts}
    events = [event for event in seen.events if not _is_told(event, told)]
    numbers = {attempt.epoch: attempt.number for attempt in seen.attempts}
    entries = [_folded(list(same), seen.names, numbers) for _, same in groupby(events, key=_alike)]
    return sorted([*entries, *(audit_entry(a, linked=linked) for a in seen.acts)], key=lambda e: e.at, reverse=True)


def _is_told(event: JobEvent, told: Iterable[tuple[str, datetime]]) -> bool:
    kind = _kind(event)
    action = _SAID.get(kind) if kind else None
    return action is not None and any(action == act and abs(at - event.at) < _SAME for act, at in told)


def _kind(event: JobEvent) -> JobEventKind | None:
    return JobEventKind(event.kind) if event.kind in set(JobEventKind) else None


_REPEATED = {JobEventKind.DELIVERED, JobEventKind.CHECKPOINT, JobEventKind.LEASE_LOST}


def _alike(event: JobEvent) -> object:
    """Neighbours of the same kind that say the same are told once."""
    repeats = _kind(event) in _REPEATED and (event.kind != JobEventKind.LEASE_LOST or event.detail.get("rejected"))
    return (event.kind, event.detail.get("epoch")) if repeats else event.id


def _folded(events: Sequence[JobEvent], names: Mapping[UUID, str], numbers: Mapping[int | None, int]) -> Entry:
    entry = job_event(events[0], names, numbers)
    if len(events) == 1:
        return entry
    return Entry(entry.at, [*entry.parts, f", {len(events)} times"], entry.reason, tone=entry.tone)


def job_event(event: JobEvent, names: Mapping[UUID, str], numbers: Mapping[int | None, int]) -> Entry:
    """One line of a job's time line. ``numbers`` are those of its attempts, by epoch."""
    detail, kind = event.detail, _kind(event)
    words, tone = _EVENTS.get(kind, (event.kind, "info")) if kind else (event.kind, "info")
    parts: list[Part] = [_more_exactly(kind, detail) or words]
    if kind in {JobEventKind.QUEUED, JobEventKind.RETRIED, JobEventKind.CANCEL_REQUESTED} and detail.get("by"):
        parts += [" by ", (names.get(UUID(str(detail["by"]))) or "somebody", "")]
    reason = str(detail.get("message") or detail.get("reason") or "").partition("\n")[0]
    return Entry(event.at, [*parts, *_where(kind, detail, numbers)], reason[:300], tone=tone)


def _more_exactly(kind: JobEventKind | None, detail: Mapping[str, Any]) -> str:
    match kind:
        case JobEventKind.LEASE_LOST if not detail.get("rejected"):
            return "Its worker gave no sign of life any more"
        case JobEventKind.RETRY_LATER if not detail.get("code"):
            return "Given back, to go on later"
        case JobEventKind.RETRY_LATER:
            return f"Failed for now; tries again after {spell(float(detail.get('delay') or 0))}"
        case JobEventKind.RETRIED if detail.get("from_start"):
            return "Put back in the queue, to start over"
        case JobEventKind.CANCELLED if detail.get("given_up"):
            return "Given up"
        case JobEventKind.QUEUED if detail.get("delay"):
            return f"Queued, to start after {spell(float(detail['delay']))}"
        case _:
            return ""


def _where(kind: JobEventKind | None, detail: Mapping[str, Any], numbers: Mapping[int | None, int]) -> list[Part]:
    host = str(detail.get("host") or "").partition("/")[0]
    starts = kind in {JobEventKind.CLAIMED, JobEventKind.TAKEN_OVER}
    worker = host or (str(detail.get("worker") or "")[-8:] if starts else "")
    number = numbers.get(detail.get("epoch"))
    words = [f"attempt {number}"] if number is not None and kind != JobEventKind.CANCEL_SEEN else []
    words += [f"on {worker}"] if worker and (starts or kind is JobEventKind.LEASE_LOST) else []
    return [f" ({', '.join(words)})"] if words else []


_EVENTS: Mapping[JobEventKind, tuple[str, Tone]] = {
    JobEventKind.QUEUED: ("Queued", "idle"),
    JobEventKind.DELIVERED: ("Offered to the workers again", "idle"),
    JobEventKind.CLAIMED: ("Started", "info"),
    JobEventKind.CHECKPOINT: ("Saved where to go on from", "idle"),
    JobEventKind.LEASE_LOST: ("A late write of an older run was refused", "warn"),
    JobEventKind.TAKEN_OVER: ("Taken over, because its worker was lost", "warn"),
    JobEventKind.RETRIED: ("Put back in the queue", "info"),
    JobEventKind.RETRY_LATER: ("Tries again later", "warn"),
    JobEventKind.HELD: ("Held: its queue is paused or full", "warn"),
    JobEventKind.RELEASED: ("Let through by its queue", "idle"),
    JobEventKind.CANCEL_REQUESTED: ("Asked to stop", "warn"),
    JobEventKind.CANCEL_SEEN: ("The worker has seen that it shall stop", "warn"),
    JobEventKind.CANCELLED: ("Stopped", "warn"),
    JobEventKind.FAILED: ("Failed", "bad"),
    JobEventKind.SUCCEEDED: ("Succeeded", "ok"),
}
