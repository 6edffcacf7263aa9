"""The figures as Prometheus reads them. Names and meanings: docs/metrics.md; they stay as they are once released."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from app import __version__
from app.database import engine
from app.models import JobStatus
from app.services.metrics import Figures

SETTLED = timedelta(minutes=10)
"""A minute older than this gets no more figures: no transaction lasts so long."""
_ENDINGS = ("succeeded", "failed", "cancelled")
_COUNTED = ("started", "waited_ms", *_ENDINGS, "retried", "ran_ms")
Key = tuple[str, str, str]
"""Queue, kind, what is counted."""


@dataclass(eq=False)
class SinceStart:
    """What happened in the queues since this process began, as counters that only grow: the database keeps figures of
    two days, minute by minute, so settled minutes are added to what is remembered here.
    """

    asked_from: datetime
    """The first minute that is not settled."""
    settled: Counter[Key] = field(default_factory=Counter)

    def add(self, minutes: Sequence[Any], now: datetime) -> Counter[Key]:
        """Everything until now, with the figures of each minute from :attr:`asked_from` on."""
        edge = max(self.asked_from, now.replace(second=0, microsecond=0) - SETTLED)
        fresh: Counter[Key] = Counter()
        for row in minutes:
            into = self.settled if row.minute < edge else fresh
            for name in _COUNTED:
                into[row.queue, row.kind, name] += getattr(row, name)
        self.asked_from = edge
        return self.settled + fresh


@dataclass(eq=False)
class Installation(Collector):
    """What was last found, family by family. ``figures`` None: the database did not answer."""

    open_tabs: Callable[[], int]
    figures: Figures | None = None
    happened: Counter[Key] = field(default_factory=Counter)
    unsealed: float | None = None
    """Seconds that the oldest entry of the audit log has waited to be sealed; None: not known."""

    def collect(self) -> Iterator[Metric]:
        """Everything of the database, and of this process what no other collector tells."""
        yield InfoMetricFamily("quarterdeck", "The version of this process.", {"version": __version__})
        yield _gauge("quarterdeck_database_up", "Whether the database answered.", int(self.figures is not None))
        yield _gauge("quarterdeck_open_tabs", "Browser tabs that are connected to this process.", self.open_tabs())
        yield from _connections()
        if self.unsealed is not None:
            words = "How long the oldest entry of the audit log has waited to be sealed."
            yield _gauge("quarterdeck_audit_unsealed_seconds", words, self.unsealed)
        if self.figures is not None:
            yield from _queues(self.figures)
            yield from _workers(self.figures)
            yield from _jobs(self.happened)


def _queues(figures: Figures) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("quarterdeck_jobs", "Jobs that wait or run now.", labels=["queue", "status"])
    held = _by_queue("quarterdeck_jobs_held", "Waiting jobs held back by a pause or a limit; counted up to 1,000.")
    oldest = _by_queue("quarterdeck_queue_oldest_waiting_seconds", "How long the oldest job has waited; 0: none waits.")
    paused = _by_queue("quarterdeck_queue_paused", "Whether staff paused the queue.")
    limit = _by_queue("quarterdeck_queue_limit", "Jobs that may run at once; a queue without a limit is missing.")
    for queue in figures.queues:
        for status in (JobStatus.QUEUED, JobStatus.RUNNING):
            jobs.add_metric([queue.name, status], figures.totals.get((queue.name, status), 0))
        held.add_metric([queue.name], queue.held)
        waited = (figures.at - queue.oldest).total_seconds() if queue.oldest else 0
        oldest.add_metric([queue.name], max(0.0, waited))
        paused.add_metric([queue.name], int(queue.paused_at is not None))
        if queue.max_running is not None:
            limit.add_metric([queue.name], queue.max_running)
    yield from (jobs, held, oldest, paused, limit)


def _workers(figures: Figures) -> Iterator[Metric]:
    workers = GaugeMetricFamily("quarterdeck_workers", "Workers, by how they are.", labels=["state"])
    for state, n in figures.workers.items():
        workers.add_metric([state], n)
    yield workers
    yield _gauge("quarterdeck_worker_places", "Jobs that the workers alive can run at once.", figures.places)


def _jobs(happened: Counter[Key]) -> Iterator[Metric]:
    of_kind = ["queue", "kind"]
    ended = CounterMetricFamily("quarterdeck_jobs_ended", "Jobs that ended.", labels=[*of_kind, "status"])
    retried = CounterMetricFamily("quarterdeck_jobs_retried", "Runs that went back to their queue.", labels=of_kind)
    waited = SummaryMetricFamily("quarterdeck_job_wait_seconds", "From being due to the start.", labels=of_kind)
    ran = SummaryMetricFamily("quarterdeck_job_run_seconds", "From the last start to the end.", labels=of_kind)
    for kind in sorted({(queue, kind) for queue, kind, _ in happened}):
        n = {name: happened[(*kind, name)] for name in _COUNTED}
        for status in _ENDINGS:
            ended.add_metric([*kind, status], n[status])
        retried.add_metric(kind, n["retried"])
        waited.add_metric(kind, n["started"], n["waited_ms"] / 1000)
        ran.add_metric(kind, sum(n[status] for status in _ENDINGS), n["ran_ms"] / 1000)
    yield from (ended, retried, waited, ran)


def _connections() -> Iterator[Metric]:
    used, size = engine.pool_use()
    yield _gauge("quarterdeck_database_connections_used", "Connections of this process that are in use.", used)
    yield _gauge("quarterdeck_database_connections_limit", "Connections that this process may have.", size)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _by_queue(name: str, words: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, labels=["queue"])
