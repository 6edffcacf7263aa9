"""Users: the customers' people. Staff are not users."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.models.base import Base, Created, Id, one_of


class Plan(StrEnum):
    """What a user pays for."""

    FREE = "free"
    PREMIUM = "premium"


class UserStatus(StrEnum):
    """Whether a user may sign in to the product."""

    ACTIVE = "active"
    DEACTIVATED = "deactivated"


class User(Base):
    """One of a customer's people."""

    __tablename__ = "users"
    __table_args__ = (
        one_of("plan", Plan),
        one_of("status", UserStatus),
        UniqueConstraint("team_id", "id"),
        Index("uq_users_email_lower", text("lower(email)"), unique=True),
    )

    id: Mapped[Id]
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    email: Mapped[str] = mapped_column(info={"personal": True})
    name: Mapped[str] = mapped_column(info={"personal": True})
    plan: Mapped[str] = mapped_column(default=Plan.FREE)
    status: Mapped[str] = mapped_column(default=UserStatus.ACTIVE)
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=clock.now, onupdate=clock.now)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own shape
