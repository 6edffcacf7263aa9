"""Failures: what alike failures have in common, and when they were seen. How many there are, ``Metric`` counts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base
from app.privacy.personal import Kind

EVERYWHERE = UUID(int=0)
"""Stands for all teams together, the console's own work included."""


class Failure(Base):
    """One signature: jobs of one kind that failed in one place for one reason. A trigger on ``jobs`` keeps it, once for
    each team that was hit and once for :data:`EVERYWHERE`.
    """

    __tablename__ = "failures"
    __table_args__ = (
        PrimaryKeyConstraint("id", "team_id"),
        Index("ix_failures_team", "team_id", text("last_seen_at DESC"), text("id DESC")),
    )

    id: Mapped[UUID]
    """Made from the signature (its MD5), so that an address can name it."""
    team_id: Mapped[UUID]
    signature: Mapped[str] = mapped_column(info={"personal": Kind.WORDS})
    """As ``app.worker.failures`` writes it: kind, class, place and message, with spaces between."""
    kind: Mapped[str]
    error_class: Mapped[str]
    place: Mapped[str]
    """File and function of ours; empty where there was none."""
    message: Mapped[str] = mapped_column(info={"personal": Kind.WORDS})
    """Without numbers, ids, addresses and what stood in quotes."""
    first_seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """To the second."""
