"""What is wrong with the work right now, for the people on call: what, since when, and why."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from app import clock
from app.actor import Actor
from app.database import Work, driver_errors, reading
from app.errors import DiskFull, Exhausted, OutOfMemory, TooManyConnections
from app.job_queue.tasks import label_of
from app.models import JobStatus, Worker
from app.permissions import Permission
from app.repositories import queues as queues_table
from app.repositories import seals as seals_table
from app.repositories import workers as workers_table
from app.repositories.home import LATE
from app.seals.damage import Problem, of_json

STUCK_AFTER = timedelta(minutes=5)
"""A job may wait so long; if none of its queue started meanwhile, the queue is stuck."""
LOST_FOR = timedelta(hours=1)
"""A worker that was lost is told of for so long; then whoever is on call knows."""
PAUSED_AFTER = timedelta(minutes=30)
"""A pause may last so long before somebody is asked whether they forgot it."""
WINDOW = timedelta(hours=1)
"""Over which failures are counted, now and a day ago."""
MET_FOR = timedelta(minutes=5)
"""For so long it is told that a click met a database that had run out of something."""
FEWEST = 5
"""Failures in the window, below which nothing is said."""
_DAY = timedelta(days=1)


class AlertKind(StrEnum):
    """What can be wrong."""

    NO_WORKER = "no_worker"
    LOST = "lost"
    STUCK = "stuck"
    FAILING = "failing"
    PAUSED = "paused"
    EXHAUSTED = "exhausted"
    TAMPERED = "tampered"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that is wrong. ``subject`` is the queue or the kind of job; "" where it is all of them. ``number`` and
    ``title`` are read together: "12 jobs wait in imports, and none starts".
    """

    kind: AlertKind
    subject: str
    number: int
    title: str
    sentence: str
    is_serious: bool = True


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the alerts are made of."""

    now: datetime
    workers: Sequence[Worker]
    running: Mapping[Any, Sequence[Any]]
    queues: Sequence[Any]
    totals: Mapping[tuple[str, JobStatus], int]
    lately: Sequence[Any]
    a_day_ago: Sequence[Any]
    waiting_out: Mapping[str, int]
    met: Mapping[type[Exhausted], int]
    damage: Sequence[Problem]
    """What is wrong with the audit log and its guards; nothing for people who may not read it."""

    @property
    def alive(self) -> Sequence[Worker]:
        """The workers that show life."""
        return [worker for worker in self.workers if worker.heartbeat_at > self.now - LATE]

    def waiting(self, queue: str) -> int:
        """How many jobs wait in a queue."""
        return self.totals.get((queue, JobStatus.QUEUED), 0)


async def current(actor: Actor) -> Sequence[Alert]:
    """Everything that is wrong now, the worst first; nothing when all is well."""
    async with reading(actor, Permission.QUEUES_READ) as work:
        seen = await _look(work)
    found = [
        *_tampered(seen),
        *_exhausted(seen),
        *_workers(seen),
        *(_stuck(seen) if seen.alive else ()),
        *_failing(seen),
        *_paused(seen),
    ]
    return sorted(found, key=lambda alert: not alert.is_serious)


async def _look(work: Work) -> _Seen:
    now = clock.now()
    yesterday = now - _DAY
    return _Seen(
        now,
        [worker for worker, _ in await workers_table.listed(work)],
        await workers_table.running(work),
        await queues_table.standing(work),
        await queues_table.totals(work),
        await queues_table.minutes(work, now - WINDOW),
        await queues_table.minutes(work, yesterday - WINDOW, yesterday),
        await queues_table.waiting_out(work, [kind.code for kind in _LACKS]),
        driver_errors.met_since(now - MET_FOR),
        await _damage(work) if Permission.AUDIT_READ in work.who.permissions else (),
    )


async def _damage(work: Work) -> Sequence[Problem]:
    return [of_json(problem) for problem in (await seals_table.state(work)).problems]


def _tampered(seen: _Seen) -> Iterator[Alert]:
    if n := len(seen.damage):
        title = (
            "sign that somebody tampered with the database"
            if n == 1
            else "signs that somebody tampered with the database"
        )
        more = f" The audit log tells of {n - 1:,} more." if n > 1 else ""
        yield Alert(AlertKind.TAMPERED, "", n, title, f"{seen.damage[0].sentence}{more}")


def _exhausted(seen: _Seen) -> Iterator[Alert]:
    for kind, (what, remedy) in _LACKS.items():
        if jobs := seen.waiting_out.get(kind.code, 0):
            sentence = f"{remedy} They go on by themselves then; each looks again within a quarter of an hour."
            yield Alert(AlertKind.EXHAUSTED, kind.code, jobs, f"{_wait(jobs)}: {what}", sentence)
        elif times := seen.met.get(kind, 0):
            title = f"{'time' if times == 1 else 'times'} in the last minutes something failed: {what}"
            yield Alert(AlertKind.EXHAUSTED, kind.code, times, title, remedy)


def _workers(seen: _Seen) -> Iterator[Alert]:
    if not seen.alive:
        waiting = sum(seen.waiting(queue.name) for queue in seen.queues)
        last = max((worker.heartbeat_at for worker in seen.workers), default=None)
        heard = f" The last sign of life came {_long(seen.now - last)} ago." if last else ""
        sentence = f"Nothing will run until a worker starts.{heard}"
        yield Alert(AlertKind.NO_WORKER, "", waiting, f"{_wait(waiting)}, and no worker is alive", sentence)
        return
    told_from = seen.now - LOST_FOR
    lost = [worker for worker in seen.workers if told_from < worker.heartbeat_at <= seen.now - LATE]
    if lost:
        names = "; ".join(f"{one.audit_label}: {_long(seen.now - one.heartbeat_at)}" for one in lost[:3])
        title = "worker gives no sign of life" if len(lost) == 1 else "workers give no sign of life"
        sentence = f"Not heard of for: {names}. Others take over what they ran."
        yield Alert(AlertKind.LOST, "", len(lost), title, sentence, is_serious=False)


def _stuck(seen: _Seen) -> Iterator[Alert]:
    since = seen.now - STUCK_AFTER
    moving = {row.queue for row in seen.lately if row.started and row.minute >= since.replace(second=0, microsecond=0)}
    for queue in seen.queues:
        if queue.paused_at is None and queue.oldest and queue.oldest < since and queue.name not in moving:
            n, waits = seen.waiting(queue.name), _long(seen.now - queue.oldest)
            sentence = f"The oldest waits for {waits}, and none was started meanwhile. {_why(seen, queue)}"
            yield Alert(AlertKind.STUCK, queue.name, n, f"{_wait(n)} in {queue.name}, and none starts", sentence)


def _why(seen: _Seen, queue: Any) -> str:  # noqa: ANN401 - a row of queues_table.standing
    taking = [one for one in seen.alive if queue.name in one.queues and one.drain_requested_at is None]
    if not taking:
        return "No worker takes from it: start one, or resume a drained one."
    if queue.max_running is not None and seen.totals.get((queue.name, JobStatus.RUNNING), 0) >= queue.max_running:
        return f"Its limit of {queue.max_running:,} is reached by jobs that run long."
    if all(len(seen.running.get(one.id, ())) >= one.concurrency for one in taking):
        return "All places of its workers are taken by jobs that run long."
    return "Its workers have room and take nothing: look at their logs, and restart them."


def _paused(seen: _Seen) -> Iterator[Alert]:
    for queue in seen.queues:
        if queue.paused_at is not None and queue.paused_at < seen.now - PAUSED_AFTER:
            n, title = seen.waiting(queue.name), f"in {queue.name}, which is still paused"
            sentence = f"Paused for {_long(seen.now - queue.paused_at)}. Resume it when the reason is gone."
            yield Alert(AlertKind.PAUSED, queue.name, n, f"{_wait(n)} {title}", sentence, is_serious=False)


def _failing(seen: _Seen) -> Iterator[Alert]:
    """Kinds of jobs that fail clearly more often than in the same hour of the day before, the most failures first."""
    now, before = _failures(seen.lately), _failures(seen.a_day_ago)
    for kind, (failed, ended) in sorted(now.items(), key=lambda one: -one[1][0]):
        failed_before, ended_before = before.get(kind, (0, 0))
        rate, usual = failed / max(ended, 1), failed_before / max(ended_before, 1)
        if failed < FEWEST or rate < max(2 * usual, usual + 0.1):
            continue
        compared = f"{failed_before:,} of {ended_before:,}" if ended_before else "none ran"
        sentence = f"Of {ended:,} in the last hour ({rate:.0%}). In the same hour a day before: {compared}."
        yield Alert(AlertKind.FAILING, kind, failed, f"times “{label_of(kind)}” failed, more than usual", sentence)


def _failures(minutes: Sequence[Any]) -> Mapping[str, tuple[int, int]]:
    """How many failed, and of how many, by kind."""
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in minutes:
        failed, ended = found[row.kind]
        found[row.kind] = (failed + row.failed, ended + row.failed + row.succeeded)
    return found


_LACKS: Mapping[type[Exhausted], tuple[str, str]] = {
    DiskFull: ("the disk of the database is full", "Make room on it, or give it a larger one."),
    OutOfMemory: ("the database ran out of memory", "Give its machine more memory, or lower its memory settings."),
    TooManyConnections: (
        "the database takes no more connections",
        "Raise its max_connections, or close what else is connected.",
    ),
}
"""What the database can run out of: what is said of it, and what helps."""


def _wait(n: int) -> str:
    return "job waits" if n == 1 else "jobs wait"


def _long(time: timedelta) -> str:
    seconds = max(0, int(time.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 2 * 86400 else f"{seconds // 86400} days"
