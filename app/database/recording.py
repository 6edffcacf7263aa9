"""What one block tells the audit log: which tables it wrote, which records it told of, and the entries themselves.

``app.database.work`` is its only user; before and after come from ``app.database.changes``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, TextClause, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import UpdateBase

from app.database.changes import Changes
from app.database.identity import Who
from app.models import Action, AuditEntry, Base
from app.permissions import Permission
from app.topics import Change
from app.trace import request_reference
from app.values.exact_json import plain

ENTERED = Change("audit", None, "created")
"""What open pages hear of a new entry."""


class UnrecordedWrite(Exception):
    """A block changed something and recorded nothing about it: a bug of ours. The transaction is rolled back."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an act was about that is no record: a list that somebody took away, for one. Without a team its entry
    belongs to the console itself, also when somebody acts who is limited to some teams.
    """

    type: str
    id: str
    label: str
    team_id: UUID | None = None


@dataclass(eq=False, slots=True)
class Recording:
    """The entries of one block, and what they must tell of."""

    changes: Changes
    _touched: set[str] = field(default_factory=set)
    _covered: set[str] = field(default_factory=set)
    _entries: list[dict[str, Any]] = field(default_factory=list)
    _targets: list[Base | None] = field(default_factory=list)

    def note(self, statement: Executable) -> None:
        """Remember which table a statement writes, if it does."""
        if isinstance(statement, UpdateBase):
            self._touched.add(getattr(statement.table, "name", "?"))
        elif isinstance(statement, TextClause):
            self._touched.update(name.lower() for name in _WRITES.findall(statement.text))

    def cover(self, record: Base | type[Base]) -> None:
        """An entry tells of this record, or of what is written to this table."""
        self._covered.add(record.__tablename__)
        if not isinstance(record, type):
            self.changes.cover(record)

    def enter(
        self,
        action: Action,
        target: Base | Subject,
        reason: str | None,
        detail: Mapping[str, Any] | None,
        label: str | None = None,
    ) -> None:
        """One entry more, told of ``target``."""
        about = _subject(target) if isinstance(target, Base) else target
        self._targets.append(target if isinstance(target, Base) else None)
        self._entries.append(
            {
                "team_id": about.team_id,
                "action": action.value,
                "target_type": about.type,
                "target_id": about.id,
                "target_label": label or about.label,
                "reason": reason,
                "detail": plain(dict(detail)) if detail else None,
            }
        )

    def refuse_unrecorded(self) -> None:
        """Every table that was written is told of, and some entry tells it.

        Raises:
            UnrecordedWrite: a change was forgotten.
        """
        forgotten = {table for table in self._touched if table not in self._covered} | self.changes.uncovered()
        if forgotten or ((self._touched or self.changes) and not self._entries):
            raise UnrecordedWrite(f"A change to {', '.join(sorted(forgotten)) or 'the database'} recorded nothing.")

    async def write(self, session: AsyncSession, who: Who) -> bool:
        """Write the entries in the block's own transaction. False: there are none."""
        if not self._entries:
            return False
        for entry, target in zip(self._entries, self._targets, strict=True):
            before, after = self.changes.of(target)
            entry.update(before=before, after=after)
        if any(of is None and told["team_id"] is None for of, told in zip(self._targets, self._entries, strict=True)):
            await session.execute(_AS_THE_CONSOLE)
        shared = _signature(who)
        entries = [shared | entry for entry in self._entries]
        await session.execute(_INSERT, entries if len(entries) > 1 else entries[0])  # of one alone, the faster way
        return True


async def enter_refusal(session: AsyncSession, who: Who, permission: Permission) -> None:
    """Write that somebody was refused something, as the console itself."""
    entry = {
        **_signature(who),
        "action": Action.ACCESS_REFUSED.value,
        "target_type": "permission",
        "target_id": permission.value,
        "target_label": permission.value,
    }
    await session.execute(_INSERT, entry)


def noun(model: type[Base]) -> str:
    """The singular that the audit log calls a record by."""
    table = str(model.__tablename__)
    return _NOUNS.get(table, table.removesuffix("s"))


def _signature(who: Who) -> dict[str, Any]:
    """Who acts, from where, in which request: a person, a token for its owner, a job for whoever started it, or the
    operating system's user of a command.
    """
    return {
        "actor_id": who.id,
        "actor_name": who.name,
        "actor_kind": who.kind,
        "session_id": who.session_id,
        "ip": who.ip,
        "request": request_reference(),
    }


def _subject(record: Base) -> Subject:
    """A record as the audit log names it."""
    id_: Any = record.id  # type: ignore[attr-defined]  # every recorded model has an id
    team = id_ if record.__tablename__ == "teams" else getattr(record, "team_id", None)
    return Subject(noun(type(record)), str(id_), record.audit_label, team)


# Without RETURNING: the roles may insert these columns, not read ids back.
_INSERT = insert(AuditEntry.__table__).inline()  # type: ignore[arg-type]  # declared as FromClause
_AS_THE_CONSOLE = select(func.set_config("role", "quarterdeck_platform", True))
# A lock ("FOR UPDATE SKIP LOCKED") writes nothing.
_WRITES = re.compile(
    r"\b(?:insert\s+into|(?<!for )(?<!key )update|delete\s+from|merge\s+into|truncate)\s+(?:only\s+)?\"?(\w+)",
    re.IGNORECASE,
)
_NOUNS = {
    "staff": "staff",
    "dataset_rows": "row",
    "staff_sessions": "session",
    "schemas": "schema",
    "api_tokens": "token",
}
