"""Jobs: how many a second, how soon they start and are seen, and the screens with a million of them under load.

Rates are of one worker process, from the commit that submits until the last one has ended, in turns with PgQueuer alone
in a process of its own. A start is measured by the database's clock, what is seen by the page's own.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import median, quantiles

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver

from app import job_queue
from app.database import keeping
from app.job_queue.engines.pgqueuer import queries
from benchmarks import many_jobs
from benchmarks.database import Bench, bench
from benchmarks.job_screens import measured as screens
from benchmarks.noop import BARE, NOOP
from benchmarks.options import Options
from benchmarks.processes import started
from benchmarks.report import Aim, Measure

ROWS = 1_000_000
AT_ONCE = 32
BATCH, ROUNDS = 3_000, 5
STARTS = 300
LEAST = 0.5
START_P99 = 50
_LOOK, _PAUSE = 0.005, 0.02
_LEFT = "SELECT sum(n) > 0 FROM job_totals WHERE kind = $1 AND status IN ('queued', 'running')"
_LEFT_BARE = "SELECT EXISTS (SELECT FROM engine.pgqueuer WHERE entrypoint = $1)"
_WAITED = """
    SELECT 1000 * extract(epoch FROM started_at - created_at)::float8 FROM jobs WHERE kind = $1
    ORDER BY id DESC LIMIT $2
"""


async def run(options: Options) -> Sequence[Measure]:
    """The rates and starts on an empty table, the screens on ``options.rows`` jobs."""
    async with bench() as at:
        measures = [_said(await _rates(at))]
        async with _worker(at):
            measures += map(_said, await _starts(at))
            began = time.monotonic()
            await many_jobs.make(at, options.rows or ROWS)
            print(f"{options.rows or ROWS:,} jobs: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            measures += map(_said, await screens(at))
        await many_jobs.check_counters(at)
        return measures


def _said(measure: Measure) -> Measure:
    """At once, because the rest takes long."""
    beside = f" ({measure.reference:,.0f})" if measure.reference else ""
    print(f"{measure.measure}: {measure.value:,.1f} {measure.unit}{beside}", file=sys.stderr, flush=True)
    return measure


@asynccontextmanager
async def _worker(at: Bench, *arguments: str) -> AsyncIterator[None]:
    own = {"worker_concurrency": AT_ONCE, "sweep_seconds": 1.0, "session_key": None, "totp_key": None}
    settings = at.settings.model_copy(update=own)
    async with started(settings, "benchmarks.noop", *arguments):
        yield


async def _rates(at: Bench) -> Measure:
    """Jobs a second through the ledger, and messages a second without it."""
    rates: dict[str, list[float]] = {"": [], BARE: []}
    for _ in range(ROUNDS):
        for kind, kept in rates.items():
            async with _worker(at, *([kind] if kind else [])):
                await (_bare(at, 1) if kind else _through_ledger(at, 1))  # it runs and is connected
                began = await (_bare(at, BATCH) if kind else _through_ledger(at, BATCH))
                kept.append(BATCH / began)
    return Measure(
        "jobs/noop_per_s", median(rates[""]), "jobs/s", reference=median(rates[BARE]), aim=Aim(least_ratio=LEAST)
    )


async def _through_ledger(at: Bench, n: int) -> float:
    """Submit so many in one transaction; seconds from its commit until all have ended."""
    async with keeping("benchmark: submit") as work:
        for _ in range(n):
            await job_queue.submit(work, NOOP, team_id=at.team, created_by=at.ann.staff_id)
    return await _until_none(at, _LEFT, NOOP.kind)


async def _bare(at: Bench, n: int) -> float:
    await queries(AsyncpgDriver(at.admin)).enqueue([BARE] * n, [b""] * n, [0] * n)
    return await _until_none(at, _LEFT_BARE, BARE)


async def _until_none(at: Bench, left: str, what: str) -> float:
    began = time.perf_counter()
    while await at.admin.fetchval(left, what):  # noqa: ASYNC110 - of another process
        await asyncio.sleep(_LOOK)
    return time.perf_counter() - began


async def _starts(at: Bench) -> list[Measure]:
    """Milliseconds from submit to start of jobs that a worker without other work is given one after the other."""
    await _through_ledger(at, 1)
    for _ in range(STARTS):
        await _through_ledger(at, 1)
        await asyncio.sleep(_PAUSE)
    waited = [row[0] for row in await at.admin.fetch(_WAITED, NOOP.kind, STARTS)]
    return [
        Measure("jobs/idle_start_p50", median(waited), "ms"),
        Measure("jobs/idle_start_p99", quantiles(waited, n=100)[98], "ms", aim=Aim(most=START_P99)),
    ]
