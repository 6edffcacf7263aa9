"""What became of a bulk act, in words and in the colour of the worst of it; the same wherever it is listed."""

from typing import Any

from app.models import BulkStatus, BulkVerb, JobStatus
from app.services.bulk import Outcome
from components.page.values import Tone
from pages.shared.labels import CANCELLING, JOB, job_state, plural

_STOPPED: tuple[str, Tone] = ("Stopped", "warn")
DONE = {BulkVerb.RETRY: "Queued again", BulkVerb.CANCEL: "Asked to stop"}


def items(verb: BulkVerb) -> dict[str, tuple[str, Tone]]:
    """What was done with one of its jobs."""
    return {
        BulkStatus.REFUSED: ("Refused", "warn"),
        BulkStatus.SUCCEEDED: (DONE[verb], "info"),
        BulkStatus.WAITING: ("Not yet", "idle"),
    }


def verdict(outcome: Outcome, job: Any) -> tuple[str, Tone]:  # noqa: ANN401 - a job, or a row that has its state
    """How it stands. ``job`` carries it out."""
    state = job_state(job)
    if state == JobStatus.SUCCEEDED:
        return _ended(outcome)
    word, tone = _STOPPED if state == JobStatus.CANCELLED else CANCELLING if state == "cancelling" else JOB[state]
    again = outcome.of(JobStatus.FAILED) if outcome.verb is BulkVerb.RETRY else 0
    return (f"{word}, {again:,} failed again", "bad") if again else (word, tone)


def _ended(outcome: Outcome) -> tuple[str, Tone]:
    """The worst first: one word for all of them would hide it."""
    retried = outcome.verb is BulkVerb.RETRY
    found: list[tuple[int, str, Tone]] = [
        (outcome.of(JobStatus.FAILED), "failed again" if retried else "failed", "bad"),
        (outcome.refused, "refused", "warn"),
        (outcome.of(JobStatus.CANCELLED) if retried else outcome.of(JobStatus.SUCCEEDED), _OTHER[retried], "warn"),
        (outcome.going, "not ended yet", "info"),
    ]
    for n, words, tone in found:
        if n:
            return f"{n:,} {words}", tone
    return ("All succeeded", "ok") if retried else ("All cancelled", "ok")


_OTHER = {True: "cancelled", False: "succeeded all the same"}


def sentence(outcome: Outcome) -> str:
    """``11 queued again: 0 succeeded, 11 failed again``."""
    begin = f"{outcome.done:,} {DONE[outcome.verb].lower()}"
    told = [f"{n:,} {words.lower()}" for words, n in numbers(outcome)]
    return f"{begin}: {', '.join(told)}" if told else plural(outcome.total, "job")


def numbers(outcome: Outcome) -> list[tuple[str, int]]:
    """How its jobs stand, and those with which nothing was done. What there is none of is left out, but for the ends
    that were wanted and feared.
    """
    retried = outcome.verb is BulkVerb.RETRY
    failed = ("Failed again" if retried else "Failed", outcome.of(JobStatus.FAILED))
    always = [("Succeeded", outcome.of(JobStatus.SUCCEEDED)), failed]
    others = [
        ("Cancelled", outcome.of(JobStatus.CANCELLED)),
        ("Running", outcome.of(JobStatus.RUNNING)),
        ("Waiting", outcome.of(JobStatus.QUEUED)),
        ("Refused", outcome.refused),
        ("Not yet", outcome.left),
    ]
    if not retried:
        always, others = others[:1], [*always, *others[1:]]
    return [*always, *((words, n) for words, n in others if n)]
