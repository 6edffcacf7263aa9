"""Tokens by which programs act for a staff member."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.models.base import Base, Created, Id, When


class TokenState(StrEnum):
    """Whether a token still works."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiToken(Base):
    """A secret by which a program may do some of what its owner may do. Shown once; only a digest is kept."""

    __tablename__ = "api_tokens"
    __table_args__ = (Index("ix_api_tokens_staff", "staff_id", "created_at", "id"),)

    id: Mapped[Id]
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    name: Mapped[str]
    hint: Mapped[str]
    """The first letters of the token, by which people tell theirs apart."""
    digest: Mapped[bytes] = mapped_column(unique=True, deferred=True, info={"secret": True})
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    team_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    """Limited to these teams; None: to whatever its owner sees."""
    created_at: Mapped[Created]
    expires_at: Mapped[When]
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_used_ip: Mapped[str | None]
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @property
    def state(self) -> TokenState:
        """Whether it still works, as far as the token itself decides."""
        if self.revoked_at is not None:
            return TokenState.REVOKED
        return TokenState.ACTIVE if clock.now() < self.expires_at else TokenState.EXPIRED
