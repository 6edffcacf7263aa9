"""The audit log of the demo: every change of a record goes through here, so that its entries lead to what it is now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.models import Action
from app.values.exact_json import plain

Record = dict[str, Any]
"""A row of a table by column; what it is at the end is what is written."""

_SILENT = frozenset({"version", "updated_at", "password_hash", "password_set_at"})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, as the log names them."""

    kind: str
    id: UUID | None
    name: str
    session: UUID | None = None
    ip: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A record as the log names it."""

    type: str
    id: UUID
    label: str
    team: UUID | None


@dataclass
class History:
    """The entries so far, in no order."""

    entries: list[Record] = field(default_factory=list)

    def record(
        self,
        at: datetime,
        actor: Actor,
        action: Action,
        target: Target,
        *,
        reason: str | None = None,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Add an entry."""
        self.entries.append(
            {
                "at": at,
                "team_id": target.team,
                "actor_id": actor.id,
                "actor_name": actor.name,
                "actor_kind": actor.kind,
                "session_id": actor.session,
                "ip": actor.ip,
                "action": action.value,
                "target_type": target.type,
                "target_id": str(target.id),
                "target_label": target.label,
                "reason": reason,
                "before": plain(before) if before else None,
                "after": plain(after) if after else None,
                "origin": "demo",
                "detail": plain(detail) if detail else None,
            }
        )

    def created(self, at: datetime, actor: Actor, action: Action, target: Target, record: Record) -> None:
        """Tell of a record that somebody made."""
        after = {key: value for key, value in record.items() if value is not None and key not in _SILENT}
        self.record(at, actor, action, target, after=after)

    def change(
        self,
        at: datetime,
        actor: Actor,
        action: Action,
        kind: str,
        record: Record,
        reason: str | None,
        **values: Any,  # noqa: ANN401 - columns
    ) -> None:
        """Change a record and tell of it. An object is told key by key, as the product does."""
        before: Record = {}
        after: Record = {}
        for key, new in values.items():
            for name, was, now in _told(key, record[key], new):
                before[name], after[name] = was, now
        record.update(values, version=record["version"] + 1, updated_at=at)
        team = record["id"] if kind == "team" else record.get("team_id")
        target = Target(kind, record["id"], record["name"], team)
        self.record(at, actor, action, target, reason=reason, before=before, after=after)


def _told(key: str, old: Any, new: Any) -> list[tuple[str, Any, Any]]:  # noqa: ANN401 - JSON
    if not isinstance(old, dict):
        return [(key, old, new)]
    return [
        (f"{key}.{part}", old.get(part), new.get(part)) for part in {**old, **new} if old.get(part) != new.get(part)
    ]
