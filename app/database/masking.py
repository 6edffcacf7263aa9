"""Masks what the database answers, before anybody else sees it: by the columns that a question selects, however it
names or combines them. ``app.database.work`` does it: personal data for every reader without ``personal:read``, and the
secrets in what jobs are given for every reader there is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, CompoundSelect, Executable, Result, Select, SelectBase, inspect, select
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.sql import visitors

from app.errors import AppError, Conflict
from app.models import Action, Base, Job, Payment, Schedule, User
from app.privacy import job_secrets
from app.privacy.personal import DOTS, Kind, Masked, Veil

_NAMING = frozenset({Kind.NAME, Kind.EMAIL})
_CONTENT = "row"
"""What an entry of a dataset's row tells is content, which whoever works on the dataset sees anyway."""
_NEUTRAL = frozenset({Action.PERSONAL_REVEALED, Action.USER_ERASED})
"""What these entries call a person by is the end of their id."""
_TYPED = frozenset({"search", "filters"})
"""What staff typed to find something, as an export's entry keeps it."""


def kind_of(expression: Any) -> Kind | None:  # noqa: ANN401 - whatever can be selected
    """What of a person this expression can tell: that of any column which it is made of."""
    clause = expression.__clause_element__() if hasattr(expression, "__clause_element__") else expression
    for part in visitors.iterate(clause):
        for column in part.base_columns if isinstance(part, ColumnElement) else ():
            if (kind := getattr(column, "info", {}).get("personal")) is not None:
                return Kind(kind)
    return None


def personal_columns(model: type[Base]) -> dict[str, Kind]:
    """The columns of a table that hold personal data."""
    columns = model.__table__.columns
    return {column.name: Kind(kind) for column in columns if (kind := column.info.get("personal")) is not None}


def _models() -> dict[str, dict[str, Kind]]:
    """Personal columns by what the audit log calls a record: ``user``, ``payment``, and so on."""
    found = {str(mapper.class_.__tablename__): mapper.class_ for mapper in Base.registry.mappers}
    return {table.removesuffix("s"): columns for table, model in found.items() if (columns := personal_columns(model))}


async def covered(session: AsyncSession, veil: Veil, statement: Executable, answer: Result[Any]) -> Result[Any]:
    """The same answer, masked; untouched where the question selects nothing personal."""
    kinds = _selected(statement)
    if not any(kinds):
        return answer
    keys, rows = list(answer.keys()), answer.all()
    for row in rows:
        _meet(veil, kinds, keys, row)
    if Kind.WORDS in kinds or "entity" in kinds:
        await _meet_owners(session, veil, keys, rows)
    told = [_row(veil, kinds, keys, row) for row in rows]
    return IteratorResult(SimpleResultMetaData(keys), iter(told))


async def cover(session: AsyncSession, veil: Veil, record: Base, *, in_place: bool) -> None:
    """Remember whom a record names; ``in_place``, also mask what it holds: it must not be written afterwards."""
    _meet_record(veil, record)
    if in_place:
        await _meet_owners(session, veil, ["record"], [(record,)])
        _cover(veil, record)


def without_secrets(statement: Executable, answer: Result[Any]) -> Result[Any]:
    """The same answer without the secrets of jobs' inputs; untouched where the question selects nothing of the kind."""
    places = _secret_places(statement)
    if not any(places):
        return answer
    keys = list(answer.keys())
    told = [_unsaid(places, keys, row) for row in answer.all()]
    return IteratorResult(SimpleResultMetaData(keys), iter(told))


def keep_secrets(record: Base) -> None:
    """Take the secrets out of a record that is only read: it must not be written afterwards."""
    columns = _SECRETS.get(type(record))
    if columns is None:
        return
    values, kind = inspect(record).dict, getattr(record, "kind", None)
    known = job_secrets.secrets_in(values["input"], kind) if "input" in values else frozenset()
    for column in columns:
        if column in values:
            set_committed_value(record, column, job_secrets.hidden(values[column], _kind(record)))
    for column in personal_columns(type(record)) if known else ():
        if column in values:  # an error, or a line of the time line, may quote what it was given
            set_committed_value(record, column, job_secrets.cleaned(values[column], known))


def _kind(record: Base) -> str | None:
    """The kind of job; of a line of its time line, ``kind`` says something else."""
    return record.kind if isinstance(record, Job | Schedule) else None


def _secret_places(statement: Executable | SelectBase) -> list[bool]:
    """For each value of a row: whether it can hold secrets."""
    if isinstance(statement, CompoundSelect):
        return [any(one) for one in zip(*(_secret_places(side) for side in statement.selects), strict=True)]
    if not isinstance(statement, Select):
        return []
    return [
        one["type"] in _SECRETS if isinstance(one["type"], type) else _holds_secrets(one["expr"])
        for one in statement.column_descriptions
    ]


def _holds_secrets(expression: Any) -> bool:  # noqa: ANN401 - whatever can be selected
    clause = expression.__clause_element__() if hasattr(expression, "__clause_element__") else expression
    return any(
        column.info.get("secrets")
        for part in visitors.iterate(clause)
        if isinstance(part, ColumnElement)
        for column in part.base_columns
        if hasattr(column, "info")
    )


def _unsaid(places: Sequence[bool], keys: Sequence[str], row: Sequence[Any]) -> tuple[Any, ...]:
    kind = row[keys.index("kind")] if "kind" in keys and "job_id" not in keys else None
    told = []
    for holds, value in zip(places, row, strict=True):
        if isinstance(value, Base):
            keep_secrets(value)
        told.append(_covered_json(value, kind) if holds and not isinstance(value, Base) else value)
    return tuple(told)


def _covered_json(value: Any, kind: str | None) -> Any:  # noqa: ANN401 - what a question made of such a column
    """JSON without its secrets; a text made of it, of which nobody knows where they stand, is hidden whole."""
    return Masked(DOTS) if isinstance(value, str) else job_secrets.hidden(value, kind)


def _meet_record(veil: Veil, record: Base) -> None:
    values = inspect(record).dict
    for column, kind in personal_columns(type(record)).items():
        if kind in _NAMING:
            veil.meet(values.get(column), kind)


@contextmanager
def refusals(veil: Veil | None) -> Iterator[None]:
    """Let what is refused within, once it was about people, say no more than a screen would show."""
    try:
        yield
    except AppError as error:
        if veil is not None and veil.met:
            error.message = veil.words(error.message)
            error.args = (error.message,)
            if isinstance(error, Conflict):
                error.original, error.theirs = (veil.over(side, Kind.HIDDEN) for side in (error.original, error.theirs))
        raise


def _selected(statement: Executable | SelectBase) -> list[Kind | str | None]:
    """For each value of a row: its kind, "entity" for a whole record, None for what tells nothing of a person."""
    if isinstance(statement, CompoundSelect):
        sides = [_selected(side) for side in statement.selects]
        return [next(filter(None, one), None) for one in zip(*sides, strict=True)]
    if not isinstance(statement, Select):
        return []
    return [
        ("entity" if isinstance(one["type"], type) else kind_of(one["expr"])) for one in statement.column_descriptions
    ]


def _meet(veil: Veil, kinds: Sequence[Kind | str | None], keys: Sequence[str], row: Sequence[Any]) -> None:
    if Kind.ENTRY in kinds:
        _meet_told(veil, dict(zip(keys, row, strict=True)))
    for kind, value in zip(kinds, row, strict=True):
        if isinstance(value, Base):
            _meet_record(veil, value)
        elif kind in _NAMING:
            veil.meet(value, Kind(kind))


async def _meet_owners(session: AsyncSession, veil: Veil, keys: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Meet the users whom records, or what entries tell of, belong to: to find them in free words."""
    place = keys.index("user_id") if "user_id" in keys else None
    ids: set[UUID] = set()
    for row in rows:
        found = [getattr(value, "user_id", None) for value in row if isinstance(value, Base)]
        ids.update(one for one in (*found, row[place] if place is not None else None) if one is not None)
    if {"target_type", "target_id"} <= set(keys):
        kind, target = keys.index("target_type"), keys.index("target_id")
        ids |= await _owners(session, {(row[kind], row[target]) for row in rows})
    if ids:
        for who, address in await session.execute(select(User.name, User.email).where(User.id.in_(ids))):
            veil.meet(who, Kind.NAME)
            veil.meet(address, Kind.EMAIL)


async def _owners(session: AsyncSession, targets: Iterable[tuple[str, str]]) -> set[UUID]:
    """The users whom these records, as (type, id), are or belong to."""
    by_type: dict[str, set[UUID]] = {"user": set(), "payment": set(), "job": set()}
    for kind, id_ in targets:
        if kind in by_type:
            with suppress(ValueError):
                by_type[kind].add(UUID(id_))
    found = by_type["user"]
    for model, ids in ((Payment, by_type["payment"]), (Job, by_type["job"])):
        if ids:
            owners = await session.execute(select(model.user_id).where(model.id.in_(ids)))
            found.update(one for one in owners.scalars() if one is not None)
    return found


def _row(veil: Veil, kinds: Sequence[Kind | str | None], keys: Sequence[str], row: Sequence[Any]) -> tuple[Any, ...]:
    entry = _entry(veil, dict(zip(keys, row, strict=True))) if Kind.ENTRY in kinds else {}
    told = []
    for key, kind, value in zip(keys, kinds, row, strict=True):
        if isinstance(value, Base):
            _cover(veil, value)
        elif kind is Kind.ENTRY and key in entry:
            value = entry[key]  # noqa: PLW2901 - what stands in its place
        elif kind is not None:
            value = veil.over(value, Kind(kind))  # noqa: PLW2901 - the same
        told.append(value)
    return tuple(told)


def _cover(veil: Veil, record: Base) -> None:
    values = inspect(record).dict
    for column, kind in personal_columns(type(record)).items():
        if column in values:
            set_committed_value(record, column, veil.over(values[column], kind))


def _entry(veil: Veil, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry of the audit log tells, masked as the record is that it tells of."""
    about, action = entry.get("target_type"), entry.get("action")
    if about is None or action is None:
        return {}  # of what, nobody knows: all of it is hidden
    own, detail = _PERSONAL.get(about, {}), entry.get("detail") or {}
    told: dict[str, Any] = {
        "target_label": veil.over(entry.get("target_label"), Kind.NAME if _names(entry) else Kind.WORDS),
        "detail": {k: Masked(DOTS) if k in _TYPED else veil.over(v, Kind.WORDS) for k, v in detail.items()} or None,
    }
    for side in ("before", "after"):
        told[side] = entry.get(side) if about == _CONTENT else _side(veil, entry.get(side), own)
    return told


def _meet_told(veil: Veil, entry: Mapping[str, Any]) -> None:
    """Remember whom an entry names."""
    own = _PERSONAL.get(str(entry.get("target_type")), {})
    if _names(entry):
        veil.meet(entry.get("target_label"), Kind.NAME)
    for key, value in [*(entry.get("before") or {}).items(), *(entry.get("after") or {}).items()]:
        if own.get(key) in _NAMING:
            veil.meet(value, own[key])


def _names(entry: Mapping[str, Any]) -> bool:
    """Whether its label is a person's name."""
    own = _PERSONAL.get(str(entry.get("target_type")), {})
    return Kind.NAME in own.values() and entry.get("action") not in _NEUTRAL


def _side(veil: Veil, values: Mapping[str, Any] | None, own: Mapping[str, Kind]) -> Any:  # noqa: ANN401 - JSON
    """Before or after: each column by its own kind; ``options.theme`` is a part of the column ``options``."""
    if values is None:
        return None
    return {key: veil.over(value, own.get(key.partition(".")[0], Kind.WORDS)) for key, value in values.items()}


_PERSONAL = _models()
_SECRETS = {
    mapper.class_: columns
    for mapper in Base.registry.mappers
    if (columns := tuple(c.name for c in mapper.class_.__table__.columns if c.info.get("secrets")))
}
"""Columns that can hold what jobs are given, by model."""
