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

from app.models.stats import ALWAYS, Metric, StatsBucket, StatsDelta
from app.periods import Period
from app.work import Work

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
    moments = cast(list(edges), ARRAY(DateTime(timezone=True)))
    slot = func.width_bucket(facts.c.bucket, moments) - 1
    summed = (facts.c.dimension, _whole(func.sum(facts.c.n)), _whole(func.sum(facts.c.total)))
    return select(facts.c.metric, slot, *summed).group_by(facts.c.metric, slot, facts.c.dimension)


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
