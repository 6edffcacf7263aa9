"""What the sign-in remembers besides people and sessions: tries, known devices, half sign-ins, second factors."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.models.base import Base, Created, Id, When, one_of
from app.permissions import Role


class SignInTry(Base):
    """How often signing in failed lately for one key: an e-mail, an address, a known device, or everybody."""

    __tablename__ = "sign_in_tries"
    __table_args__ = (Index(None, "last_at"),)

    key: Mapped[bytes] = mapped_column(primary_key=True)
    """SHA-256 of what is counted, so that the table names nobody."""
    failures: Mapped[float]
    """Failures that are not forgotten so far; they fade evenly."""
    last_at: Mapped[When]
    blocked_until: Mapped[When]


class StaffDevice(Base):
    """A browser on which somebody has signed in before. It keeps a token in a cookie; this keeps the digest."""

    __tablename__ = "staff_devices"
    __table_args__ = (Index(None, "staff_id"),)

    digest: Mapped[bytes] = mapped_column(primary_key=True, info={"secret": True})
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    created_at: Mapped[Created]
    last_used_at: Mapped[Created]


class SignInChallenge(Base):
    """A sign-in whose password was right and whose second factor is still missing. It opens nothing."""

    __tablename__ = "sign_in_challenges"
    __table_args__ = (Index(None, "staff_id"), Index(None, "expires_at"))

    id: Mapped[Id]
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    remembered: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    failures: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    created_at: Mapped[Created]
    expires_at: Mapped[When]


class StaffRecoveryCode(Base):
    """One of the codes that stand in for a lost second factor, each good once. Only digests are kept."""

    __tablename__ = "staff_recovery_codes"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[bytes] = mapped_column(primary_key=True, info={"secret": True})
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class RoleRule(Base):
    """What a role demands of whoever has it. A role without a row demands nothing more than a password."""

    __tablename__ = "role_rules"
    __table_args__ = (one_of("role", Role),)

    id: Mapped[Id]
    role: Mapped[str] = mapped_column(unique=True)
    second_factor: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=clock.now, onupdate=clock.now)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own shape

    @property
    def audit_label(self) -> str:
        """The role as people read it."""
        return Role(self.role).label
