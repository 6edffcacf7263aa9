"""The numbers: what has been added up, plus what waits to be added up. No raw table is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    DateTime,
    Select,
    and_,
    cast,
    func,
    select,
    text,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.database import Work
from app.models.stats import ALWAYS, Metric, StatsBucket, StatsDelta
from app.models.user import UserDay
from app.values.periods import Period

Table = type[StatsBucket] | type[StatsDelta]
BATCH = 5_000
"""Deltas that are added up in one transaction."""


@dataclass(frozen=True, slots=True)
class Line:
    """One dimension of a number over a period: what was counted and summed in each part, and in what it is compared
    with.
    """

    dimension: str
    n: tuple[int, ...]
    total: tuple[int, ...]
    n_before: int
    total_before: int


async def lines(work: Work, metrics: Sequence[Metric], period: Period) -> dict[Metric, list[Line]]:
    """The numbers of a period, over all teams or, for those limited to some, over theirs. A dimension that is nowhere
    in sight has no line.
    """
    start, until = period.before
    edges = sorted({start, until, *period.edges})
    parts, skipped = len(period.edges) - 1, edges.index(period.edges[0])
    found: dict[tuple[Metric, str], list[list[int]]] = {}
    for metric, slot, dimension, n, total in await work.execute(_sums(work, metrics, edges)):
        if 0 < slot < skipped:
            continue  # the rest of the days before, which this period has not reached so far
        counted = found.setdefault((Metric(metric), dimension), [[0] * (parts + 1), [0] * (parts + 1)])
        for numbers, number in zip(counted, (n, total), strict=True):
            numbers[slot - skipped if slot else -1] += number
    told: dict[Metric, list[Line]] = {metric: [] for metric in metrics}
    for (metric, dimension), (n, total) in sorted(found.items()):
        told[metric].append(Line(dimension, tuple(n[:-1]), tuple(total[:-1]), n[-1], total[-1]))
    return told


@dataclass(frozen=True, slots=True)
class Active:
    """How many users were active, each counted once: in each part of a period, in all of it, and in the time before."""

    n: tuple[int, ...]
    whole: int
    before: int


async def active(work: Work, period: Period) -> Active:
    """Users of the days (UTC) of a period. Over all teams they are summed up by the day on which each was active
    before; those limited to some teams have few enough to count.
    """
    start, until = period.before
    edges = sorted({start, until, *period.edges})
    skipped = edges.index(period.edges[0])
    question = _first_days if work.who.team_ids is None else _distinct
    slots = {slot: (n, whole) for slot, n, whole in await work.execute(question(edges, period.edges[0]))}
    parts = [slots.get(skipped + n, (0, 0)) for n in range(len(period.edges) - 1)]
    return Active(
        tuple(n for n, _ in parts), sum(whole for _, whole in parts), slots.get(0, (0, 0))[0] if skipped else 0
    )


async def now(work: Work, metric: Metric) -> dict[str, int]:
    """How many there are now, by dimension."""
    return (await each_now(work, [metric]))[metric]


async def each_now(work: Work, metrics: Sequence[Metric]) -> dict[Metric, dict[str, int]]:
    """How many there are now of each of these, by dimension."""
    facts = _facts(work, metrics, ALWAYS, None).subquery()
    summed = (facts.c.metric, facts.c.dimension, _whole(func.sum(facts.c.n)))
    found: dict[Metric, dict[str, int]] = {metric: {} for metric in metrics}
    for metric, dimension, n in await work.execute(select(*summed).group_by(facts.c.metric, facts.c.dimension)):
        found[Metric(metric)][dimension] = n
    return found


async def first(work: Work, metrics: Sequence[Metric]) -> datetime | None:
    """The first quarter of an hour of which there is anything; None: there never was."""
    known = [
        select(StatsBucket.bucket)
        .where(team, StatsBucket.metric == metric, StatsBucket.n != 0)
        .order_by(StatsBucket.team_id, StatsBucket.bucket)  # as the index: "team IS NULL" alone does not tell the order
        .limit(1)
        .scalar_subquery()
        for metric in metrics
        for team in _one_by_one(work)
    ]
    fresh = select(func.min(StatsDelta.bucket)).where(StatsDelta.metric.in_(metrics)).scalar_subquery()
    found: datetime | None = await work.scalar(select(func.least(fresh, *known)))
    return found


async def add_up(work: Work, limit: int = BATCH) -> int:
    """Move up to ``limit`` deltas into their buckets, in one statement: they are in one of both places, never in none
    and never in both. Returns how many. Only one transaction at a time does it; another one finds nothing to do.
    """
    if not await work.scalar(_ALONE):
        return 0
    moved: int = await work.scalar(_ADD_UP, {"limit": limit})
    return moved


def _sums(work: Work, metrics: Sequence[Metric], edges: Sequence[datetime]) -> Select[Any]:
    """By metric, dimension and the part between two neighbouring edges, counted from 0."""
    facts = _facts(work, metrics, edges[0], edges[-1]).subquery()
    slot = func.width_bucket(facts.c.bucket, _moments(edges)) - 1
    summed = (facts.c.dimension, _whole(func.sum(facts.c.n)), _whole(func.sum(facts.c.total)))
    return select(facts.c.metric, slot, *summed).group_by(facts.c.metric, slot, facts.c.dimension)


def _first_days(edges: Sequence[datetime], start: datetime) -> Select[Any]:
    """By the part between two neighbouring edges: its users, and of these those of no earlier part since ``start``."""

    def of(table: Table) -> Select[Any]:
        mine = true() if table is StatsDelta else table.team_id.is_(None)
        inside = and_(table.bucket >= edges[0], table.bucket < edges[-1])
        columns: tuple[Any, ...] = (table.bucket, table.dimension, table.n)
        return select(*columns).where(table.metric == Metric.ACTIVE_AFTER, mine, inside)

    facts = union_all(of(StatsBucket), of(StatsDelta)).subquery()
    earlier = cast(func.nullif(facts.c.dimension, ""), DateTime).op("AT TIME ZONE")("UTC")
    places = [func.coalesce(func.width_bucket(at, _moments(edges)), 0) for at in (facts.c.bucket, earlier)]
    placed = select(facts.c.n, places[0].label("slot"), places[1].label("earlier")).subquery()
    new, whole = placed.c.earlier < placed.c.slot, placed.c.earlier <= edges.index(start)
    summed = (func.coalesce(_whole(func.sum(placed.c.n).filter(fresh)), 0) for fresh in (new, whole))
    return select(placed.c.slot - 1, *summed).group_by(placed.c.slot)


def _distinct(edges: Sequence[datetime], start: datetime) -> Select[Any]:
    """The same, counted: row-level security leaves the days of one's teams."""
    at = cast(UserDay.day, DateTime).op("AT TIME ZONE")("UTC")
    slot = (func.width_bucket(at, _moments(edges)) - 1).label("slot")
    days = select(UserDay.user_id, slot).where(UserDay.day >= edges[0].date(), UserDay.day < edges[-1].date())
    before = (UserDay.day < start.date()).label("before")
    first = func.row_number().over(partition_by=(UserDay.user_id, before), order_by=UserDay.day).label("nth")
    seen = days.add_columns(first).subquery()
    news = func.count().filter(seen.c.nth == 1)
    return select(seen.c.slot, func.count(seen.c.user_id.distinct()), news).group_by(seen.c.slot)


def _moments(edges: Sequence[datetime]) -> ColumnElement[Any]:
    return cast(list(edges), ARRAY(DateTime(timezone=True)))


def _facts(work: Work, metrics: Sequence[Metric], start: datetime, end: datetime | None) -> CompoundSelect[Any]:
    """Buckets and deltas alike; without ``end`` of exactly one bucket."""

    def of(table: Table) -> Select[Any]:
        inside = table.bucket == start if end is None else and_(table.bucket >= start, table.bucket < end)
        columns: tuple[Any, ...] = (table.metric, table.bucket, table.dimension, table.n, table.total)
        return select(*columns).where(table.metric.in_(metrics), _mine(work, table), inside)

    return union_all(of(StatsBucket), of(StatsDelta))


def _mine(work: Work, table: Table) -> ColumnElement[bool]:
    """Buckets hold each number twice: by team, and for all teams together. Row-level security does the rest."""
    if table is StatsDelta:
        return true()
    return table.team_id.is_(None) if work.who.team_ids is None else table.team_id.is_not(None)


def _one_by_one(work: Work) -> list[ColumnElement[bool]]:
    """Each whose buckets are in sight: the index then gives the first of each without looking at the others."""
    teams = work.who.team_ids
    return [StatsBucket.team_id.is_(None)] if teams is None else [StatsBucket.team_id == team for team in teams]


def _whole(number: ColumnElement[Any]) -> ColumnElement[int]:
    """A sum as an integer: PostgreSQL's sums of big integers are decimals."""
    return cast(number, BigInteger)


_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtext('quarterdeck: stats'))")
_ADD_UP = text("""
    WITH taken AS (
        DELETE FROM stats_deltas WHERE id IN (SELECT id FROM stats_deltas ORDER BY id LIMIT :limit)
        RETURNING metric, team_id, dimension, bucket, n, total
    ), told AS (
        SELECT * FROM taken WHERE team_id IS NOT NULL
        UNION ALL SELECT metric, NULL, dimension, bucket, n, total FROM taken
    ), added AS (
        INSERT INTO stats_buckets AS b (metric, team_id, dimension, bucket, n, total)
        SELECT metric, team_id, dimension, bucket, sum(n), sum(total) FROM told GROUP BY 1, 2, 3, 4
        ON CONFLICT (metric, team_id, bucket, dimension)
        DO UPDATE SET n = b.n + excluded.n, total = b.total + excluded.total
    )
    SELECT count(*) FROM taken
""")
