"""The screens of jobs in Chromium: how soon a submitted job is seen on an open list, and opening them under load."""

import asyncio
import os
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext

from app import clock, job_queue
from app.config import Settings
from app.database import keeping
from app.postgres import embedded
from app.web.sign_in.password import cookie_name
from benchmarks.chromium import browser, person, tab
from benchmarks.database import Bench
from benchmarks.noop import NOOP
from benchmarks.report import Aim, Measure
from benchmarks.web import running, token

OPENINGS, SEEN = 9, 40
VISIBLE_P95, USABLE = 500, 1000
CLIENTS, SCALE = 2, 10
_LOAD = "load"
_PAUSE = 0.2
# When the list first said of so many that they are new: by the wall clock, which both processes share, once drawn.
_WATCH = """() => {
  window.toldAt = [];
  const look = () => {
    const told = parseInt(document.querySelector("main button.pill")?.textContent ?? "0");
    for (let n = toldAt.length; n < told; n += 1) {
      toldAt.push(0);
      requestAnimationFrame(() => requestAnimationFrame(() => { toldAt[n] = Date.now(); }));
    }
  };
  const all = { childList: true, subtree: true, characterData: true };
  new MutationObserver(look).observe(document.querySelector("main"), all);
}"""


async def measured(at: Bench) -> list[Measure]:
    """With a web process of its own; a worker runs already."""
    async with running(at, "benchmarks.watched") as (settings, _), browser() as chromium:
        cookie = (cookie_name(settings), token(settings, at.ann))
        async with person(chromium, settings.browser_origin, cookie) as context:
            seen = await _visible(at, settings, context)
            async with _load(at):
                return [seen, *await _openings(at, settings, context)]


async def _visible(at: Bench, settings: Settings, context: BrowserContext) -> Measure:
    """Milliseconds from submitting a job until a list that somebody has open says that there is a new one."""
    waited = []
    async with tab(context, settings.browser_origin) as opened:
        await opened.open({"title": "Jobs", "path": "/jobs", "list": True})
        await opened.page.evaluate(_WATCH)
        for n in range(SEEN):
            began = clock.now().timestamp() * 1000
            async with keeping("benchmark: submit") as work:
                await job_queue.submit(work, NOOP, team_id=at.team, created_by=at.ann.staff_id)
            shown = await opened.page.wait_for_function("n => toldAt[n]", arg=n, polling=10)
            waited.append(float(await shown.json_value()) - began)
            await asyncio.sleep(_PAUSE)
    return Measure("jobs/visible_p95", quantiles(waited, n=20)[18], "ms", aim=Aim(most=VISIBLE_P95))


async def _openings(at: Bench, settings: Settings, context: BrowserContext) -> list[Measure]:
    """Jobs, Failures and the page of a failed job, opened as from a bookmark; the slowest of the three counts."""
    job = await at.admin.fetchrow("SELECT id, kind FROM jobs WHERE status = 'failed' ORDER BY id DESC LIMIT 1")
    title = job_queue.label_of(job["kind"])
    pages: dict[str, dict[str, Any]] = {
        "jobs": {"title": "Jobs", "path": "/jobs", "list": True},
        "jobs_failed": {"title": "Jobs", "path": "/jobs?status=failed&active=30d", "list": True},
        "failures": {"title": "Failures", "path": "/failures", "list": True},
        "job": {"title": title, "path": f"/jobs/{job['id']}", "list": False},
    }
    measures = []
    for name, page in pages.items():
        times = []
        for _ in range(OPENINGS):
            async with tab(context, settings.browser_origin) as opened:
                times.append(await opened.open(page))
        measures.append(Measure(f"jobs/screen_10m/{name}", median(times), "ms"))
    slowest = max(measure.value for measure in measures)
    return [Measure("jobs/screen_10m", slowest, "ms", aim=Aim(most=USABLE)), *measures]


@asynccontextmanager
async def _load(at: Bench) -> AsyncIterator[None]:
    """pgbench, as fast as it can, in another database of the same server."""
    await at.admin.execute(f"CREATE DATABASE {_LOAD}")
    address = urlsplit(at.admin_url)
    where = {"PGHOST": address.query.removeprefix("host="), "PGUSER": address.username, "PGPASSWORD": address.password}
    variables = os.environ | {name: value or "" for name, value in where.items()} | {"PGDATABASE": _LOAD}
    program = embedded._programs() / "pgbench"  # noqa: SLF001 - one of the server's own programs
    quiet: dict[str, Any] = {"env": variables, "stdout": DEVNULL, "stderr": DEVNULL}
    filled = await asyncio.create_subprocess_exec(program, "-i", "-q", "-s", str(SCALE), **quiet)
    if await filled.wait() != 0:
        raise RuntimeError("pgbench could not fill its tables.")
    process = await asyncio.create_subprocess_exec(program, "-n", "-c", str(CLIENTS), "-T", "3600", **quiet)
    try:
        yield
        if process.returncode is not None:
            raise RuntimeError("pgbench ended before the screens were opened.")
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
