"""How many there are now, from the counters that triggers keep: exact at every moment, and no table is counted.

A number is the sum of its bucket and of the changes that are not added up yet; one statement reads both.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, CompoundSelect, cast, func, select, union_all
from sqlalchemy.orm import InstrumentedAttribute

from app.database import Work
from app.models import ALWAYS, Metric, StatsBucket, StatsDelta


async def now(
    work: Work, metric: Metric, *, teams: Sequence[UUID] | None = None, dimensions: Sequence[str] | None = None
) -> int:
    """How many there are now: of all teams in sight, or of these; of every kind, or of these ``dimensions``."""
    if teams is None and work.who.team_ids is not None:
        teams = work.who.team_ids
    buckets = select(StatsBucket.n).where(*_now(StatsBucket, metric, dimensions))
    deltas = select(StatsDelta.n).where(*_now(StatsDelta, metric, dimensions))
    if teams is None:  # the bucket of no team is the sum over all
        buckets = buckets.where(StatsBucket.team_id.is_(None))
    else:
        buckets, deltas = buckets.where(StatsBucket.team_id.in_(teams)), deltas.where(StatsDelta.team_id.in_(teams))
    parts = union_all(buckets, deltas).subquery()
    return int(await work.scalar(select(_total(parts.c.n))))


async def since(
    work: Work,
    metric: Metric,
    start: datetime,
    *,
    team: UUID | None = None,
    dimensions: Sequence[str] | None = None,
) -> dict[str, int]:
    """How many there are, by dimension, of the moments from ``start`` on: see :func:`noted_since`."""
    parts = noted_since(work, metric, start, team=team, dimensions=dimensions).subquery()
    query = select(parts.c.dimension, _total(parts.c.n)).group_by(parts.c.dimension)
    return {dimension: int(n) for dimension, n in await work.execute(query)}


def noted_since(
    work: Work, metric: Metric, start: datetime, *, team: UUID | None = None, dimensions: Sequence[str] | None = None
) -> CompoundSelect[Any]:
    """What is noted, as ``dimension`` and ``n`` to be summed, of the moments from ``start`` on, which begins a quarter
    of an hour: of all teams in sight, or of one; of every dimension, or of these.
    """
    known: dict[type[StatsBucket | StatsDelta], list[ColumnElement[bool]]] = {}
    for table in (StatsBucket, StatsDelta):
        known[table] = [table.metric == metric.value, table.bucket >= start]
        known[table] += [] if dimensions is None else [table.dimension.in_(dimensions)]
        known[table] += [] if team is None else [table.team_id == team]
    if team is None:
        everywhere = work.who.team_ids is None
        known[StatsBucket].append(StatsBucket.team_id.is_(None) if everywhere else StatsBucket.team_id.is_not(None))
    return union_all(*(select(table.dimension, table.n).where(*conditions) for table, conditions in known.items()))


async def by_team(work: Work, metric: Metric, teams: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """How many each of these teams has now, by dimension; what there is none of is left out."""
    sides = [
        select(table.team_id, table.dimension, table.n).where(*_now(table, metric, None), table.team_id.in_(teams))
        for table in (StatsBucket, StatsDelta)
    ]
    parts = union_all(*sides).subquery()
    query = select(parts.c.team_id, parts.c.dimension, _total(parts.c.n)).group_by(parts.c.team_id, parts.c.dimension)
    found: dict[UUID, dict[str, int]] = {team: {} for team in teams}
    for team, dimension, n in await work.execute(query):
        if n:
            found[team][dimension] = int(n)
    return found


def of_team(metric: Metric, team: InstrumentedAttribute[UUID], dimensions: Sequence[str]) -> ColumnElement[int]:
    """The same number as a column beside a team's row, for a file of them."""
    sides = [
        select(table.n).where(*_now(table, metric, dimensions), table.team_id == team).correlate(team.class_)
        for table in (StatsBucket, StatsDelta)
    ]
    parts = union_all(*sides).subquery()
    return select(_total(parts.c.n)).scalar_subquery()


def _now(
    table: type[StatsBucket | StatsDelta], metric: Metric, dimensions: Sequence[str] | None
) -> list[ColumnElement[bool]]:
    known = [table.metric == metric.value, table.bucket == ALWAYS]
    return known if dimensions is None else [*known, table.dimension.in_(dimensions)]


def _total(n: Any) -> ColumnElement[int]:  # noqa: ANN401 - a column
    return cast(func.coalesce(func.sum(n), 0), BigInteger)
