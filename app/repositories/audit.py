"""Questions about the audit log."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Date, any_, cast, func, literal, select
from sqlalchemy.dialects.postgresql import distinct_on

from app.database import Work
from app.errors import Invalid
from app.models import Action, AuditEntry, PersonalValue
from app.models.personal_value import TOLD
from app.paging import COUNT_CAP, Count, CountKind, Cursor, Page, PageRequest, Sort
from app.repositories import audit_words
from app.repositories.filters import among, as_uuid, identity, within
from app.repositories.keyset import Listing, Query, page

LISTING = Listing(AuditEntry.id, Sort("id"), {})
_SEALS = {"personal", "version", "xid"}
COLUMNS = [TOLD.get(c.name, c) for c in AuditEntry.__table__.columns if c.name not in {"session_id", *_SEALS}]
ERASED = "$erased"
"""The only key of what stands in place of a personal value that was erased."""
_NARROWING = ("person", "action", "record", "team", "at")
_FIRST = ("id", "at", "actor_name", "action", "target_label", "reason")
EXPORT: Mapping[str, Any] = MappingProxyType(
    {
        name: TOLD.get(name, AuditEntry.__table__.c[name])
        for name in dict.fromkeys([*_FIRST, *(column.name for column in COLUMNS)])
    }
)
"""The columns of a file of entries, the telling ones first."""


ENTRIES: Query = (
    select(*COLUMNS).select_from(AuditEntry).outerjoin(PersonalValue, PersonalValue.entry_id == AuditEntry.id)
)
"""All entries in sight, with their personal values: every question about entries begins with it."""


def matching(request: PageRequest, *, limited: bool = False) -> Query:
    """Entries by words and by the filters person, action, record (``type`` or ``type:id``), team, at, ip and request.

    ``limited`` asks the way that finds words for people who see only some teams; others find nothing by it.
    """
    wanted = audit_words.sought(request)
    if wanted is None:
        return _narrowed(request)
    ids = audit_words.holding(wanted, whole=not request.exact, limited=limited)
    return _narrowed(request).where(AuditEntry.id.in_(ids))


def _narrowed(request: PageRequest) -> Query:
    """By all filters that columns answer."""
    query = ENTRIES
    if person := identity(request, "person"):
        query = query.where(AuditEntry.actor_id == person)
    if actions := among(request, "action", Action):
        query = query.where(AuditEntry.action.in_(actions))
    if record := request.one("record"):
        kind, _, id_ = record.partition(":")
        query = query.where(AuditEntry.target_type == kind)
        if id_:
            query = query.where(AuditEntry.target_id == id_)
    if teams := [as_uuid(value) for value in request.filters.get("team", ())]:
        query = query.where(AuditEntry.team_id.in_(teams))
    for condition in within(request, "at", AuditEntry.at):
        query = query.where(condition)
    return query


async def search(work: Work, request: PageRequest) -> Page[Any]:
    """Entries in sight, newest first. The filter ``day`` hides nothing: the list begins there."""
    down = (request.sort or LISTING.default).descending
    if request.cursor is None and (day := request.one("day")):
        request = replace(request, cursor=await _place(work, day, down=down))
    wanted = audit_words.sought(request)
    if wanted is None:
        return await page(work, _narrowed(request), LISTING, request)
    ids, count = await _with_words(work, wanted, request, down=down)
    chosen = ENTRIES.where(AuditEntry.id == any_(literal(ids, ARRAY(BigInteger))))
    return await page(work, chosen, LISTING, request, count=count)


async def _with_words(
    work: Work, wanted: ColumnElement[str], request: PageRequest, *, down: bool
) -> tuple[list[int], Count]:
    """The numbers that a page with words is made of, and how many entries match."""
    narrowed = any(request.filters.get(name) for name in _NARROWING)
    others = _narrowed(request) if narrowed else None
    ids = await audit_words.found(work, wanted, others, down=down)
    count = Count(COUNT_CAP, CountKind.AT_LEAST) if len(ids) > COUNT_CAP else Count(len(ids))
    if (cursor := request.cursor) is None:
        return ids[: request.size + 1], count
    place, towards = _number(cursor), down != cursor.backwards
    if len(ids) > COUNT_CAP:
        ids = await audit_words.found(work, wanted, others, down=towards, beyond=place)
    beyond = [id_ for id_ in ids if (id_ < place if towards else id_ > place)]
    return sorted(beyond, reverse=towards)[: request.size + 1], count


def _number(cursor: Cursor) -> int:
    try:
        return int(cursor.id)
    except ValueError:
        raise Invalid("This page link is damaged. Open the list again.") from None


async def _place(work: Work, day: str, *, down: bool) -> Cursor:
    """Where the list stands at a day (UTC): before its end, or, read upwards, from its start on."""
    try:
        start = datetime.combine(date.fromisoformat(day), time(), UTC)
        edge = start + timedelta(days=1) if down else start
    except (ValueError, OverflowError):
        raise Invalid("This is not a day. Choose another.") from None
    first = int(await work.scalar(select(func.audit_first_since(edge))))
    place = first if down else first - 1
    return Cursor(place, str(place))


async def numbers(work: Work, request: PageRequest, most: int) -> list[int]:
    """The numbers of the first ``most`` entries that match, in the order of the list."""
    query = matching(request, limited=work.who.team_ids is not None).with_only_columns(AuditEntry.id)
    down = (request.sort or LISTING.default).descending
    order = AuditEntry.id.desc() if down else AuditEntry.id.asc()
    return list((await work.execute(query.order_by(order).limit(most))).scalars())


async def get(work: Work, entry_id: int) -> Any:  # noqa: ANN401 - a row of the list
    """One entry, or None."""
    return (await work.execute(ENTRIES.where(AuditEntry.id == entry_id))).one_or_none()


async def of_record(work: Work, kind: str, id_: str, limit: int = 100) -> list[Any]:
    """The latest entries about one record, newest first."""
    query = ENTRIES.where(AuditEntry.target_type == kind, AuditEntry.target_id == id_)
    return list((await work.execute(query.order_by(AuditEntry.id.desc()).limit(limit))).all())


async def reverted_by(work: Work, entry: Any) -> int | None:  # noqa: ANN401 - a row of the list
    """The number of the entry that took this one back, or None. It tells of the same record, later."""
    query = select(AuditEntry.id).where(
        AuditEntry.target_type == entry.target_type,
        AuditEntry.target_id == entry.target_id,
        AuditEntry.id > entry.id,
        AuditEntry.detail["reverts"].astext == str(entry.id),
    )
    found: int | None = await work.scalar(query.order_by(AuditEntry.id.desc()).limit(1))
    return found


async def actors(work: Work, kind: str, among_latest: int) -> list[Any]:
    """Who acted in the latest entries in sight, as (id, name), by name; each once, by the latest of their names."""
    recent = select(AuditEntry.id, AuditEntry.actor_id, AuditEntry.actor_name, AuditEntry.actor_kind)
    latest_ = recent.order_by(AuditEntry.id.desc()).limit(among_latest).subquery()
    query = (
        select(latest_.c.actor_id, latest_.c.actor_name)
        .ext(distinct_on(latest_.c.actor_id))
        .where(latest_.c.actor_kind == kind, latest_.c.actor_id.is_not(None))
        .order_by(latest_.c.actor_id, latest_.c.id.desc())
    ).subquery()
    return list((await work.execute(select(query).order_by(query.c.actor_name))).all())


async def days(work: Work, person: UUID, among_latest: int) -> list[Any]:
    """On which days (UTC) somebody acted, as (day, number of acts), newest first, by the latest of their entries."""
    recent = select(AuditEntry.at).where(AuditEntry.actor_id == person)
    latest_ = recent.order_by(AuditEntry.id.desc()).limit(among_latest).subquery()
    day = cast(func.timezone("UTC", latest_.c.at), Date)
    query = select(day.label("day"), func.count().label("acts")).group_by(day).order_by(day.desc())
    return list((await work.execute(query)).all())


async def latest(work: Work, limit: int) -> list[Any]:
    """The latest entries in sight."""
    return list((await work.execute(ENTRIES.order_by(AuditEntry.id.desc()).limit(limit))).all())
