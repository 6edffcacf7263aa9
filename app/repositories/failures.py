"""Questions about failures: what alike ones have in common, and how many there are, from counters."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, Select, Uuid, cast, func, or_, select, true, union_all

from app.database import Work
from app.errors import NotFound
from app.models import ALWAYS, EVERYWHERE, Failure, Job, JobStatus, Metric, StatsBucket, StatsDelta, Team
from app.paging import Page, PageRequest, Sort
from app.repositories.filters import allowed, among, identity, like
from app.repositories.keyset import Listing, Query, page

MOST_TEAMS = 20
_MOMENTS = ARRAY(DateTime(timezone=True))


class Standing(StrEnum):
    """Whether a failure still waits for somebody."""

    OPEN = "open"
    SETTLED = "settled"

    @property
    def label(self) -> str:
        """As people read it."""
        return self.value.capitalize()


async def search(work: Work, request: PageRequest) -> Page[Any]:
    """Signatures in sight, by how many jobs stand failed unless asked otherwise."""
    request = allowed(work, request)
    query = _grouped(work, request)
    listed = query.selected_columns
    orders = {name: listed[name] for name in ("failed", "seen", "last_seen_at", "first_seen_at")}
    return await page(work, query, Listing(listed["id"], Sort("failed"), orders), request)


async def get(work: Work, failure_id: UUID) -> Any:  # noqa: ANN401 - a row
    """One signature, as the list has it.

    Raises:
        NotFound: there is none, or it hit no team in sight.
    """
    named = PageRequest({"signature": (str(failure_id),)})
    found = (await work.execute(_grouped(work, named))).one_or_none()
    if found is None:
        raise NotFound("This failure does not exist, or you may not see it.")
    return found


async def open_now(work: Work) -> tuple[int, int]:
    """How many signatures wait for somebody, and how many jobs stand failed with them."""
    now = _now(work)
    asked = select(func.count(), func.coalesce(func.sum(now.c.failed), 0).cast(BigInteger)).where(now.c.failed > 0)
    groups, jobs = (await work.execute(asked)).one()
    return groups, jobs


async def latest(work: Work, failure_id: UUID) -> Any:  # noqa: ANN401 - a row
    """The latest job that stands failed, or is tried again, with this signature: a sample with all of its error."""
    columns = (Job.id, Job.team_id, Job.user_id, Job.status, Job.error, Job.error_code, Job.finished_at, Job.attempts)
    signature = select(Failure.signature).where(Failure.id == failure_id).limit(1).scalar_subquery()
    query = select(*columns).where(Job.error_signature == signature).order_by(Job.id.desc()).limit(1)
    return (await work.execute(query)).one_or_none()


async def teams(work: Work, failure_id: UUID) -> Sequence[Any]:
    """The teams that it hit last, with when it did."""
    query = select(Team.id, Team.name, Failure.first_seen_at, Failure.last_seen_at)
    hit = query.join(Team, Team.id == Failure.team_id).where(Failure.id == failure_id)
    return (await work.execute(hit.order_by(Failure.last_seen_at.desc(), Team.id).limit(MOST_TEAMS))).all()


async def lately(work: Work, ids: Sequence[UUID], edges: Sequence[datetime]) -> Mapping[UUID, Sequence[int]]:
    """How often each of these was seen between neighbouring ``edges`` (full quarters of an hour)."""
    names = [str(one) for one in ids]
    sides = []
    for table in (StatsBucket, StatsDelta):
        inside = (table.bucket >= edges[0], table.bucket < edges[-1], table.dimension.in_(names))
        slot = func.width_bucket(table.bucket, cast(list(edges), _MOMENTS)) - 1
        columns: tuple[Any, ...] = (table.dimension, slot.label("slot"), table.n)
        sides.append(select(*columns).where(table.metric == Metric.FAILURES.value, _mine(work, table), *inside))
    parts = union_all(*sides).subquery()
    query = select(parts.c.dimension, parts.c.slot, func.sum(parts.c.n)).group_by(parts.c.dimension, parts.c.slot)
    found = {one: [0] * (len(edges) - 1) for one in ids}
    for dimension, slot, n in await work.execute(query):
        found[UUID(dimension)][slot] = int(n)
    return found


def _grouped(work: Work, request: PageRequest) -> Query:
    """Signatures with their numbers: for those who see all teams the row of all teams, for others theirs together."""
    now, hit, seen = _now(work), _hit(), _seen(work)
    numbers = [func.coalesce(now.c[name], 0).cast(BigInteger).label(name) for name in ("failed", "waiting", "seen")]
    query: Any = select(*seen.c, *numbers, func.coalesce(hit.c.teams, 0).label("teams"))
    query = query.outerjoin(now, now.c.id == seen.c.id).outerjoin(hit, hit.c.id == seen.c.id)
    going = func.coalesce(now.c.failed, 0) + func.coalesce(now.c.waiting, 0)
    if len(chosen := among(request, "state", Standing)) == 1:
        query = query.where(going > 0 if chosen[0] == Standing.OPEN else going <= 0)
    if kinds := request.filters.get("kind"):
        query = query.where(seen.c.kind.in_(kinds))
    if signature := identity(request, "signature"):
        query = query.where(seen.c.id == signature)
    if team := identity(request, "team"):
        query = query.where(seen.c.id.in_(select(Failure.id).where(Failure.team_id == team)))
    if words := request.search.strip():
        columns = [seen.c.kind, seen.c.error_class, seen.c.place, *([] if request.exact else [seen.c.message])]
        query = query.where(or_(*(column.ilike(like(words)) for column in columns)))
    return query  # type: ignore[no-any-return]  # its columns come from a subquery


def _seen(work: Work) -> Any:  # noqa: ANN401 - a subquery
    same = (Failure.signature, Failure.kind, Failure.error_class, Failure.place, Failure.message)
    if work.who.team_ids is None:
        whole = select(Failure.id, *same, Failure.first_seen_at, Failure.last_seen_at)
        return whole.where(Failure.team_id == EVERYWHERE).subquery("seen")
    first, last = func.min(Failure.first_seen_at), func.max(Failure.last_seen_at)
    mine = select(Failure.id, *same, first.label("first_seen_at"), last.label("last_seen_at"))
    return mine.group_by(Failure.id, *same).subquery("seen")


def _hit() -> Any:  # noqa: ANN401 - a subquery
    """How many teams each has hit so far."""
    hit = select(Failure.id, func.count().label("teams")).where(Failure.team_id != EVERYWHERE)
    return hit.group_by(Failure.id).subquery("hit")


def _now(work: Work) -> Any:  # noqa: ANN401 - a subquery
    """By signature: jobs that stand failed, that are tried again, and how many ever failed."""

    def of(table: type[StatsBucket | StatsDelta]) -> Select[Any]:
        columns: tuple[Any, ...] = (table.dimension, table.n)
        return select(*columns).where(
            table.metric == Metric.FAILURES_NOW.value, table.bucket == ALWAYS, _mine(work, table)
        )

    parts = union_all(of(StatsBucket), of(StatsDelta)).subquery()
    name, state = (func.split_part(parts.c.dimension, "|", n) for n in (1, 2))
    sums = [func.sum(parts.c.n).filter(state == word).label(word) for word in (JobStatus.FAILED, "waiting", "seen")]
    whole = [func.coalesce(one, 0).label(one.name) for one in sums]
    return select(cast(name, Uuid).label("id"), *whole).group_by(name).subquery("now")


def _mine(work: Work, table: type[StatsBucket | StatsDelta]) -> Any:  # noqa: ANN401 - a condition
    """Buckets hold each number twice: by team, and for all teams together. Row-level security does the rest."""
    if table is StatsDelta:
        return true()
    return table.team_id.is_(None) if work.who.team_ids is None else table.team_id.is_not(None)
