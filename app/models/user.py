"""Users: the customers' people. Staff are not users."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Date, DateTime, ForeignKey, Index, PrimaryKeyConstraint, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.models.base import Base, Created, Id, one_of
from app.privacy.personal import Kind


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
        Index("ix_users_team", "team_id", text("id DESC")),
        Index("ix_users_plan", "plan", text("id DESC")),
        Index("ix_users_status", "status", text("id DESC")),
        Index("ix_users_created", "created_at", "id"),
        Index("ix_users_name", text("lower(name)"), "id"),
        Index(
            "ix_users_search",
            *("name", "email"),
            postgresql_using="gin",
            postgresql_ops={"name": "gin_trgm_ops", "email": "gin_trgm_ops"},
        ),
    )

    id: Mapped[Id]
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    email: Mapped[str] = mapped_column(info={"personal": Kind.EMAIL})
    name: Mapped[str] = mapped_column(info={"personal": Kind.NAME})
    plan: Mapped[str] = mapped_column(default=Plan.FREE)
    status: Mapped[str] = mapped_column(default=UserStatus.ACTIVE)
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, info={"personal": Kind.HIDDEN})
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=clock.now, onupdate=clock.now)
    erased_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When everything that names them was erased, for good; their payments and jobs stay, without words."""

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own shape


class UserDay(Base):
    """A user did something on this day (UTC): started a job or paid. Kept by triggers; tells who is active."""

    __tablename__ = "user_days"
    __table_args__ = (PrimaryKeyConstraint("user_id", "day"), Index("ix_user_days_team", "team_id", "day", "user_id"))

    user_id: Mapped[UUID]
    day: Mapped[date] = mapped_column(Date)
    team_id: Mapped[UUID]
