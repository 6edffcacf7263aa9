"""The work: do workers live, does one of them do maintenance, does anything wait too long?"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from app import __version__, clock
from app.actor import Command
from app.config import Settings
from app.database import engine, reading
from app.doctor.findings import Finding, counted, lasting, ok, problem, warning
from app.errors import AppError
from app.permissions import Permission
from app.repositories import checkup, home
from app.repositories.checkup import Sign

WORKERS, JOBS, NUMBERS = "Workers", "Waiting jobs", "Numbers"
_SIGNS_MISSED = 5
_LONG, _TOO_LONG = 60.0, 900.0
_MANY, _TOO_MANY = 10_000, 100_000


async def examine(settings: Settings, user: str) -> list[Finding]:
    """Workers, jobs and numbers, asked as ``user`` of this machine through the door."""
    engine.configure(settings)
    try:
        async with reading(Command(user), Permission.JOBS_READ) as work:
            signs = await checkup.workers(work)
            since = await home.waits_since(work)
            deltas = await checkup.deltas(work)
    except AppError as refusal:
        return [problem(WORKERS, refusal.message)]
    finally:
        await engine.dispose()
    late = max(home.LATE, timedelta(seconds=_SIGNS_MISSED * settings.heartbeat_seconds))
    living = [sign for sign in signs if sign.heartbeat_at > clock.now() - late]
    return [*workers(living, signs, waiting=since is not None), jobs(since, living), numbers(deltas, living)]


def workers(living: Sequence[Sign], signs: Sequence[Sign], *, waiting: bool) -> Iterator[Finding]:
    """``living`` are those of ``signs`` with a recent sign of life; ``waiting``: some job could run now."""
    if not living:
        last = f" The last one showed life {_ago(signs[0].heartbeat_at)} ago." if signs else ""
        told = problem if waiting else warning
        yield told(WORKERS, f"No worker runs.{last}", "Start one with `quarterdeck up` or `quarterdeck worker`.")
        return
    places = sum(sign.concurrency for sign in living)
    yield ok(
        WORKERS,
        f"{counted(len(living), 'worker runs', 'workers run')}, {counted(places, 'job', 'jobs')} at a time; the last"
        f" sign of life came {_ago(living[0].heartbeat_at)} ago.",
    )
    yield from _versions(living)
    yield from _maintenance([sign for sign in living if sign.maintenance])


def _versions(living: Sequence[Sign]) -> Iterator[Finding]:
    others = sorted({sign.version for sign in living} - {__version__})
    if others:
        yield warning(
            WORKERS,
            f"Some are of version {', '.join(others)}; this is {__version__}.",
            "Update and restart those workers.",
        )


def _maintenance(keepers: Sequence[Sign]) -> Iterator[Finding]:
    if not keepers:
        yield warning(
            WORKERS,
            "None of them does maintenance.",
            "Set QUARTERDECK_MIGRATION_URL, then start `quarterdeck up` or `quarterdeck worker --maintenance`.",
        )
    elif len(keepers) > 1:
        places = ", ".join(f"{sign.host.partition('/')[0]} (process {sign.pid})" for sign in keepers)
        yield warning(WORKERS, f"More than one does maintenance: {places}.", "Let one of them do it.")


def jobs(since: datetime | None, living: Sequence[Sign]) -> Finding:
    """How long the job waits that could have run ``since``."""
    waited = (clock.now() - since).total_seconds() if since is not None else 0
    if waited < _LONG:
        return ok(JOBS, "No job waits for long.")
    advice = "Look at Jobs, and start more workers." if living else "Start a worker."
    told = problem if waited >= _TOO_LONG else warning
    return told(JOBS, f"A job that could run has been waiting for {lasting(waited)}.", advice)


def numbers(deltas: int, living: Sequence[Sign]) -> Finding:
    """How many changes are not yet added up."""
    more = "more than " if deltas >= checkup.MOST_DELTAS else ""
    sentence = f"{more}{counted(min(deltas, checkup.MOST_DELTAS - 1), 'change waits', 'changes wait')} to be added up."
    if deltas < _MANY:
        return ok(NUMBERS, sentence)
    advice = (
        "Look at the workers' log: one of them adds up all the time." if living else "Start a worker: it adds them up."
    )
    return (problem if deltas >= _TOO_MANY else warning)(NUMBERS, f"{sentence} Stats get slower.", advice)


def _ago(moment: datetime) -> str:
    return lasting((clock.now() - moment).total_seconds())
