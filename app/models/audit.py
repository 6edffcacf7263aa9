"""The audit log: one entry per change, written in the change's own transaction."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base
from app.models.columns import Xid8
from app.privacy.personal import Kind


class Action(StrEnum):
    """What somebody did. ``noun.past``; the screen's sentence is made from :data:`SENTENCES`."""

    SESSION_STARTED = "session.started"
    SESSION_REFUSED = "session.refused"
    SESSION_THROTTLED = "session.throttled"
    SESSION_ENDED = "session.ended"
    SESSION_REVOKED = "session.revoked"
    SESSION_PROVED = "session.proved"
    SESSION_NOT_PROVED = "session.not_proved"
    ACCESS_REFUSED = "access.refused"
    STAFF_CREATED = "staff.created"
    STAFF_INVITED = "staff.invited"
    STAFF_LINK_MADE = "staff.link_made"
    STAFF_LINK_USED = "staff.link_used"
    STAFF_RENAMED = "staff.renamed"
    STAFF_ROLE_CHANGED = "staff.role_changed"
    STAFF_TEAMS_CHANGED = "staff.teams_changed"
    STAFF_DEACTIVATED = "staff.deactivated"
    STAFF_REACTIVATED = "staff.reactivated"
    STAFF_PASSWORD_CHANGED = "staff.password_changed"  # noqa: S105 - an action's name
    STAFF_SECOND_FACTOR_SET_UP = "staff.second_factor_set_up"
    STAFF_SECOND_FACTOR_TURNED_OFF = "staff.second_factor_turned_off"
    STAFF_SECOND_FACTOR_REMOVED = "staff.second_factor_removed"
    STAFF_SECOND_FACTOR_REFUSED = "staff.second_factor_refused"
    STAFF_RECOVERY_CODES_MADE = "staff.recovery_codes_made"
    STAFF_RECOVERY_CODE_USED = "staff.recovery_code_used"
    ROLE_RULE_CHANGED = "role_rule.changed"
    TOKEN_CREATED = "token.created"  # noqa: S105 - an action's name
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - the same
    STAFF_PASSWORD_DEMANDED = "staff.password_demanded"  # noqa: S105 - the same
    TEAM_CREATED = "team.created"
    TEAM_RENAMED = "team.renamed"
    TEAM_SUSPENDED = "team.suspended"
    TEAM_RESUMED = "team.resumed"
    TEAM_LIMITS_CHANGED = "team.limits_changed"
    USER_CREATED = "user.created"
    USER_PLAN_CHANGED = "user.plan_changed"
    USER_DEACTIVATED = "user.deactivated"
    USER_REACTIVATED = "user.reactivated"
    USER_EMAIL_CORRECTED = "user.email_corrected"
    USER_MOVED = "user.moved"
    USER_OPTIONS_EDITED = "user.options_edited"
    USER_ERASED = "user.erased"
    DATASET_CREATED = "dataset.created"
    DATASET_RENAMED = "dataset.renamed"
    DATASET_DELETED = "dataset.deleted"
    DATASET_REMOVED = "dataset.removed"
    DATASET_RESTORED = "dataset.restored"
    IMPORT_STARTED = "import.started"
    IMPORT_FINISHED = "import.finished"
    IMPORT_DELETED = "import.deleted"
    IMPORT_ERRORS_DOWNLOADED = "import.errors_downloaded"
    ROW_EDITED = "row.edited"
    JOB_RETRIED = "job.retried"
    JOB_CANCELLED = "job.cancelled"
    BULK_STARTED = "bulk.started"
    QUEUE_PAUSED = "queue.paused"
    QUEUE_RESUMED = "queue.resumed"
    QUEUE_LIMITED = "queue.limited"
    WORKER_DRAINED = "worker.drained"
    WORKER_RESUMED = "worker.resumed"
    SCHEDULE_CHANGED = "schedule.changed"
    SCHEDULE_SWITCHED_ON = "schedule.switched_on"
    SCHEDULE_SWITCHED_OFF = "schedule.switched_off"
    SCHEDULE_RUN = "schedule.run"
    DOCUMENT_DOWNLOADED = "document.downloaded"
    LIST_EXPORTED = "list.exported"
    PERSONAL_REVEALED = "personal.revealed"
    AUDIT_VERIFICATION_ASKED = "audit.verification_asked"
    DATABASE_CHANGED = "database.changed"


SENTENCES: dict[Action, tuple[str, str]] = {
    Action.SESSION_STARTED: ("signed in", ""),
    Action.SESSION_REFUSED: ("failed to sign in", ""),
    Action.SESSION_THROTTLED: ("must wait: too many tries failed for", ""),
    Action.SESSION_ENDED: ("signed out", ""),
    Action.SESSION_REVOKED: ("ended sessions of", ""),
    Action.SESSION_PROVED: ("proved again who they are", ""),
    Action.SESSION_NOT_PROVED: ("could not prove who they are", ""),
    Action.ACCESS_REFUSED: ("was refused", ""),
    Action.STAFF_CREATED: ("created the staff account of", ""),
    Action.STAFF_PASSWORD_CHANGED: ("changed the password of", ""),
    Action.STAFF_PASSWORD_DEMANDED: ("demanded a new password from", ""),
    Action.STAFF_INVITED: ("invited", "to the staff"),
    Action.STAFF_LINK_MADE: ("made a one-time link for", ""),
    Action.STAFF_LINK_USED: ("chose a password by the one-time link of", ""),
    Action.STAFF_RENAMED: ("changed the name of", ""),
    Action.STAFF_ROLE_CHANGED: ("changed the role of", ""),
    Action.STAFF_TEAMS_CHANGED: ("changed which teams are seen by", ""),
    Action.STAFF_DEACTIVATED: ("deactivated the staff account of", ""),
    Action.STAFF_REACTIVATED: ("reactivated the staff account of", ""),
    Action.STAFF_SECOND_FACTOR_SET_UP: ("set up the second factor of", ""),
    Action.STAFF_SECOND_FACTOR_TURNED_OFF: ("turned off the second factor of", ""),
    Action.STAFF_SECOND_FACTOR_REMOVED: ("removed the second factor of", ""),
    Action.STAFF_SECOND_FACTOR_REFUSED: ("knew the password, but typed a wrong code, of", ""),
    Action.STAFF_RECOVERY_CODES_MADE: ("made new recovery codes for", ""),
    Action.STAFF_RECOVERY_CODE_USED: ("signed in with a recovery code of", ""),
    Action.ROLE_RULE_CHANGED: ("changed what is demanded of the role", ""),
    Action.TOKEN_CREATED: ("created the API token", ""),
    Action.TOKEN_REVOKED: ("revoked the API token", ""),
    Action.TEAM_CREATED: ("created the team", ""),
    Action.TEAM_RENAMED: ("renamed the team", ""),
    Action.TEAM_SUSPENDED: ("suspended the team", ""),
    Action.TEAM_RESUMED: ("resumed the team", ""),
    Action.TEAM_LIMITS_CHANGED: ("changed the limits of the team", ""),
    Action.USER_CREATED: ("created the user", ""),
    Action.USER_PLAN_CHANGED: ("changed the plan of", ""),
    Action.USER_DEACTIVATED: ("deactivated", ""),
    Action.USER_REACTIVATED: ("reactivated", ""),
    Action.USER_EMAIL_CORRECTED: ("corrected the e-mail of", ""),
    Action.USER_MOVED: ("moved", "to another team"),
    Action.USER_OPTIONS_EDITED: ("edited the options of", ""),
    Action.USER_ERASED: ("erased the personal data of", ""),
    Action.DATASET_CREATED: ("created the dataset", ""),
    Action.DATASET_RENAMED: ("renamed the dataset", ""),
    Action.DATASET_DELETED: ("deleted the dataset", ""),
    Action.DATASET_REMOVED: ("removed the last rows of the deleted dataset", ""),
    Action.DATASET_RESTORED: ("restored the deleted dataset", ""),
    Action.IMPORT_STARTED: ("started the import of", ""),
    Action.IMPORT_FINISHED: ("finished the import of", ""),
    Action.IMPORT_DELETED: ("deleted the import of", ""),
    Action.IMPORT_ERRORS_DOWNLOADED: ("downloaded the bad rows of", ""),
    Action.ROW_EDITED: ("edited", ""),
    Action.JOB_RETRIED: ("retried", ""),
    Action.JOB_CANCELLED: ("asked to cancel", ""),
    Action.BULK_STARTED: ("started the bulk act", ""),
    Action.QUEUE_PAUSED: ("paused the queue", ""),
    Action.QUEUE_RESUMED: ("resumed the queue", ""),
    Action.QUEUE_LIMITED: ("changed how many jobs may run at once in the queue", ""),
    Action.WORKER_DRAINED: ("asked the worker", "to take nothing more"),
    Action.WORKER_RESUMED: ("let the worker", "take jobs again"),
    Action.SCHEDULE_CHANGED: ("changed the times of the schedule", ""),
    Action.SCHEDULE_SWITCHED_ON: ("switched on the schedule", ""),
    Action.SCHEDULE_SWITCHED_OFF: ("switched off the schedule", ""),
    Action.SCHEDULE_RUN: ("ran the schedule", "now"),
    Action.DOCUMENT_DOWNLOADED: ("downloaded the document", ""),
    Action.LIST_EXPORTED: ("exported", ""),
    Action.PERSONAL_REVEALED: ("revealed personal data of", ""),
    Action.AUDIT_VERIFICATION_ASKED: ("asked to verify", ""),
    Action.DATABASE_CHANGED: ("changed past the console", ""),
}
"""What stands between the actor and the target ("Ana *renamed the dataset* Flights"), and after the target."""


class AuditEntry(Base):
    """Who did what to which record, when, why, and what it changed. Append-only."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_team", "team_id", text("id DESC")),
        # With what a count has to look at, so that it need not open the entries.
        Index("ix_audit_entries_actor", "actor_id", text("id DESC"), postgresql_include=["team_id", "action"]),
        Index("ix_audit_entries_target", "target_type", "target_id", text("id DESC"), postgresql_include=["team_id"]),
        Index("ix_audit_entries_action", "action", text("id DESC"), postgresql_include=["team_id"]),
        Index("ix_audit_entries_at", "at", postgresql_using="brin"),
        # In the order in which entries became certain, which is that of sealing them.
        Index("ix_audit_entries_xid", "xid", "id"),
        {"postgresql_partition_by": "RANGE (at)"},  # by months, in the schema audit_months
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"), primary_key=True)
    team_id: Mapped[UUID | None]
    """None: an entry about the console itself, which only people who see all teams can read."""
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    actor_kind: Mapped[str]
    session_id: Mapped[UUID | None]
    ip: Mapped[str | None]
    request: Mapped[str | None] = mapped_column(
        server_default=text("NULLIF(current_setting('app.request'::text, true), ''::text)")
    )
    """The reference of the click, the request or the job; functions of the database take the transaction's."""
    action: Mapped[str]
    target_type: Mapped[str]
    target_id: Mapped[str]
    target_label: Mapped[str] = mapped_column(info={"personal": Kind.ENTRY})
    reason: Mapped[str | None] = mapped_column(info={"personal": Kind.WORDS})
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), info={"personal": Kind.ENTRY})
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), info={"personal": Kind.ENTRY})
    origin: Mapped[str] = mapped_column(server_default=text("'live'"))
    """"demo" for the history of the demo company, "live" for everything that somebody did."""
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), info={"personal": Kind.ENTRY})
    """Numbers that belong to the sentence, such as ``{"rows": 336776}``."""
    personal: Mapped[str | None]
    """What commits the entry to its personal values, which lie elsewhere and can be erased; None: it holds none."""
    version: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    """The format in which the entry is sealed: see ``app.seals.leaves``. The columns of a format never change."""
    xid: Mapped[str] = mapped_column(Xid8, server_default=text("pg_current_xact_id()"), deferred=True)
    """The transaction that wrote it. Who is sealed when goes by it, as entries become visible in no other order."""
