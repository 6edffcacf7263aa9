"""One job in words: where it stands, how its attempts ended, what happened to it. Functions of what is known of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from app.models import Action, Job, JobStatus
from app.services import jobs
from app.services.job_view import Attempt, Ending, Usual
from app.services.jobs import JobView
from components.page.values import Tone
from components.records.job import Run, Stage, Standing, Word
from pages.shared.labels import plural

WAITED = "From when it was due until a worker began its last attempt. A pause between two attempts does not count."
ATTEMPTS = "Attempts made, of all that it gets. A retry gives it more; those made before still count."
_NTH = ("th", "st", "nd", "rd")
ENDINGS: Mapping[Ending, tuple[str, Tone]] = {
    Ending.RUNS: ("Running", "info"),
    Ending.SUCCEEDED: ("Succeeded", "ok"),
    Ending.FAILED: ("Failed", "bad"),
    Ending.AGAIN: ("Failed, tried again", "warn"),
    Ending.GIVEN_BACK: ("Given back", "idle"),
    Ending.LOST: ("Worker lost", "warn"),
    Ending.CANCELLED: ("Stopped", "warn"),
}


# Where it stands


def standing(seen: JobView, now: datetime, left: float | None = None, *, inside: bool = False) -> Standing:
    """Where a job stands. ``left`` is how many seconds it will take by its pace; None: by what is usual. ``inside``:
    also where in the program it failed.
    """
    job = seen.job
    said = {
        JobStatus.QUEUED: lambda: _waiting(seen, now),
        JobStatus.RUNNING: lambda: _running(seen, now, left),
        JobStatus.SUCCEEDED: lambda: Standing([f"Succeeded{_after(seen)}{_on_which_try(seen)}"], tone="ok"),
        JobStatus.FAILED: lambda: _failed(seen, inside=inside),
        JobStatus.CANCELLED: lambda: Standing([_cancelled(seen)], tone="warn", stages=stages(seen)),
    }
    return said[JobStatus(job.status)]()


def _waiting(seen: JobView, now: datetime) -> Standing:
    job, line = seen.job, seen.line
    words: list[Word]
    if line is not None and line.paused_at is not None:
        begin = "Held: the queue " if job.held_at else "Waits: the queue "
        by = f" by {line.paused_by}" if line.paused_by else ""
        words = [f"{begin}{job.queue} is paused since ", ("at", line.paused_at), by]
        return Standing(words, line.why, tone="warn")
    if job.held_at:
        return Standing(
            ["Held until its queue lets it through, for ", ("since", job.held_at)], _full(seen), tone="warn"
        )
    if job.run_after > now:
        nth = f"Waits for its {ordinal(job.attempts + 1)} try, in " if job.attempts else "Waits for its time, in "
        last = seen.attempts[-1].message if seen.attempts else ""
        return Standing([nth, ("until", job.run_after)], f"The last one: {last}" if last else "")
    return Standing(["Waits for a worker for ", ("since", job.run_after)], _no_worker(seen))


def _full(seen: JobView) -> str:
    if seen.line is None or seen.line.max_running is None:
        return ""
    most, running = plural(seen.line.max_running, "job"), seen.line.running
    return f"The queue {seen.job.queue} runs at most {most} at once, and {running} run now."


def _no_worker(seen: JobView) -> str:
    if seen.line is None or seen.line.workers:
        return ""
    return f"No worker takes jobs from the queue {seen.job.queue}. Start one, or ask whoever runs them."


def _running(seen: JobView, now: datetime, left: float | None) -> Standing:
    job = seen.job
    began = job.run_started_at or job.started_at or now
    fraction, numbers = _how_far(job)
    if job.lease_until is not None and job.lease_until < now:
        words: list[Word] = ["Its worker has given no sign of life for ", ("since", seen.heard_of or job.lease_until)]
        return Standing(words, "Another worker takes it over within seconds.", "warn", fraction, numbers)
    if job.cancel_requested_at is not None:
        return Standing(["Stopping, running for ", ("since", began)], "", "warn", fraction, numbers, stages(seen))
    ran = (now - began).total_seconds()
    coming = left if left is not None else seen.usual.left(ran) if seen.usual else None
    words = ["Running for ", ("since", began)]
    if coming is not None:
        words += [", about ", ("until", now + timedelta(seconds=coming)), " left"]
    fixed = "" if job.kind not in jobs.LASTING else "It cannot be cancelled: what it deletes is gone from the screens."
    why = "\n".join(words_ for words_ in (_unusual(seen.usual, ran, left), fixed) if words_)
    return Standing(words, why, "info", fraction, numbers)


def _unusual(usual: Usual | None, ran: float, left: float | None) -> str:
    if usual is None:
        return ""
    if usual.left(ran) is None and left is None:
        return f"Longer than usual: nine of ten such jobs end within {spell(usual.most)}."
    return f"Such jobs usually take {spell(usual.median)}, nine of ten at most {spell(usual.most)}."


def _how_far(job: Job) -> tuple[float, Sequence[Word]]:
    numbers: list[Word] = [job.progress_text] if job.progress_text else []
    if job.progress_total and not job.progress_text:
        numbers = [f"{job.progress_done:,} of {job.progress_total:,}"]
    return (job.progress / 100 if job.progress or job.progress_total else -1), numbers


def _after(seen: JobView) -> str:
    seconds = seen.attempts[-1].seconds if seen.attempts else None
    return "" if seconds is None else f" after {spell(seconds)}"


def _on_which_try(seen: JobView) -> str:
    return f", on its {ordinal(seen.job.attempts)} try" if seen.job.attempts > 1 else ""


def _after_tries(seen: JobView) -> str:
    n = seen.job.attempts
    return f" after {plural(n, 'attempt')}" if n > 1 else _after(seen)


def _failed(seen: JobView, *, inside: bool) -> Standing:
    """What went wrong, for everybody; where in the program, only for those who can do something about it."""
    sentence, _, deeper = (seen.job.error or "").partition("\n")
    code = f"Code {seen.job.error_code}" if seen.job.error_code else ""
    why = "\n".join(part for part in (sentence[:300], code) if part)
    shown = deeper.strip()[:20_000] if inside else ""
    return Standing([f"Failed{_after_tries(seen)}"], why, "bad", inside=shown)


def _cancelled(seen: JobView) -> str:
    by = seen.names.get(seen.job.cancel_requested_by) if seen.job.cancel_requested_by else None
    whom = f" by {by}" if by else ""
    return f"Cancelled{whom}{_after(seen)}" if seen.attempts else f"Cancelled{whom} before it started"


def stages(seen: JobView) -> list[Stage]:
    """How far a wish to stop has come: asked, seen by the worker, stopped. Nothing for who never asked."""
    job = seen.job
    if job.cancel_requested_at is None:
        return []
    by = seen.names.get(job.cancel_requested_by, "") if job.cancel_requested_by else ""
    why = next((act.reason for act in seen.acts if act.action == Action.JOB_CANCELLED and act.reason), "")
    ran = any(a.ended_at is None or a.ended_at > job.cancel_requested_at for a in seen.attempts)
    told = [Stage(f"Asked to stop by {by}" if by else "Asked to stop", job.cancel_requested_at, why)]
    if ran:
        told.append(Stage("The worker has seen it", job.cancel_seen_at))
    ended = {JobStatus.SUCCEEDED: "It had succeeded before", JobStatus.FAILED: "It had failed before"}
    told.append(Stage(ended.get(JobStatus(job.status), "Stopped"), job.finished_at))
    return told


# Attempts


def runs(attempts: Sequence[Attempt], *, inside: bool, workers: str) -> list[Run]:
    """The attempts as rows, the first one first. ``inside``: also where in the program; ``workers`` is their page."""
    return [_run(attempt, inside=inside, opens=workers) for attempt in attempts]


def _run(a: Attempt, *, inside: bool, opens: str) -> Run:
    late = (
        f"{plural(a.rejected, 'late write')} of it refused: another worker had the job by then." if a.rejected else ""
    )
    said = " ".join(part for part in (a.message.partition("\n")[0][:300], late) if part)
    deeper = a.error if inside and "\n" in a.error.strip() else ""
    worker = a.host or a.worker[-8:]
    return Run(
        str(a.number), worker, a.started_at, a.seconds, ENDINGS[a.ending], said, deeper, cost(a.cost_micros), opens
    )


def total(seen: JobView) -> str:
    """What the attempts took together."""
    seconds = sum(attempt.seconds or 0 for attempt in seen.attempts)
    said = [f"{spell(seconds)} in all"] if len(seen.attempts) > 1 else []
    return " · ".join([*said, *([f"cost {cost(seen.job.cost_micros)}"] if seen.job.cost_micros else [])])


# Words for numbers


def ordinal(n: int) -> str:
    """``1st``, ``2nd``, ``11th``."""
    tens, ones = divmod(n % 100, 10)
    return f"{n}{_NTH[ones] if ones < len(_NTH) and tens != 1 else 'th'}"


def spell(seconds: float) -> str:
    """``0.4 s``, ``12.4 s``, ``3 min 5 s``, ``2 h 4 min``."""
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.1f} s".replace(".0 s", " s")
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def cost(micros: int) -> str:
    """Costs, in the currency that all of them are kept in; empty where there are none."""
    return f"{micros / 1_000_000:,.4f}".rstrip("0").rstrip(".") if micros else ""


def size(n: int) -> str:
    """``812 B``, ``9.8 MB``."""
    if n < 1000:
        return f"{n} B"
    return f"{n / 1000:.1f} kB" if n < 1_000_000 else f"{n / 1_000_000:.1f} MB"
