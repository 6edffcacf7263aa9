"""The screens in Chromium on a huge company, until they are painted: 1,000,000 users, ten times as many records.

Every value is measured in the page by its own clock: from the click (or the beginning of the navigation) until the rows
are in the document and two animation frames have passed. ``cpu`` is the web process alone, ``loop_lag`` how long its
event loop let others wait.
"""

import asyncio
import math
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from statistics import median
from subprocess import Popen

from playwright.async_api import Browser, BrowserContext
from pydantic import SecretStr

from app.actor import Staff
from app.config import Settings
from app.storage.secret_files import new_secret
from app.web.sign_in.password import cookie_name
from app.worker import audit_words
from app.worker.sealer import Sealer
from benchmarks import company, watched
from benchmarks.chromium import Tab, browser, person, tab
from benchmarks.company import BigCompany
from benchmarks.database import Bench, bench
from benchmarks.options import Options
from benchmarks.processes import cpu_ms
from benchmarks.report import Aim, Measure
from benchmarks.routes import READ_THE_LOG, Route, routes
from benchmarks.web import running, token

COLD, ROUNDS = 5, 12
AIMS = {
    "open_cold": 400,
    "open_warm": 400,
    "change": 60,
    "next_page": 60,
    "deep_page": 60,
    "filter": 60,
    "record": 60,
    "search": 150,
    "click": 100,
}
"""Milliseconds that the median may take."""
BYTES, CPU_MS, LAG_MS = 380_000, 15, 20
_SETTLE_SECONDS = 0.05


@dataclass(slots=True)
class _Seen:
    """What one screen showed of itself: times in ms by what was done, bytes of a cold open, ms of the server."""

    times: dict[str, list[float]] = field(default_factory=dict)
    received: list[int] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    asked: dict[str, list[float]] = field(default_factory=dict)
    """The same by what was asked for, of filters, searches and deep pages."""

    def keep(self, name: str, ms: float, asked: str = "") -> None:
        """One measured time."""
        self.times.setdefault(name, []).append(ms)
        if asked:
            self.asked.setdefault(asked, []).append(ms)


@dataclass(frozen=True, slots=True)
class _Place:
    """The running product, and who looks at it."""

    chromium: Browser
    settings: Settings
    web: "Popen[bytes]"
    who: Staff

    @asynccontextmanager
    async def person(self) -> AsyncIterator[BrowserContext]:
        """A browser with an empty cache."""
        cookie = (cookie_name(self.settings), token(self.settings, self.who))
        async with person(self.chromium, self.settings.browser_origin, cookie) as context:
            yield context

    @asynccontextmanager
    async def tab(self, context: BrowserContext) -> AsyncIterator[Tab]:
        """A new tab of this browser."""
        async with tab(context, self.settings.browser_origin) as opened:
            yield opened


async def run(options: Options) -> Sequence[Measure]:
    """Seed ``options.rows`` users and what belongs to them, and walk through the screens."""
    users = options.rows or company.USERS
    async with bench() as at:
        began = time.monotonic()
        big = await company.make(at, users)
        _say(f"{users:,} users and what belongs to them: {time.monotonic() - began:.0f} s")
        async with _running(at) as place:
            return await _walk(at, big, place)


async def _seal(at: Bench) -> None:
    """All of the log, as a worker does; and its words are read."""
    began = time.monotonic()
    n = await Sealer(at.settings.model_copy(update={"seal_key": SecretStr(new_secret())})).seal()
    await audit_words.read_on()
    await at.admin.execute("VACUUM ANALYZE audit_seals, audit_words", timeout=600)
    _say(f"{n:,} entries sealed, and their words read: {time.monotonic() - began:.0f} s")


@asynccontextmanager
async def _running(at: Bench) -> AsyncIterator[_Place]:
    async with running(at, "benchmarks.watched") as (settings, process), browser() as chromium:
        yield _Place(chromium, settings, process, at.ann)


async def _walk(at: Bench, big: BigCompany, place: _Place) -> list[Measure]:
    """All screens as ann, who sees everything, and the lists as tess, who sees a few teams. No entry is sealed: no
    worker may have run for long. What reads the log is walked through again when all are.
    """
    since, measures = time.monotonic(), []
    limited = replace(place, who=big.tess)
    known = await routes(at, big)
    for route in known:
        measures += _told(route.name, await _screen(place, route, COLD))
        if route.limited:
            measures += _told(f"{route.name}/limited", await _screen(limited, route, 0))
    await asyncio.sleep(_SETTLE_SECONDS)
    lag = watched.worst(place.settings.data_dir, since, time.monotonic())
    for name, value in (("loop_lag_max", lag.late), ("loop_busy_max", lag.busy)):
        measures.append(Measure(f"screens/{name}", value, "ms", aim=Aim(most=LAG_MS)))
    await _seal(at)
    for route in (route for route in known if route.name in READ_THE_LOG):
        measures += _told(f"{route.name}/sealed", await _screen(place, route, COLD))
    return measures


async def _screen(place: _Place, route: Route, cold: int) -> _Seen:
    """One screen, opened ``cold`` times without and with a cache, then used."""
    seen = _Seen()
    for _ in range(cold):
        async with place.person() as context, place.tab(context) as opened:
            seen.keep("open_cold", await opened.open(route.page))
            await asyncio.sleep(_SETTLE_SECONDS)
            seen.received.append(opened.received)
    async with place.person() as context:
        async with place.tab(context) as opened:
            await opened.open(route.page)  # fills the cache
        for _ in range(cold):
            async with place.tab(context) as opened:
                seen.keep("open_warm", await opened.open(route.page))
        async with place.tab(context) as opened:
            await opened.open(route.page)
            await _changes(place, route, opened, seen)
            if route.page["list"]:
                await _list(route, opened, seen)
    return seen


async def _changes(place: _Place, route: Route, opened: Tab, seen: _Seen) -> None:
    """From another screen to this one by the menu."""
    for _ in range(ROUNDS):
        await opened.measured("change", route.other)
        await asyncio.sleep(_SETTLE_SECONDS)
        before = cpu_ms(place.web.pid)
        seen.keep("change", await opened.measured("change", route.page))
        await asyncio.sleep(_SETTLE_SECONDS)
        seen.cpu.append(cpu_ms(place.web.pid) - before)


async def _list(route: Route, opened: Tab, seen: _Seen) -> None:
    """What people do within a list."""
    for _ in range(ROUNDS):
        if await opened.measured("hasNext"):
            seen.keep("next_page", await opened.measured("next"))
    for name, what, asked in (
        ("deep_page", "follow", route.deep),
        ("filter", "follow", route.filters),
        ("record", "follow", (route.record,) if route.record else ()),
        ("search", "search", route.searches),
    ):
        for n in range(len(asked) and max(ROUNDS, 2 * len(asked))):
            await opened.measured("reset", route.page["path"])
            seen.keep(name, await opened.measured(what, asked[n % len(asked)]), asked[n % len(asked)])
    for _ in range(ROUNDS if route.click else 0):
        await opened.open({**route.page, "path": route.click_on})
        seen.keep("click", await opened.measured("click", route.click))


def _told(name: str, seen: _Seen) -> list[Measure]:
    """The medians with their aims, the 95th percentiles beside them; who took long is said at once."""
    measures = []
    for what, times in seen.times.items():
        aim = Aim(most=AIMS[what])
        measures.append(Measure(f"screens/{name}/{what}", median(times), "ms", aim=aim))
        measures.append(Measure(f"screens/{name}/{what}/p95", _p95(times), "ms"))
    if seen.received:
        measures.append(Measure(f"screens/{name}/bytes", median(seen.received), "B", aim=Aim(most=BYTES)))
    measures.append(Measure(f"screens/{name}/cpu", median(seen.cpu), "ms", aim=Aim(most=CPU_MS)))
    _say(f"{name}: " + ", ".join(f"{m.measure.rpartition('/')[2]} {m.value:,.0f}" for m in measures if m.aim))
    for asked, times in seen.asked.items():
        _say(f"    {median(times):6.0f} ms  {asked}")
    return measures


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[min(len(times) - 1, math.ceil(len(times) * 0.95) - 1)]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
