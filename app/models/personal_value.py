"""Personal values of the audit log, beside it: they can be erased while the entries stay as they were sealed."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, DateTime, Index, LargeBinary, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.audit import AuditEntry
from app.models.base import Base
from app.privacy.personal import Kind


class PersonalValue(Base):
    """What one entry tells of a customer's person. A trigger of the database moves it here as the entry is written;
    ``audit_entries.personal`` commits to it: the sha256 of ``salt`` and ``value``.
    """

    __tablename__ = "audit_personal"
    __table_args__ = (Index("ix_audit_personal_subject", "subject", postgresql_where=text("subject IS NOT NULL")),)

    entry_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    team_id: Mapped[UUID | None]
    subject: Mapped[UUID | None]
    """The user whom it is about; None for words about something else."""
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    value: Mapped[str | None] = mapped_column(Text, info={"personal": Kind.ENTRY})
    """A JSON object by the entry's columns, kept as the exact text that the commitment covers."""
    erased_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class PendingChange(Base):
    """What a running transaction changed, until it commits: then an entry tells of it, or one is written."""

    __tablename__ = "audit_pending"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012 - SQLAlchemy's own shape

    xid: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    operation: Mapped[str] = mapped_column(Text, primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    ids: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    columns: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))


def _told() -> Mapping[str, ColumnElement[Any]]:
    """The columns of an entry that may hold a reference, as readers see them."""
    entry, held, erased = AuditEntry, PersonalValue.value, PersonalValue.erased_at
    label = func.audit_label(entry.target_type, entry.target_id, entry.target_label, held, erased)
    told: dict[str, ColumnElement[Any]] = {"target_label": label.label("target_label")}
    for column in (entry.reason, entry.before, entry.after, entry.detail):
        shown = func.audit_shown(column, column.key, held, erased, type_=column.type)
        told[column.key] = shown.label(column.key)
    return MappingProxyType(told)


TOLD = _told()
"""Questions that select these also say ``.outerjoin(PersonalValue, PersonalValue.entry_id == AuditEntry.id)``."""
