"""What a block changed, seen by the unit of work: before and after of every changed column, for the audit log."""

from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from app.models import Base
from app.privacy import job_secrets
from app.values.exact_json import plain

# Book-keeping columns that follow every change and would only be noise.
_SILENT = frozenset({"version", "updated_at", "password_set_at"})


class Changes:
    """Collects the changes of one session across its flushes: the first value before, the last value after."""

    def __init__(self, session: Session) -> None:
        self._before: dict[Base, dict[str, Any]] = {}
        self._after: dict[Base, dict[str, Any]] = {}
        self._covered: set[Base] = set()
        self._created: set[Base] = set()
        event.listen(session, "before_flush", self._collect)

    def __bool__(self) -> bool:
        return bool(self._before or self._after)

    def cover(self, record: Base) -> None:
        """An audit entry tells of this record."""
        self._covered.add(record)

    def uncovered(self) -> set[str]:
        """Tables with changed records of which no entry tells."""
        return {record.__tablename__ for record in (*self._before, *self._after) if record not in self._covered}

    def of(self, record: Base | None) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Before and after of a record, as JSON; None where there is nothing (before a creation, after a deletion)."""
        if record is None:
            return None, None
        before, after = self._before.get(record), self._after.get(record)
        quoted = job_secrets.secrets_in(getattr(record, "input", None), getattr(record, "kind", None))
        told = [job_secrets.cleaned(plain(side), quoted) if side else None for side in (before, after)]
        return told[0], told[1]

    def _collect(self, session: Session, *_: object) -> None:
        for record in session.new:
            self._created.add(record)
            self._after.setdefault(record, {}).update(_values(record))
        for record in session.dirty:
            if session.is_modified(record):
                self._collect_update(record)
        for record in session.deleted:
            self._before.setdefault(record, {}).update(_values(record))
            self._after.pop(record, None)

    def _collect_update(self, record: Base) -> None:
        state = inspect(record)
        for attribute in state.mapper.column_attrs:
            history = state.attrs[attribute.key].history
            if not history.has_changes() or attribute.key in _SILENT:
                continue
            column = attribute.columns[0]
            old = history.deleted[0] if history.deleted else None
            new = history.added[0] if history.added else None
            if column.info.get("secret"):
                old, new = None, "changed"
            for key, before, after in _narrowed(column.name, old, new):
                was, now = (_disclosed(record, column, value, key) for value in (before, after))
                if record not in self._created:  # what did not exist has no value before
                    self._before.setdefault(record, {}).setdefault(key, was)
                self._after.setdefault(record, {})[key] = now


def _narrowed(name: str, old: object, new: object) -> list[tuple[str, Any, Any]]:
    """A JSON object is told key by key (``data.dep_time``), anything else as a whole."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [(name, old, new)]
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key) or (key in old) != (key in new)]
    return [(f"{name}.{key}", old.get(key), new.get(key)) for key in keys]


def _values(record: Base) -> dict[str, Any]:
    """All set columns of a new or deleted record; secrets only say that they were set."""
    state = inspect(record)
    found = {}
    for attribute in state.mapper.column_attrs:
        column = attribute.columns[0]
        value = state.dict.get(attribute.key)
        if value is None or attribute.key in _SILENT:
            continue
        found[column.name] = "set" if column.info.get("secret") else _disclosed(record, column, value)
    return found


def _disclosed(record: Base, column: Any, value: Any, key: str = "") -> Any:  # noqa: ANN401 - a column's value
    """What an entry may tell of a value: no secrets of jobs. ``key``: it is that of one key of it, ``input.to``."""
    if not column.info.get("secrets"):
        return value
    kind = getattr(record, "kind", None) if column.name == "input" else None
    _, _, inner = key.partition(".")
    return job_secrets.hidden({inner: value}, kind)[inner]
