"""Payments: what customers paid for. Money is whole minor units of a currency, never a fraction."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.models.base import Base, Big, Created, Id, one_of
from app.privacy.personal import Kind


class PaymentStatus(StrEnum):
    """Where a payment stands. What was given back is told by ``refunded_minor``, not by the state."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DISPUTED = "disputed"

    @property
    def label(self) -> str:
        """As people read it."""
        return self.value.capitalize()


class Payment(Base):
    """One payment of a team. It stays with the team that paid, also when its user moves to another."""

    __tablename__ = "payments"
    __table_args__ = (
        one_of("status", PaymentStatus),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint("amount_minor >= 0", name="amount_minor"),
        CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name="refunded_minor"),
        UniqueConstraint("team_id", "id"),
        # Every list of payments goes by the moment, which says more than the id once history is brought in later.
        Index("ix_payments_team", "team_id", "created_at", "id"),
        Index("ix_payments_user", "user_id", "created_at", "id"),
        Index("ix_payments_status", "status", "created_at", "id"),
        Index("ix_payments_currency", "currency", "created_at", "id"),
        Index("ix_payments_created", "created_at", "id"),
        Index("ix_payments_amount", "amount_minor", "id"),
        Index("ix_payments_currency_amount", "currency", "amount_minor", "id"),
        Index(
            "ix_payments_search",
            "description",
            postgresql_using="gin",
            postgresql_ops={"description": "gin_trgm_ops"},
        ),
        Index(
            "uq_payments_intent",
            "stripe_payment_intent",
            unique=True,
            postgresql_where=text("stripe_payment_intent IS NOT NULL"),
        ),
        Index("uq_payments_charge", "stripe_charge", unique=True, postgresql_where=text("stripe_charge IS NOT NULL")),
    )

    id: Mapped[Id]
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    amount_minor: Mapped[Big]
    currency: Mapped[str]
    """ISO 4217, upper case."""
    status: Mapped[str] = mapped_column(default=PaymentStatus.PENDING)
    refunded_minor: Mapped[Big] = mapped_column(default=0)
    description: Mapped[str] = mapped_column(default="", info={"personal": Kind.WORDS})
    failure: Mapped[str | None] = mapped_column(info={"personal": Kind.WORDS})
    """Why it failed, as Stripe says it."""
    stripe_payment_intent: Mapped[str | None]
    stripe_charge: Mapped[str | None]
    last_event_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=clock.now, onupdate=clock.now)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own shape

    @property
    def audit_label(self) -> str:
        """The end of its id, as the screens show it."""
        return f"payment {self.id.hex[-8:]}"
