"""How the jobs of the demo fail: as the job queue writes it, and how long it takes."""

from dataclasses import dataclass
from datetime import timedelta

from app.demo.dice import Dice
from app.job_queue.tasks import DOCUMENT_GENERATE
from app.worker.failures import signature, timed_out

_PLACE = "app/worker/tasks/documents.py"
_KIND = DOCUMENT_GENERATE.kind


@dataclass(frozen=True, slots=True)
class Failure:
    """A way to fail: as the job queue writes it, how often, and whether the job queue tries again by itself."""

    code: str
    error: str
    signature: str
    weight: float
    again: bool = True


def _broken(error: str, weight: float) -> Failure:
    """A bug or an outage, met while the finished document was kept."""
    name, _, message = error.partition(": ")
    where = (
        f'  File "{_PLACE}", in generate_document\n    await asyncio.to_thread(keep, ctx.data_dir, ctx.job_id, text)\n'
        f'  File "{_PLACE}", in keep\n    unfinished.write_text(text, encoding="utf-8")\n'
    )
    whole = f"{error}\n\nTraceback (most recent call last):\n{where}{error}\n"
    return Failure("INTERNAL_ERROR", whole, signature(_KIND, name, f"{_PLACE}:keep", message), weight)


FULL_DISK = _broken("OSError: [Errno 28] No space left on device", 2)
READ_ONLY = _broken("PermissionError: [Errno 13] Permission denied: '/data/documents'", 0)
_SLOW = timed_out(DOCUMENT_GENERATE)
FAILURES = (
    FULL_DISK,
    Failure("TIMEOUT", _SLOW.error, _SLOW.signature, 4),
    Failure(
        "WORKER_LOST",
        f"The worker was lost while it ran this job, and attempt {DOCUMENT_GENERATE.max_attempts} was the last one.",
        f"{_KIND} WorkerLost - The worker was lost while it ran",
        2,
    ),
)
_TEMPLATE = "There is no template “white paper”. There are: report, proposal, study, brief."
NO_TEMPLATE = Failure(
    "VALIDATION_ERROR",
    _TEMPLATE,
    signature(_KIND, "Invalid", "app/documents/drafts.py:ordered", _TEMPLATE),
    0,
    again=False,
)


def length(failure: Failure, dice: Dice) -> timedelta:
    """How long a run of this failure takes."""
    least, most = {
        "TIMEOUT": (DOCUMENT_GENERATE.timeout, DOCUMENT_GENERATE.timeout),
        "WORKER_LOST": (20.0, 90.0),
        "VALIDATION_ERROR": (0.01, 0.04),
    }.get(failure.code, (2.0, 12.0))
    return timedelta(seconds=round(dice.uniform(least, most), 3))
