"""Staff: the people who use this console, their sessions and the teams that some are limited to."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.models.base import Base, Created, Id, When, one_of
from app.permissions import Role


class StaffStatus(StrEnum):
    """Whether a staff member may sign in."""

    ACTIVE = "active"
    DEACTIVATED = "deactivated"


class StaffState(StrEnum):
    """How an account stands, as people read it."""

    ACTIVE = "active"
    INVITED = "invited"
    DEACTIVATED = "deactivated"


class StaffMember(Base):
    """A person who may sign in here."""

    __tablename__ = "staff"
    __table_args__ = (
        one_of("role", Role),
        one_of("status", StaffStatus),
        Index("uq_staff_email_lower", text("lower(email)"), unique=True),
        Index("ix_staff_name", text("lower(name)"), "id"),
    )

    id: Mapped[Id]
    email: Mapped[str]
    name: Mapped[str]
    # Deferred: no question of the application may read it; only the sign-in function of the database does.
    password_hash: Mapped[str] = mapped_column(deferred=True, info={"secret": True})
    role: Mapped[str]
    limited: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """True: sees only the teams of ``staff_teams``. False: sees all teams."""
    status: Mapped[str] = mapped_column(default=StaffStatus.ACTIVE)
    password_set_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """None: invited, and has not chosen a password so far."""
    must_change_password: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """True: gets no further than to choosing another password."""
    # Encrypted by a key of the settings; only the functions of the sign-in read it.
    totp_secret: Mapped[bytes | None] = mapped_column(deferred=True, info={"secret": True})
    totp_step: Mapped[int | None] = mapped_column(BigInteger, deferred=True)
    """The last time step whose code was accepted: a code is good once."""
    totp_set_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Since when signing in takes a second factor; None: it does not."""
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=clock.now, onupdate=clock.now)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own shape

    @property
    def state(self) -> StaffState:
        """How the account stands."""
        return state_of(self)


def state_of(member: Any) -> StaffState:  # noqa: ANN401 - a staff member, or a row of the list
    """How an account stands: whoever has not chosen a password so far is still invited."""
    if member.status == StaffStatus.DEACTIVATED:
        return StaffState.DEACTIVATED
    return StaffState.ACTIVE if member.password_set_at else StaffState.INVITED


class StaffTeam(Base):
    """A team that a limited staff member may see."""

    __tablename__ = "staff_teams"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"), primary_key=True)
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)


class LinkPurpose(StrEnum):
    """What a one-time link is for."""

    INVITE = "invite"
    RESET = "reset"


class StaffLink(Base):
    """A one-time link by which a person chooses a password. Only a digest is kept; the link itself is shown once."""

    __tablename__ = "staff_links"
    __table_args__ = (
        one_of("purpose", LinkPurpose),
        Index("ix_staff_links_staff", "staff_id", "created_at"),
    )

    id: Mapped[Id]
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    purpose: Mapped[str]
    digest: Mapped[bytes] = mapped_column(unique=True, deferred=True, info={"secret": True})
    """SHA-256 of the token in the link."""
    created_by: Mapped[UUID | None]
    created_at: Mapped[Created]
    expires_at: Mapped[When]
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class StaffSession(Base):
    """One sign-in on one device. The cookie only points here; this row decides."""

    __tablename__ = "staff_sessions"
    __table_args__ = (Index(None, "staff_id", "created_at"),)

    id: Mapped[Id]
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    created_at: Mapped[Created]
    last_seen_at: Mapped[Created]
    expires_at: Mapped[When]
    authenticated_at: Mapped[Created]
    """When the owner last proved with a password or a code that it is them."""
    remembered: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Kept for days on this device."""
    methods: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{password}'"))
    ip: Mapped[str] = mapped_column(default="", server_default=text("''"))
    user_agent: Mapped[str] = mapped_column(default="", server_default=text("''"))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoke_reason: Mapped[str | None]
