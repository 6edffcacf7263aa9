"""A list of 100,000 payments as CSV, over HTTP from the signed-in click to the last byte.

The value is the whole request: guard, door, the question with its joins, formula cells defused, the file on the disk,
the entry in the audit log, the commit, and only then the bytes. The reference is COPY of the same rows, columns and
order by asyncpg alone, as superuser, into a file. They take turns; the medians count. The client throws the bytes away.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import asyncpg
import httpx

from app.config import Settings
from app.paging import EXPORT_CAP
from app.web.sign_in.password import cookie_name
from benchmarks import company, watched
from benchmarks.database import Bench, bench
from benchmarks.options import Options
from benchmarks.processes import cpu_ms, forget_peak, memory_mb, peak_mb
from benchmarks.report import Aim, Measure
from benchmarks.web import running, token

ROUNDS = 7
_COPY = f"""
    SELECT p.id, p.created_at, p.team_id, t.name, p.user_id, u.name, u.email, p.amount_minor, p.currency, p.status,
        p.refunded_minor, p.description, p.failure, p.stripe_payment_intent, p.stripe_charge
    FROM payments p JOIN teams t ON t.id = p.team_id LEFT JOIN users u ON u.id = p.user_id
    ORDER BY p.created_at DESC, p.id DESC LIMIT {EXPORT_CAP}
"""


@dataclass(frozen=True, slots=True)
class _Turn:
    """One export and one COPY, in ms; what the export cost the process, and the event loop at its worst."""

    export: float
    copy: float
    cpu: float
    lag: watched.Lag


async def run(options: Options) -> Sequence[Measure]:
    """Make ``options.rows`` payments and take them away again and again."""
    async with bench() as at:
        await company.make(at, max((options.rows or EXPORT_CAP) // company.PER_USER["payments"], 1))
        async with running(at, "benchmarks.watched") as (settings, process), _signed_in(at, settings) as client:
            await _exported(client, "?currency=XXX")  # warms up, and finds nothing
            forget_peak(process.pid)
            rest = memory_mb(process.pid)
            turns = [await _turn(at, settings, client, process.pid) for _ in range(ROUNDS)]
            grown = peak_mb(process.pid) - rest
    export, copy = median(turn.export for turn in turns), median(turn.copy for turn in turns)
    return [
        Measure("exports/csv_100k", export, "ms", copy, Aim(most=1000)),
        Measure("exports/rss_above_rest", grown, "MB", None, Aim(most=30)),
        Measure("exports/loop_lag_max", max(turn.lag.busy for turn in turns), "ms", None, Aim(most=20)),
        Measure("exports/loop_lag_max/wall", max(turn.lag.late for turn in turns), "ms"),
        Measure("exports/cpu", median(turn.cpu for turn in turns), "ms"),
    ]


async def _turn(at: Bench, settings: Settings, client: httpx.AsyncClient, pid: int) -> _Turn:
    used, since = cpu_ms(pid), time.monotonic()
    rows = await _exported(client, "")
    until, took = time.monotonic(), cpu_ms(pid) - used
    copied = await _copied(at.admin)
    if rows != copied:
        raise RuntimeError(f"The export has {rows} rows, COPY has {copied}.")
    copy = time.monotonic() - until
    return _Turn((until - since) * 1000, copy * 1000, took, watched.worst(settings.data_dir, since, until))


def _signed_in(at: Bench, settings: Settings) -> httpx.AsyncClient:
    headers = {"cookie": f"{cookie_name(settings)}={token(settings, at.ann)}", "origin": settings.browser_origin}
    return httpx.AsyncClient(base_url=settings.browser_origin, headers=headers, timeout=120)


async def _exported(client: httpx.AsyncClient, query: str) -> int:
    """Take the list away; returns how many rows came, once all bytes are here."""
    async with client.stream("POST", f"/export/payments.csv{query}") as answer:
        answer.raise_for_status()
        size = 0
        async for piece in answer.aiter_raw(1 << 18):
            size += len(piece)
    if size != int(answer.headers["content-length"]):
        raise RuntimeError(f"{size} bytes came of {answer.headers['content-length']}.")
    return int(answer.headers["x-rows"])


async def _copied(admin: asyncpg.Connection) -> int:
    with tempfile.TemporaryDirectory() as folder:
        told: str = await admin.copy_from_query(_COPY, output=Path(folder) / "payments.csv", format="csv", header=True)
    return int(told.removeprefix("COPY "))
