"""The words of the audit log, beside it, to search. A worker reads them from what is sealed; they can be erased."""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Big
from app.models.columns import Xid8


class AuditWords(Base):
    """The words of one entry. ``words`` tell nothing of a customer's person; ``personal`` are all its words, where some
    of them do, and go when that person is erased.
    """

    __tablename__ = "audit_words"
    __table_args__ = (
        Index("ix_audit_words_words", "words", postgresql_using="gin"),
        Index("ix_audit_words_personal", "personal", postgresql_using="gin"),
    )

    entry_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    team_id: Mapped[UUID | None]
    words: Mapped[Any] = mapped_column(TSVECTOR)
    personal: Mapped[Any | None] = mapped_column(TSVECTOR)


class AuditWordsMark(Base):
    """How far the words of the log were read, by its seals: one row. What came after is looked through as it is."""

    __tablename__ = "audit_words_mark"
    __table_args__ = (CheckConstraint("id = 1", name="id"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    seq: Mapped[Big] = mapped_column(server_default=text("-1"))
    """The last seal whose entries were read."""
    next_xid: Mapped[str] = mapped_column(Xid8, server_default=text("'0'::xid8"))
    next_id: Mapped[Big] = mapped_column(server_default=text("0"))
    floor: Mapped[Big] = mapped_column(server_default=text("0"))
