"""Teams: the customers' organisations. Nearly everything belongs to one."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import DateTime
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.models.base import Base, Created, Id, one_of


class TeamStatus(StrEnum):
    """Whether a team may work."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Team(Base):
    """A customer's organisation."""

    __tablename__ = "teams"
    __table_args__ = (one_of("status", TeamStatus),)

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str] = mapped_column(default=TeamStatus.ACTIVE)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=clock.now, onupdate=clock.now)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own shape
