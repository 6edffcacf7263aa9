"""Home: what waits, the numbers of the last days, what happened lately; for an empty company, what to do first."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from app import clock, topics
from app.models import JobStatus
from app.models.stats import Metric
from app.permissions import Permission
from app.services import alerts, home
from app.services.alerts import Alert, AlertKind
from app.services.home import Overview
from app.services.stats import Line
from app.values import money
from components.charts.period import browser_zone
from components.page.live import Live
from components.page.screen import View, screen
from components.page.ticking import Ticking
from components.records.blocks import (
    Change,
    Entry,
    Fact,
    Facts,
    PageHead,
    Steps,
    Tile,
    Tiles,
    Timeline,
    ToDo,
    Waiting,
    WorkList,
)
from pages.shared.audit_timeline import audit_entry
from pages.shared.labels import plural
from pages.shared.stat_cards import counts, earned, success, totals

_TOPICS = (topics.jobs, topics.datasets, topics.users, topics.teams, topics.payments, topics.audit)
_CALM = "All is well: workers are alive, no queue is stuck, and nothing fails more than usual."
SECONDS = 2.0
ALERT_SECONDS = 30.0
"""How often it is asked whether something is wrong, though nothing was told."""
FULL = 0.9
"""Of the disk, from which on it is a warning."""
SLOW = 0.5
"""Seconds for which the server keeps everybody waiting, from which on it is a warning."""


@screen("/", title="Home", icon="home", menu="", needs=Permission.HOME_READ)
async def home_screen(view: View) -> None:
    """Numbers by counters only; live."""
    ask = partial(home.overview, view.actor, browser_zone(view.client))
    seen = await ask()
    wrong = await alerts.current(view.actor) if view.may(Permission.QUEUES_READ) else None
    head = PageHead("Home", sub=_greeting(view, seen))
    steps = Steps("What to do first", _first_steps(view, seen)) if _is_new(seen) else None
    tiles = Tiles(_tiles(seen))
    with ui.element("div").classes("two"):
        with ui.element("div").classes("screen"):
            if wrong is not None:
                _alerts(view, wrong)
            waiting = WorkList(_waiting(seen), nothing="Nothing waits. What failed or is disputed appears here.")
            state = Facts(_state(seen), title="Now")
        lately = None if seen.lately is None else Timeline(_lately(seen), title="Lately", nothing="Nothing yet.")

    async def again() -> None:
        now = await ask()
        head.update_head(sub=_greeting(view, now))
        if steps is not None:
            steps.replace(_first_steps(view, now))
        tiles.replace(_tiles(now))
        waiting.replace(_waiting(now))
        state.replace(_state(now))
        if lately is not None:
            lately.replace(_lately(now))

    Live(_TOPICS, again, every=SECONDS)


def _alerts(view: View, wrong: Sequence[Alert]) -> None:
    """What is wrong with the work, looked at again though nothing was told: silence is what may be wrong."""
    told = WorkList(_wrong(wrong), title="Alerts", nothing=_CALM)

    async def look() -> None:
        told.replace(_wrong(await alerts.current(view.actor)))

    Ticking((topics.queues, topics.workers, topics.seals), look, seconds=ALERT_SECONDS, every=SECONDS)


def _wrong(found: Sequence[Alert]) -> list[Waiting]:
    return [Waiting(a.number, _title(a), a.sentence, _where(a), "bad" if a.is_serious else "warn") for a in found]


def _title(alert: Alert) -> str:
    """What its number counts: where no job waits yet, the workers, of which there are none."""
    return "workers are alive" if alert.kind is AlertKind.NO_WORKER and not alert.number else alert.title


def _where(alert: Alert) -> str:
    """Where one does something about it."""
    if alert.kind is AlertKind.FAILING:
        return f"/failures?{urlencode({'kind': alert.subject, 'state': 'open'})}"
    if alert.kind is AlertKind.TAMPERED:
        return "/audit"
    return "/jobs?status=queued" if alert.kind is AlertKind.EXHAUSTED else "/queues"


def _greeting(view: View, seen: Overview) -> str:
    now = seen.week.local(seen.week.now)
    return f"Hello, {view.actor.name}. {now:%A} {now.day} {now:%B}, numbers as of {now:%H:%M}."


def _lately(seen: Overview) -> list[Entry]:
    return [audit_entry(entry, linked=True) for entry in seen.lately or ()]


def _is_new(seen: Overview) -> bool:
    return not seen.datasets or not seen.teams


def _first_steps(view: View, seen: Overview) -> list[ToDo]:
    alone = seen.machine is not None and seen.machine.staff == 1
    steps = [
        (ToDo("Create a team", "A customer's organisation: everything belongs to one.", "Open teams", "/teams"),
         bool(seen.teams), Permission.TEAMS_CREATE),
        (ToDo("Bring a dataset", "Drop a CSV or TSV file: columns are recognised, every row is checked.",
              "New dataset", "/datasets/new"), bool(seen.datasets), Permission.DATASETS_CREATE),
        (ToDo("Invite colleagues", "Each gets a link to choose a password, and a role.", "Open staff", "/staff"),
         not alone, Permission.STAFF_CREATE),
    ]  # fmt: skip
    mine = [replace(step, done=done) for step, done, needs in steps if view.may(needs)]
    return mine or [ToDo("No dataset yet", "They appear here as soon as somebody with the permission imports a file.")]


def _tiles(seen: Overview) -> list[Tile]:
    parts = len(seen.week.edges) - 1
    tiles = [*_revenue(seen, parts)]
    if (lines := seen.numbers.get(Metric.SIGNUPS)) is not None:
        opens = f"/users?created_at={_week(seen)}"
        tiles.append(_counted("Sign-ups", lines, counts(lines, parts), seen, opens=opens))
    if (lines := seen.numbers.get(Metric.JOBS)) is not None:
        done = _ending(lines, JobStatus.SUCCEEDED)
        opens = f"/jobs?status=succeeded&finished_at={_week(seen)}"
        note = f"{success(lines)} of all that ended" if any(sum(line.n) for line in lines) else ""
        tiles.append(_counted("Jobs done", done, counts(done, parts), seen, note=note, opens=opens))
    if (lines := seen.numbers.get(Metric.IMPORTED)) is not None:
        before = sum(line.total_before for line in lines)
        tiles.append(_tile("Rows imported", totals(lines, parts), before, seen, opens="/imports"))
    return tiles


def _revenue(seen: Overview, parts: int) -> Iterable[Tile]:
    if Metric.PAYMENTS not in seen.numbers:
        return
    known = earned(seen.numbers, parts)
    if not known:
        yield Tile("Revenue, net", "0", "No payment in 7 days", opens="/payments")
        return
    first, *others = known
    note = " and ".join(money.shown(sum(one.net), one.currency) for one in others)
    yield Tile(
        "Revenue, net",
        money.shown(sum(first.net), first.currency),
        f"and {note}" if note else "",
        opens=f"/payments?status=succeeded&status=disputed&currency={first.currency}&created_at={_week(seen)}",
        change=Change.of(sum(first.net), first.before, seen.week.compared),
        spark=first.net,
    )


def _counted(
    label: str, lines: Sequence[Line], n: Sequence[int], seen: Overview, *, note: str = "", opens: str = ""
) -> Tile:
    return replace(_tile(label, n, sum(line.n_before for line in lines), seen, opens=opens), note=note)


def _tile(label: str, n: Sequence[int], before: int, seen: Overview, *, opens: str) -> Tile:
    change = Change.of(sum(n), before, seen.week.compared)
    return Tile(label, sum(n), opens=opens, change=change, spark=n)


def _ending(lines: Iterable[Line], status: JobStatus) -> list[Line]:
    return [line for line in lines if line.dimension.endswith(f"|{status}")]


def _week(seen: Overview) -> str:
    return f"{_moment(seen.week.edges[0])}..{_moment(seen.week.edges[-1])}"


def _moment(at: Any) -> str:  # noqa: ANN401 - a moment
    return f"{at:%Y-%m-%dT%H:%MZ}"


def _waiting(seen: Overview) -> list[Waiting]:
    rows = []
    failed = sum(sum(line.n) for line in _ending(seen.numbers.get(Metric.JOBS, ()), JobStatus.FAILED))
    if failed:
        words = "job failed" if failed == 1 else "jobs failed"
        told = "In the last 7 days. See what they have in common, and retry or cancel them."
        rows.append(Waiting(failed, words, told, "/failures", "bad"))
    if seen.disputed:
        words = "payment is disputed" if seen.disputed == 1 else "payments are disputed"
        where = "/payments?status=disputed"
        rows.append(Waiting(seen.disputed, words, "The customer's bank wants the money back.", where, "warn"))
    rows += [
        Waiting(i.rows_bad, f"bad rows in {i.filename}", f"{i.dataset} · {i.team}", f"/imports/{i.id}", "warn")
        for i in seen.imports_with_bad_rows
    ]
    return rows


def _state(seen: Overview) -> list[Fact]:
    running, queued = seen.jobs.get(JobStatus.RUNNING, 0), seen.jobs.get(JobStatus.QUEUED, 0)
    facts = [
        Fact("Teams", seen.teams, "number", "/teams"),
        Fact("Users", seen.users, "number", "/users"),
        Fact("Datasets", seen.datasets, "number", "/datasets"),
        Fact("Rows", seen.rows, "number", "/datasets"),
        Fact("Jobs", f"{running:,} running, {queued:,} waiting", opens="/jobs?status=running&status=queued"),
    ]
    if seen.waits_since is not None:
        facts.append(Fact("Oldest waiting", seen.waits_since, "time", "/jobs?status=queued"))
    return [*facts, *_machine(seen)]


def _machine(seen: Overview) -> Iterable[Fact]:
    """How the installation is; a state says so in a word, too."""
    if seen.machine is None:
        return
    if seen.machine.workers:
        able = plural(seen.machine.places, "job")
        yield Fact("Workers", (f"{seen.machine.workers:,} alive, {able} at once", "ok"), "status")
    else:
        yield Fact("Workers", ("None alive: no job will run", "bad"), "status")
    if (delay := clock.longest_delay()) is not None:
        late = f"{1000 * delay:,.0f} ms at most, in the last minute"
        yield Fact("Server delay", (late, "warn") if delay > SLOW else late, "status" if delay > SLOW else "text")
    yield Fact("Database", seen.machine.database_bytes, "bytes")
    if seen.disk is not None:
        free, total = seen.disk
        if total and 1 - free / total > FULL:
            yield Fact("Disk", (f"{100 - 100 * free // total} % full", "warn"), "status")
        else:
            yield Fact("Disk free", free, "bytes")
