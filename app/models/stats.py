"""Numbers kept exactly while the facts change: triggers append what each statement changed, a worker adds it up.

A number over a range is the sum of its buckets and of the deltas not yet added up: exact at every moment, without a
row that everybody has to lock. Buckets are 15 minutes long, so they sum to the days of every time zone. Numbers of no
time (how many users there are now) stand in the bucket :data:`ALWAYS`.
"""

from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Big

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


class Metric(StrEnum):
    """What is counted: its dimension, what ``n`` and ``total`` are, and the moment that decides the bucket."""

    USERS = "users"
    """Users there are now, by "plan|status"."""
    TEAMS = "teams"
    """Teams there are now, by status."""
    DATASETS = "datasets"
    """Datasets there are now, by status."""
    SIGNUPS = "signups"
    """Users created, by the moment of their creation."""
    ACTIVE = "active"
    """Users who started a job or paid, once a day (UTC), at the day's start."""
    ACTIVE_AFTER = "active_after"
    """The same over all teams, by the day on which they were active before that ("" is never). Those whose day before
    lies before some days are the users of these days, each once."""
    PAYMENTS = "payments"
    """Payments by "currency|status", their amounts in minor units, by the moment of their creation."""
    PAYMENTS_NOW = "payments_now"
    """Payments there are now, by "currency|status", and their amounts in minor units."""
    REFUNDS = "refunds"
    """Payments with money given back, by currency, and how much, by the moment of the payment."""
    JOBS = "jobs"
    """Jobs that ended, by "kind|status", and how long they ran in milliseconds, by their end."""
    FAILURES = "failures"
    """Jobs that failed, by signature (an id of ``failures``), by the moment they did."""
    FAILURES_NOW = "failures_now"
    """By "signature|…": jobs that stand "failed" or are "waiting" to be tried again, and how many were ever "seen"."""
    BULK_JOBS = "bulk_jobs"
    """Jobs by "bulk act|status": how they stand since the act, until each has ended for the first time."""
    IMPORTED = "imported"
    """Imports that succeeded and the rows they brought, by their end."""
    REVIEWED = "reviewed"
    """Rows that were decided in review, by the decision, by its moment."""
    ACTIONS = "actions"
    """What staff did, by the kind of action, by its moment."""
    OTHER_ACTIONS = "other_actions"
    """The same for what nobody of the staff did: strangers, jobs, commands, the database itself."""


class StatsDelta(Base):
    """What one statement changed; waits to be added to its bucket."""

    __tablename__ = "stats_deltas"
    # It is emptied all the time: without a vacuum soon, readers would walk over what has gone.
    __table_args__ = {"postgresql_with": {"autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 5000}}  # noqa: RUF012 - SQLAlchemy's own shape

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    metric: Mapped[str]
    team_id: Mapped[UUID | None]
    """None: of no team."""
    dimension: Mapped[str]
    bucket: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    n: Mapped[Big]
    total: Mapped[Big]


class StatsBucket(Base):
    """One number of one quarter of an hour. A row without a team is the sum of all teams (and of none)."""

    __tablename__ = "stats_buckets"
    __table_args__ = (
        Index(
            "uq_stats_buckets",
            "metric",
            "team_id",
            "bucket",
            "dimension",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_include=["n", "total"],
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    metric: Mapped[str]
    team_id: Mapped[UUID | None]
    dimension: Mapped[str]
    bucket: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    n: Mapped[Big]
    total: Mapped[Big]
