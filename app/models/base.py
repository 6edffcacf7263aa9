"""What all tables share: naming of constraints, column types, and the two lists that say who may read a table."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, MetaData, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

from app import clock
from app.ids import uuid7

GLOBAL_TABLES = frozenset(
    {
        *("staff", "staff_sessions", "staff_teams", "staff_links", "staff_devices", "staff_recovery_codes"),
        *("sign_in_tries", "sign_in_challenges", "role_rules", "api_tokens", "workers", "alembic_version"),
        *("audit_pending", "job_totals", "job_minutes", "queues", "schedules"),
        *("audit_seals", "audit_checks", "audit_words_mark"),
    }
)
"""Tables of no team. The role ``quarterdeck_team`` cannot read them. Every other table is protected by team."""

Id = Annotated[UUID, mapped_column(Uuid, primary_key=True, default=uuid7)]
When = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Created = Annotated[datetime, mapped_column(DateTime(timezone=True), default=clock.now)]
Json = Annotated[dict[str, Any], mapped_column(JSONB)]
Big = Annotated[int, mapped_column(BigInteger)]


class Base(DeclarativeBase):
    """The declarative base. Relations between models are explicit queries; nothing loads behind one's back."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

    @property
    def audit_label(self) -> str:
        """How the audit log calls this record, kept even when it is gone."""
        return str(getattr(self, "name", getattr(self, "id", "")))


def one_of(column: str, values: type[Any]) -> CheckConstraint:
    """A CHECK that a text column holds a member of a string enum (text, because enum comparisons are not leakproof
    and could use no index under row-level security).
    """
    listed = ", ".join(f"'{member.value}'" for member in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
