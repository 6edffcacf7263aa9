"""The numbers of the screen Stats: what each counts, and how an answer becomes a picture."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from app.models import JobStatus, PaymentStatus, RowStatus
from app.models.stats import Metric
from app.permissions import Permission
from app.services import jobs, stats
from app.services.stats import Answer, Line
from app.values import money, periods
from app.values.periods import Period, Step
from components.charts.chart import Figure, Series, Slot, short
from components.records.blocks import Change
from pages.shared.labels import JOB, ROW, plural

TONES = ("accent", "ok", "warn", "soft", "idle")
REVIEWED: Mapping[str, str] = {
    RowStatus.APPROVED: "ok",
    RowStatus.CHANGES_REQUESTED: "warn",
    RowStatus.REJECTED: "bad",
    RowStatus.NEEDS_FIX: "idle",
}
PAID = frozenset({PaymentStatus.SUCCEEDED.value, PaymentStatus.DISPUTED.value})
"""The money of a disputed payment came in; it may have to go back."""
ENDED: Mapping[str, str] = {JobStatus.SUCCEEDED: "ok", JobStatus.FAILED: "bad", JobStatus.CANCELLED: "warn"}
_ENDED_JOBS = f"/jobs?{'&'.join(f'status={status}' for status in ENDED)}&finished_at={{range}}"


@dataclass(frozen=True, slots=True)
class Number:
    """One card: whose question it is, how its answer is drawn, and what exactly it counts."""

    key: str
    title: str
    needs: Permission
    ask: Callable[..., Awaitable[Answer]]
    draw: Callable[..., Figure]
    nothing: str
    about: str


@dataclass(frozen=True, slots=True)
class Earned:
    """What came in and went back in one currency, in minor units: in each part of a period, and before it."""

    currency: str
    payments: int
    gross: tuple[int, ...]
    refunds: tuple[int, ...]
    before: int
    """Net, of the time that the period is compared with."""
    disputed: int

    @property
    def net(self) -> tuple[int, ...]:
        """What stayed."""
        return tuple(came - went for came, went in zip(self.gross, self.refunds, strict=True))


def earned(lines: Mapping[Metric, Sequence[Line]], parts: int) -> list[Earned]:
    """The revenue in each currency, the one with the most payments first."""
    paid = [(line.dimension.split("|"), line) for line in lines[Metric.PAYMENTS]]
    found = []
    for currency in sorted({code for (code, _), _ in paid}):
        gross = [line for (code, status), line in paid if code == currency and status in PAID]
        back = [line for line in lines[Metric.REFUNDS] if line.dimension == currency]
        disputed = [line for (code, status), line in paid if code == currency and status == PaymentStatus.DISPUTED]
        n = sum(sum(line.n) for line in gross)
        before = sum(line.total_before for line in gross) - sum(line.total_before for line in back)
        found.append(
            Earned(currency, n, totals(gross, parts), totals(back, parts), before, sum(totals(disputed, parts)))
        )
    return sorted(found, key=lambda one: -one.payments)


def counts(lines: Iterable[Line], parts: int) -> tuple[int, ...]:
    """How many in each part, of all these lines together."""
    return tuple(map(sum, zip([0] * parts, *(line.n for line in lines), strict=True)))


def totals(lines: Iterable[Line], parts: int) -> tuple[int, ...]:
    """The sums of each part, of all these lines together."""
    return tuple(map(sum, zip([0] * parts, *(line.total for line in lines), strict=True)))


def success(lines: Iterable[Line]) -> str:
    """How many of the jobs that came to an end of their own succeeded: "98.2 %"."""
    ended = [(line.dimension.split("|")[1], sum(line.n)) for line in lines]
    good = sum(n for status, n in ended if status == JobStatus.SUCCEEDED)
    bad = sum(n for status, n in ended if status == JobStatus.FAILED)
    return f"{100 * good / (good + bad):.1f} %" if good + bad else "–"


def _plain(answer: Answer, metric: Metric, label: str, opens: str = "") -> Figure:
    lines, parts = answer.lines[metric], _parts(answer)
    n = counts(lines, parts)
    change = _compared(answer, sum(n), sum(line.n_before for line in lines))
    return _figure(answer, f"{sum(n):,}", "", [Series(label, "accent", n)], change=change, opens=opens)


def _signups(answer: Answer, *_: str) -> Figure:
    return _plain(answer, Metric.SIGNUPS, "Sign-ups", "/users?created_at={range}")


def _active(answer: Answer, *_: str) -> Figure:
    [line] = answer.lines[Metric.ACTIVE]
    change = _compared(answer, answer.whole, line.n_before)
    series = [Series("Active users", "accent", line.n)]
    return _figure(answer, f"{answer.whole:,}", "each counted once", series, change=change, whole=answer.whole)


def _revenue(answer: Answer, currency: str = "") -> Figure:
    known = earned(answer.lines, _parts(answer))
    if not known:
        return _figure(answer, "0", "net", [Series("Net", "accent", (0,) * _parts(answer))])
    shown = next((one for one in known if one.currency == currency), known[0])
    said = partial(money.shown, currency=shown.currency)
    facts = [("Gross", said(sum(shown.gross))), ("Refunds", said(sum(shown.refunds)))]
    facts += [("Disputed, within gross", said(shown.disputed))] if shown.disputed else []
    facts += [(f"{one.currency} net", money.shown(sum(one.net), one.currency)) for one in known if one is not shown]
    return _figure(
        answer,
        said(sum(shown.net)),
        f"net, of {plural(shown.payments, 'payment')}",
        [Series("Net", "accent", shown.net), Series("Refunds", "warn", shown.refunds)],
        change=_compared(answer, sum(shown.net), shown.before),
        facts=facts,
        said=said,
        axis=lambda minor: short(minor // 10 ** money.exponent(shown.currency)),
        together="Gross",
        opens=f"/payments?status=succeeded&status=disputed&currency={shown.currency}&created_at={{range}}",
        choices=[(one.currency, one.currency, one is shown) for one in known],
    )


def _jobs(answer: Answer, *_: str) -> Figure:
    lines, parts = answer.lines[Metric.JOBS], _parts(answer)
    series = []
    for status, tone in ENDED.items():
        mine = [line for line in lines if line.dimension.endswith(f"|{status}")]
        series.append(Series(JOB[status][0], tone, counts(mine, parts)))
    n, ran = sum(counts(lines, parts)), sum(totals(lines, parts))
    facts = [("Success rate", success(lines)), *([("Ran on average", _lasting(ran / n / 1000))] if n else [])]
    change = _compared(answer, n, sum(line.n_before for line in lines), welcome=None)
    return _figure(answer, f"{n:,}", "ended", series, change=change, facts=facts, opens=_ENDED_JOBS)


def _kinds(answer: Answer, *_: str) -> Figure:
    lines = answer.lines[Metric.JOBS]
    kinds = _by_part(lines, 0)
    facts = [(f"{_kind(kind)} succeeded", success(mine)) for kind, mine in kinds.items()][: len(TONES)]
    n = sum(counts(lines, _parts(answer)))
    return _figure(answer, f"{n:,}", "ended", _stacked(answer, kinds, _kind), facts=facts, opens=_ENDED_JOBS)


def _imported(answer: Answer, *_: str) -> Figure:
    lines = answer.lines[Metric.IMPORTED]
    rows, n = totals(lines, _parts(answer)), sum(counts(lines, _parts(answer)))
    change = _compared(answer, sum(rows), sum(line.total_before for line in lines))
    note = f"in {plural(n, 'import')}"
    return _figure(answer, f"{sum(rows):,}", note, [Series("Rows", "accent", rows)], change=change)


def _reviewed(answer: Answer, *_: str) -> Figure:
    lines = answer.lines[Metric.REVIEWED]
    n = sum(counts(lines, _parts(answer)))
    change = _compared(answer, n, sum(line.n_before for line in lines))
    series = _stacked(answer, _by_part(lines, 0), lambda status: ROW[status][0] if status in ROW else status, REVIEWED)
    return _figure(answer, f"{n:,}", "decided", series, change=change)


def _actions(answer: Answer, *_: str) -> Figure:
    lines = answer.lines[Metric.ACTIONS]
    n = sum(counts(lines, _parts(answer)))
    change = _compared(answer, n, sum(line.n_before for line in lines), welcome=None)
    series = _stacked(answer, _by_part(lines, 0), _action)
    return _figure(answer, f"{n:,}", "recorded", series, change=change)


def _compared(answer: Answer, now: int, before: int, *, welcome: bool | None = True) -> Change | None:
    """With the time before; not when counting began in its midst."""
    if answer.since is not None and answer.since > answer.period.before[0]:
        first = periods.spelled(answer.period.local(answer.since).date())
        return Change("", f"Counted since {first}") if answer.since < answer.period.edges[0] else None
    return Change.of(now, before, answer.period.compared, welcome=welcome)


def _lasting(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _action(action: str) -> str:
    return action.replace(".", " ").replace("_", " ").capitalize()


def _kind(kind: str) -> str:
    return jobs.KINDS.get(kind, kind)


def _by_part(lines: Iterable[Line], part: int) -> dict[str, list[Line]]:
    """Lines by one part of their dimension, the largest first."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.dimension.split("|")[part], []).append(line)
    return dict(sorted(found.items(), key=lambda pair: -sum(sum(line.n) for line in pair[1])))


def _stacked(
    answer: Answer,
    groups: Mapping[str, Sequence[Line]],
    label: Callable[[str], str],
    tones: Mapping[str, str] | None = None,
) -> list[Series]:
    """The largest groups in colours of their own, the rest together. ``tones`` are those that mean something."""
    parts, names = _parts(answer), list(groups)
    own = names if len(names) <= len(TONES) else names[: len(TONES) - 1]
    series = [
        Series(label(name), (tones or {}).get(name, tone), counts(groups[name], parts))
        for name, tone in zip(own, TONES, strict=False)
    ]
    if rest := [line for name in names[len(own) :] for line in groups[name]]:
        series.append(Series("Others", TONES[-1], counts(rest, parts)))
    return series or [Series("All", TONES[0], (0,) * parts)]


def _figure(answer: Answer, value: str, note: str, series: Sequence[Series], **more: object) -> Figure:
    period = answer.period
    as_of = f"As of {period.local(answer.as_of):%H:%M}, {period.zone}"
    known = sum(answer.since is not None and end <= answer.since for end in period.edges[1:])
    return Figure(value, note, _slots(period), series, period.words, as_of, known, **more)  # type: ignore[arg-type]  # fields of Figure by name


def _slots(period: Period) -> list[Slot]:
    return [_slot(period, start, end) for start, end in zip(period.edges, period.edges[1:], strict=False)]


def _slot(period: Period, start: datetime, end: datetime) -> Slot:
    here = period.local(start)
    day = f"{here:%a} {periods.spelled(here.date())}"
    match period.step:
        case Step.HOUR:
            return Slot(f"{here:%H:%M}", f"{day}, {here:%H:%M}", start, end)
        case Step.DAY:
            return Slot(periods.spelled(here.date(), year=False), day, start, end)
        case Step.WEEK:
            return Slot(periods.spelled(here.date(), year=False), f"Week of {day}", start, end)
        case Step.MONTH:
            return Slot(f"{here:%b}", f"{here:%B %Y}", start, end)


def _parts(answer: Answer) -> int:
    return len(answer.period.edges) - 1


NUMBERS: Sequence[Number] = (
    Number(
        "signups", "Sign-ups", Permission.USERS_READ, stats.signups, _signups,
        "Nobody has signed up so far.",
        "Users created, by the moment of their creation, whatever became of them since.",
    ),
    Number(
        "active", "Active users", Permission.USERS_READ, stats.active, _active,
        "No user has started a job or paid so far.",
        "Users who started a job or paid. Each bar counts everybody of its time once, and the large number counts "
        "everybody of the whole range once, so bars do not add up to it. Days are those of UTC in every time zone.",
    ),
    Number(
        "revenue", "Revenue", Permission.PAYMENTS_READ, stats.revenue, _revenue,
        "No payment was made so far.",
        "Payments that succeeded, also those disputed since, by the moment of the payment. Refunds are taken from the "
        "payment that they give back, so that net is what stayed of it. Currencies are never added to each other.",
    ),
    Number(
        "jobs", "Jobs by state", Permission.JOBS_READ, stats.jobs, _jobs,
        "No job has ended so far.",
        "Jobs that ended, by the moment of their end and the state they are in. A job that is retried is taken out "
        "until it ends again. The success rate leaves cancelled jobs out.",
    ),
    Number(
        "kinds", "Jobs by kind", Permission.JOBS_READ, stats.jobs, _kinds,
        "No job has ended so far.",
        "The same jobs by what they do, and how many of each kind succeeded.",
    ),
    Number(
        "imported", "Rows imported", Permission.DATASETS_READ, stats.imported, _imported,
        "No import has succeeded so far.",
        "Rows that imports brought, by the end of the import. Rows deleted since stay counted: they did come.",
    ),
    Number(
        "reviewed", "Rows reviewed", Permission.DATASETS_READ, stats.reviewed, _reviewed,
        "No row was decided in review so far.",
        "Decisions about rows, by their moment. A row that is decided twice counts twice.",
    ),
    Number(
        "actions", "Staff actions", Permission.AUDIT_READ, stats.actions, _actions,
        "No staff member has done anything so far.",
        "Entries of the audit log that people of the staff caused, sign-ins included, those of jobs and of the command "
        "line not.",
    ),
)  # fmt: skip
