"""Seals over the audit log, and what came out when they were last looked at. Format and verifying: ``app.seals``."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Integer, LargeBinary, SmallInteger, text
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Big, When
from app.models.columns import Xid8


class AuditSeal(Base):
    """One link of the chain: which entries were sealed together, by which key. Append-only."""

    __tablename__ = "audit_seals"
    __table_args__ = (
        # The database itself refuses an entry in two seals; the same index finds the seal of an entry.
        ExcludeConstraint(("ids", "&&"), using="gist", name="ex_audit_seals_ids"),
    )

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """0, 1, 2 … without a gap."""
    version: Mapped[int] = mapped_column(SmallInteger)
    """The format of what is signed."""
    at: Mapped[When]
    cluster: Mapped[Big]
    """Which database server gave the transactions their numbers; a restored backup gets another one."""
    from_xid: Mapped[str] = mapped_column(Xid8)
    from_id: Mapped[Big]
    next_xid: Mapped[str] = mapped_column(Xid8)
    """Sealed here: what committed from (from_xid, from_id) up to, and without, (next_xid, next_id)."""
    next_id: Mapped[Big]
    floor: Mapped[Big]
    """Entries up to this number came from another server, whose transactions have other numbers."""
    ids: Mapped[Any] = mapped_column(INT8MULTIRANGE)
    n: Mapped[int] = mapped_column(Integer)
    total: Mapped[Big]
    """Entries in this seal and all before it."""
    root: Mapped[bytes]
    previous: Mapped[bytes]
    """The hash of the seal before it; of the first one, zeros."""
    hash: Mapped[bytes]
    signature: Mapped[bytes]
    key_id: Mapped[str]
    leaves: Mapped[bytes] = mapped_column(LargeBinary)
    """The hashes of the entries one after the other, in the order of their numbers, 32 bytes each: so damage has a
    name, and a proof needs no other entry.
    """


class AuditCheck(Base):
    """How far the log has been looked at, and what was found: one row."""

    __tablename__ = "audit_checks"
    __table_args__ = (CheckConstraint("id = 1", name="id"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    up_to: Mapped[int | None] = mapped_column(BigInteger)
    """The newest entry whose seal was looked at."""
    verified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    seen_seq: Mapped[Big] = mapped_column(server_default=text("-1"))
    """The newest seal that was looked at."""
    next_seq: Mapped[Big] = mapped_column(server_default=text("0"))
    """The old seal that is looked at next."""
    problems: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    asked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When somebody asked to have the whole log looked at."""
    whole_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When a look through the whole log began that has been completed since."""
