"""Teams: the customers' organisations. Nearly everything belongs to one."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.models.base import Base, Created, Id, one_of


class TeamStatus(StrEnum):
    """Whether a team may work. One that was made for an import which was refused is discarded: nobody sees it."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DISCARDED = "discarded"


class Team(Base):
    """A customer's organisation."""

    __tablename__ = "teams"
    __table_args__ = (
        one_of("status", TeamStatus),
        CheckConstraint("user_limit >= 0", name="user_limit"),
        CheckConstraint("dataset_limit >= 0", name="dataset_limit"),
        Index("ix_teams_search", "name", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}),
        Index("uq_teams_name", "name", unique=True, postgresql_where=text("status <> 'discarded'")),
        Index("ix_teams_created", "created_at", "id"),
        Index("ix_teams_name", text("lower(name)"), "id"),
        Index("ix_teams_status", "status", text("id DESC")),
    )

    id: Mapped[Id]
    name: Mapped[str]
    status: Mapped[str] = mapped_column(default=TeamStatus.ACTIVE)
    user_limit: Mapped[int | None]
    """How many active users it may have; None: any number."""
    dataset_limit: Mapped[int | None]
    """How many datasets it may have; None: any number."""
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=clock.now, onupdate=clock.now)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own shape
