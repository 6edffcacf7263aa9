"""What a task's exception means for its job: a sentence for people, everything for engineers, a signature to group
alike failures, and whether trying again can help.
"""

import random
import re
import traceback
from pathlib import Path
from types import TracebackType

from app.errors import AppError, Conflict, Duplicate, TooSlow, Unavailable
from app.job_queue import Failure, Task
from app.job_queue.tasks import Backoff

_OURS = Path(__file__).parent.parent.parent
_LONGEST_ERROR = 20_000
_LONGEST_MESSAGE = 200
_NOWHERE = "-"
_LONG = Backoff(first=60, longest=900)
"""Somebody has to do something: that takes minutes, and trying again at once only fills the log."""
_REMOVED = (
    (re.compile(r"\b[\w+.-]+://\S+"), "<address>"),
    (re.compile(r"[^\s@<>\"']+@[\w-]+(?:\.[\w-]+)+"), "<address>"),
    (re.compile(r"\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)|“[^”]*”|‘[^’]*’|«[^»]*»|`[^`]*`"), "“…”"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (
        re.compile(r"\b(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{1,4})(?::\d+)?\b", re.IGNORECASE),
        "<address>",
    ),
    (re.compile(r"\b(?:0x)?(?=[0-9a-f]*\d)[0-9a-f]{8,}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b[a-z]{2,6}_(?=\w*\d)\w{6,}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?(?:Z\b|[+-]\d\d:?\d\d\b)?"), "<time>"),
    (re.compile(r"[-+]?\d[\d.,:]*(?<=\d)"), "#"),
    (re.compile(r"#(?:[\s,;:/-]+#)+"), "#"),
    (re.compile(r"\s+"), " "),
)
"""What makes two messages of the same failure differ, and what stands in its place."""


def failure_of(kind: str, error: BaseException) -> Failure:
    """Tell of a failure. A refusal says its sentence; a bug of ours brings its traceback."""
    name, place = type(error).__name__, _innermost(error.__traceback__)
    if isinstance(error, AppError):
        return Failure(error.code, error.message, error.message, signature(kind, name, place, error.message))
    message = "".join(traceback.format_exception_only(error)).strip()
    alike = signature(kind, name, place, str(error))
    whole = f"{message}\n\n{''.join(traceback.format_exception(error))}"
    return Failure("INTERNAL_ERROR", message[:500], whole[:_LONGEST_ERROR], alike)


def signature(kind: str, error_class: str, place: str, message: str) -> str:
    """What alike failures have in common: ``kind class place message`` ("-" for no place), the message without its
    numbers, ids, addresses and whatever stands in quotes.
    """
    return f"{kind} {error_class} {place.replace(' ', '_') or _NOWHERE} {normalised(message)}".strip()


def normalised(message: str) -> str:
    """The first line of a message without what differs from one failure to the next."""
    text = message.strip().partition("\n")[0]
    for pattern, instead in _REMOVED:
        text = pattern.sub(instead, text)
    return text.strip()[:_LONGEST_MESSAGE]


def timed_out(task: Task) -> Failure:
    """The run took longer than its task may."""
    sentence = f"{task.label} took longer than the {task.timeout:g} seconds that it may take, and was stopped."
    return Failure("TIMEOUT", sentence, sentence, signature(task.kind, "Timeout", "", "Took longer than it may"))


def stopped_itself(task: Task) -> Failure:
    """Something inside the task cancelled it, neither a person nor this worker."""
    sentence = f"{task.label} was cancelled from inside."
    return Failure("INTERNAL_ERROR", sentence, sentence, signature(task.kind, "CancelledError", "", sentence))


def unkeepable(task: Task, error: BaseException) -> Failure:
    """The run went well, but what it brought back is no JSON that the database can hold."""
    why = str(getattr(error, "orig", None) or error).strip().rpartition("\n")[2]
    sentence = f"{task.label} went well, but its result cannot be kept: {why}"
    return Failure("INTERNAL_ERROR", sentence, sentence, f"{task.kind} UnkeepableResult - Its result cannot be kept")


def unknown(kind: str) -> Failure:
    """This worker has no function for the kind: it is older or newer than whoever queued the job."""
    sentence = f"This worker does not know how to run “{kind}”. Update the workers, then retry the job."
    return Failure(
        "UNKNOWN_KIND", sentence, sentence, signature(kind, "UnknownKind", "", "No worker knows how to run it")
    )


def can_help(error: BaseException) -> bool:
    """Whether trying again may go better: after a bug or an outage perhaps, after a refusal not."""
    if isinstance(error, AppError):
        return isinstance(error, Unavailable | TooSlow | Conflict) and not isinstance(error, Duplicate)
    return True


def pause(backoff: Backoff, attempt: int, usual: float) -> float:
    """Seconds until the next attempt, as its task wants it, else beginning with the ``usual`` ones; a tenth more or
    less, so that what failed together does not come back together.
    """
    first = usual if backoff.first is None else backoff.first
    return min(first * backoff.factor ** (attempt - 1), backoff.longest) * random.uniform(0.9, 1.1)  # noqa: S311 - no secret


def long_pause(times: int) -> float:
    """Seconds until a job looks again whether the database was given what it lacked, for the n-th time."""
    return pause(_LONG, times, 0)


def _innermost(trace: TracebackType | None) -> str:
    """The innermost place of our own code, without its line number, which every release moves."""
    for frame in reversed(traceback.extract_tb(trace)):
        path = Path(frame.filename)
        if path.is_relative_to(_OURS) and "site-packages" not in path.parts:
            return f"{path.relative_to(_OURS)}:{frame.name}"
    return ""
