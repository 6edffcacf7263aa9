"""A file becomes rows, from the start of its import to the end of its job, and the memory that it takes.

The reference of ``imports/csv`` is COPY of the very rows that the import made into a copy of the table with all its
indexes and constraints, as superuser, without row-level security, ledger or audit. Import and COPY take turns; the
medians count.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from subprocess import Popen
from uuid import UUID

from app.services import imports, uploads
from app.storage.uploads import Store
from benchmarks import flights, web
from benchmarks.database import Bench, bench
from benchmarks.files import pieces
from benchmarks.options import Options
from benchmarks.processes import breathe, peak_mb, started
from benchmarks.report import Aim, Measure

ROUNDS = 3
MOST_MB = 300


async def run(options: Options) -> Sequence[Measure]:
    """Import ``options.file``, or a made file of flights, several times; then let a web process take it in."""
    async with bench() as at:
        file = options.file or at.settings.data_dir / "flights.csv"
        if options.file is None:
            await asyncio.to_thread(flights.write, file, options.rows or flights.ROWS)
        async with started(at.settings, "app", "worker") as worker:
            await _until_it_works(at, worker)
            rates = [await _round(at, worker, file, n) for n in range(ROUNDS)]
            worker_mb = peak_mb(worker.pid)
        web_mb, inspection_mb = await web.peaks(at, file)
    imported, copied = (median(rates) for rates in zip(*rates, strict=True))
    return [
        Measure("imports/csv", imported, "rows/s", copied, Aim(least_ratio=0.5)),
        Measure("imports/rss_web", web_mb, "MB", aim=Aim(most=MOST_MB)),
        Measure("imports/rss_inspection", inspection_mb, "MB", aim=Aim(most=MOST_MB)),
        Measure("imports/rss_worker", worker_mb, "MB", aim=Aim(most=MOST_MB)),
    ]


async def _until_it_works(at: Bench, worker: "Popen[bytes]") -> None:
    while not await at.admin.fetchval("SELECT count(*) FROM workers"):
        await breathe(worker)


async def _round(at: Bench, worker: "Popen[bytes]", file: Path, n: int) -> tuple[float, float]:
    """Rows per second of an import into a new dataset, and of the reference."""
    await at.admin.execute("CHECKPOINT")
    rows, seconds = await _import(at, worker, file, f"Flights {n}")
    copied = await _copy(at, f"Flights {n}")
    return rows / seconds, rows / copied


async def _import(at: Bench, worker: "Popen[bytes]", file: Path, name: str) -> tuple[int, float]:
    store = Store(at.settings.data_dir / "uploads", at.settings.upload_max_bytes)
    upload = await uploads.receive(at.ann, store, file.name, None, pieces(file))
    looked = await imports.look(at.ann, store, upload.id)
    choices = [imports.Choice(c.key, c.type, c.missing) for c in looked.inspection.columns]
    began = time.perf_counter()
    made = await imports.start_new(at.ann, store, looked, team_id=at.team, name=name, choices=choices, skip_bad=True)
    await _until_done(at, worker, made.job_id)
    seconds = time.perf_counter() - began
    return await at.admin.fetchval("SELECT rows_good FROM imports WHERE id = $1", made.id), seconds


async def _until_done(at: Bench, worker: "Popen[bytes]", job_id: UUID | None) -> None:
    while True:
        job = await at.admin.fetchrow("SELECT status, error FROM jobs WHERE id = $1", job_id)
        if job["status"] == "succeeded":
            return
        if job["status"] in {"failed", "cancelled"}:
            raise RuntimeError(f"The import {job['status']}: {job['error']}")
        await breathe(worker)


async def _copy(at: Bench, name: str) -> float:
    """Seconds that COPY takes for the rows of this dataset, from a file in its own text format."""
    rows = "SELECT r.* FROM dataset_rows r JOIN datasets d ON d.number = r.dataset_number WHERE d.name = $1"
    file = at.settings.data_dir / "rows.copy"
    await at.admin.copy_from_query(f"{rows} ORDER BY position", name, output=file)
    await at.admin.execute("DROP TABLE IF EXISTS raw_rows; CREATE TABLE raw_rows (LIKE dataset_rows INCLUDING ALL)")
    await at.admin.execute("CHECKPOINT")
    began = time.perf_counter()
    await at.admin.copy_to_table("raw_rows", source=pieces(file))
    return time.perf_counter() - began
