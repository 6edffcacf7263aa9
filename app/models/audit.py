"""The audit log: one entry per change, written in the change's own transaction."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Action(StrEnum):
    """What somebody did. ``noun.past``; the screen's sentence is made from :data:`SENTENCES`."""

    SESSION_STARTED = "session.started"
    SESSION_REFUSED = "session.refused"
    SESSION_ENDED = "session.ended"
    ACCESS_REFUSED = "access.refused"
    STAFF_CREATED = "staff.created"
    STAFF_PASSWORD_CHANGED = "staff.password_changed"  # noqa: S105 - an action's name
    TEAM_CREATED = "team.created"
    DATASET_CREATED = "dataset.created"
    DATASET_RENAMED = "dataset.renamed"
    DATASET_DELETED = "dataset.deleted"
    DATASET_REMOVED = "dataset.removed"
    IMPORT_STARTED = "import.started"
    IMPORT_FINISHED = "import.finished"
    IMPORT_DELETED = "import.deleted"
    IMPORT_ERRORS_DOWNLOADED = "import.errors_downloaded"
    ROW_EDITED = "row.edited"
    JOB_RETRIED = "job.retried"
    JOB_CANCELLED = "job.cancelled"


SENTENCES: dict[Action, tuple[str, str]] = {
    Action.SESSION_STARTED: ("signed in", ""),
    Action.SESSION_REFUSED: ("failed to sign in", ""),
    Action.SESSION_ENDED: ("signed out", ""),
    Action.ACCESS_REFUSED: ("was refused", ""),
    Action.STAFF_CREATED: ("created the staff account of", ""),
    Action.STAFF_PASSWORD_CHANGED: ("changed the password of", ""),
    Action.TEAM_CREATED: ("created the team", ""),
    Action.DATASET_CREATED: ("created the dataset", ""),
    Action.DATASET_RENAMED: ("renamed the dataset", ""),
    Action.DATASET_DELETED: ("deleted the dataset", ""),
    Action.DATASET_REMOVED: ("removed the last rows of the deleted dataset", ""),
    Action.IMPORT_STARTED: ("started the import of", ""),
    Action.IMPORT_FINISHED: ("finished the import of", ""),
    Action.IMPORT_DELETED: ("deleted the import of", ""),
    Action.IMPORT_ERRORS_DOWNLOADED: ("downloaded the bad rows of", ""),
    Action.ROW_EDITED: ("edited", ""),
    Action.JOB_RETRIED: ("retried", ""),
    Action.JOB_CANCELLED: ("asked to cancel", ""),
}
"""What stands between the actor and the target ("Ana *renamed the dataset* Flights"), and after the target."""


class AuditEntry(Base):
    """Who did what to which record, when, why, and what it changed. Append-only."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_team", "team_id", text("id DESC")),
        Index("ix_audit_entries_actor", "actor_id", text("id DESC")),
        Index("ix_audit_entries_target", "target_type", "target_id", text("id DESC")),
        Index("ix_audit_entries_action", "action", text("id DESC")),
        Index("ix_audit_entries_at", "at", postgresql_using="brin"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    team_id: Mapped[UUID | None]
    """None: an entry about the console itself, which only people who see all teams can read."""
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    actor_kind: Mapped[str]
    session_id: Mapped[UUID | None]
    ip: Mapped[str | None]
    request: Mapped[str | None]
    action: Mapped[str]
    target_type: Mapped[str]
    target_id: Mapped[str]
    target_label: Mapped[str]
    reason: Mapped[str | None]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Numbers that belong to the sentence, such as ``{"rows": 336776}``."""
