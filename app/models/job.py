"""Jobs: the queue, its time line, its counters and the workers."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Big, Created, Id, Json, one_of
from app.privacy.personal import Kind


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def label(self) -> str:
        """As people read it."""
        return self.value.capitalize()


class JobEventKind(StrEnum):
    """What can happen to a job, as its time line tells it."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    CLAIMED = "claimed"
    CHECKPOINT = "checkpoint"
    LEASE_LOST = "lease_lost"
    TAKEN_OVER = "taken_over"
    RETRIED = "retried"
    RETRY_LATER = "retry_later"
    HELD = "held"
    RELEASED = "released"
    CANCEL_REQUESTED = "cancel_requested"
    CANCEL_SEEN = "cancel_seen"
    CANCELLED = "cancelled"
    FAILED = "failed"
    SUCCEEDED = "succeeded"


class Job(Base):
    """One piece of background work. This row is the only truth about it; an engine merely delivers its id.

    ``epoch`` is the fencing token: it grows with every claim, and every write of a running job names it.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        one_of("status", JobStatus),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        UniqueConstraint("team_id", "id"),
        Index("ix_jobs_due", "run_after", postgresql_where=text("status = 'queued' AND held_at IS NULL")),
        Index("ix_jobs_waiting", "queue", "run_after", postgresql_where=text("status = 'queued'")),
        Index(
            "ix_jobs_held",
            "queue",
            text("priority DESC"),
            "id",
            postgresql_where=text("status = 'queued' AND held_at IS NOT NULL"),
        ),
        Index("ix_jobs_running", "queue", "worker", postgresql_where=text("status = 'running'")),
        Index("ix_jobs_lease", "lease_until", postgresql_where=text("status = 'running'")),
        Index("ix_jobs_team", "team_id", text("id DESC")),
        Index("ix_jobs_schedule", "schedule_id", text("id DESC"), postgresql_where=text("schedule_id IS NOT NULL")),
        Index("ix_jobs_user", "user_id", text("id DESC"), postgresql_where=text("user_id IS NOT NULL")),
        Index("uq_jobs_payment", "payment_id", unique=True, postgresql_where=text("payment_id IS NOT NULL")),
        ForeignKeyConstraint(["team_id", "payment_id"], ["payments.team_id", "payments.id"]),
        Index("ix_jobs_status", "status", text("id DESC")),
        Index("ix_jobs_created", "created_at"),
        Index("ix_jobs_finished", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
        Index(
            "ix_jobs_late",
            "finished_at",
            postgresql_where=text("finished_at - created_at > interval '1 hour'"),
        ),
        Index(
            "ix_jobs_search",
            "error",
            postgresql_using="gin",
            postgresql_ops={"error": "gin_trgm_ops"},
            postgresql_where=text("error IS NOT NULL"),
        ),
        Index("ix_jobs_kind", "kind", text("id DESC")),
        Index(
            "ix_jobs_signature",
            "error_signature",
            text("id DESC"),
            postgresql_where=text("error_signature IS NOT NULL"),
        ),
        Index("ix_jobs_created_by", "created_by", text("id DESC"), postgresql_where=text("created_by IS NOT NULL")),
        Index("ix_jobs_priority", "priority", text("id DESC"), postgresql_where=text("priority <> 0")),
        Index("ix_jobs_short", text('"right"(id::text, 8)'), postgresql_using="hash"),
        Index(
            "uq_jobs_unique_key",
            "team_id",
            "unique_key",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("status IN ('queued', 'running') AND unique_key IS NOT NULL"),
        ),
        {"postgresql_with": {"fillfactor": 70}},
    )

    id: Mapped[Id]
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))
    """None: work of the console itself, which only people who see all teams can see."""
    kind: Mapped[str]
    input: Mapped[Json] = mapped_column(info={"personal": Kind.WORDS, "secrets": True})
    """What its task is given. The secrets in it (``Task.secrets``) no reader sees: ``app.privacy.job_secrets``."""
    queue: Mapped[str] = mapped_column(default="default")
    priority: Mapped[int] = mapped_column(SmallInteger, default=0)
    status: Mapped[str] = mapped_column(default=JobStatus.QUEUED)
    epoch: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=3)
    lease_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    worker: Mapped[UUID | None]
    run_after: Mapped[Created]
    delivered_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    deliveries: Mapped[int] = mapped_column(SmallInteger, default=0)
    held_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Its queue was paused or full when a worker wanted it: it waits until the queue lets it through."""
    cancel_requested_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    cancel_requested_by: Mapped[UUID | None]
    cancel_seen_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """The worker has read the wish; the task comes to a place where it can stop."""
    checkpoint: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True), info={"personal": Kind.WORDS, "secrets": True}
    )
    progress: Mapped[int] = mapped_column(SmallInteger, default=0)
    progress_done: Mapped[Big] = mapped_column(default=0)
    progress_total: Mapped[int | None] = mapped_column(BigInteger)
    progress_text: Mapped[str] = mapped_column(default="", info={"personal": Kind.WORDS})
    result: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True), info={"personal": Kind.WORDS, "secrets": True}
    )
    error_code: Mapped[str | None]
    error: Mapped[str | None] = mapped_column(info={"personal": Kind.WORDS})
    error_signature: Mapped[str | None] = mapped_column(info={"personal": Kind.WORDS})
    cost_micros: Mapped[Big] = mapped_column(default=0)
    run_cost_micros: Mapped[Big] = mapped_column(default=0, server_default=text("0"))
    """What the last run added to the costs."""
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When its first run began."""
    run_started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When its last run began."""
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_by: Mapped[UUID | None]
    """The staff member who asked for it; None for the customers' own jobs."""
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    """The customer's user who asked for it."""
    payment_id: Mapped[UUID | None]
    """The payment that it delivers; a payment brings one job."""
    schedule_id: Mapped[UUID | None]
    """The schedule that asked for it."""
    bulk_id: Mapped[UUID | None]
    """The last bulk act that was about it, until somebody retries it by itself."""
    created_at: Mapped[Created]
    unique_key: Mapped[str | None]

    @property
    def can_retry(self) -> bool:
        """Only a job that ended without success can be put back in the queue."""
        return self.status in {JobStatus.FAILED, JobStatus.CANCELLED}

    @property
    def can_cancel(self) -> bool:
        """Only a job that has not ended, and that nobody asked to stop before."""
        return self.status in {JobStatus.QUEUED, JobStatus.RUNNING} and self.cancel_requested_at is None

    @property
    def audit_label(self) -> str:
        """Its kind and the end of its id, as the screens show it."""
        return f"{self.kind} {self.id.hex[-8:]}"


class JobEvent(Base):
    """One line of a job's time line. Never changed, never removed while the job exists."""

    __tablename__ = "job_events"
    __table_args__ = (
        ForeignKeyConstraint(["team_id", "job_id"], ["jobs.team_id", "jobs.id"], ondelete="CASCADE"),
        Index("ix_job_events_job", "job_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    job_id: Mapped[UUID]
    team_id: Mapped[UUID | None]
    at: Mapped[Created]
    kind: Mapped[str]
    detail: Mapped[Json] = mapped_column(default=dict, info={"personal": Kind.WORDS, "secrets": True})


class JobCount(Base):
    """How many jobs stand where; kept by a statement trigger on ``jobs``. Spread over slots so that workers do not
    queue behind one counter row; a count is the sum over slots.
    """

    __tablename__ = "job_counts"
    __table_args__ = (PrimaryKeyConstraint("team_id", "kind", "status", "slot"),)

    team_id: Mapped[UUID]
    """All zeros for jobs of no team."""
    kind: Mapped[str]
    status: Mapped[str]
    slot: Mapped[int] = mapped_column(SmallInteger)
    n: Mapped[Big]


class JobTotal(Base):
    """How many jobs of all teams stand where in which queue; kept as :class:`JobCount` is."""

    __tablename__ = "job_totals"
    __table_args__ = (PrimaryKeyConstraint("queue", "kind", "status", "slot"),)

    queue: Mapped[str]
    kind: Mapped[str]
    status: Mapped[str]
    slot: Mapped[int] = mapped_column(SmallInteger)
    n: Mapped[Big]


class JobMinute(Base):
    """What happened to jobs of all teams in one minute: the pace of a queue. Kept for two days."""

    __tablename__ = "job_minutes"
    __table_args__ = (PrimaryKeyConstraint("minute", "queue", "kind", "slot"),)

    minute: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    queue: Mapped[str]
    kind: Mapped[str]
    slot: Mapped[int] = mapped_column(SmallInteger)
    started: Mapped[Big]
    waited_ms: Mapped[Big]
    """Summed over those that started: from the moment they were due."""
    succeeded: Mapped[Big]
    failed: Mapped[Big]
    cancelled: Mapped[Big]
    retried: Mapped[Big]
    """Runs that went back to the queue: failed for now, lost or handed back."""
    ran_ms: Mapped[Big]
    """Summed over those that ended: from the start of their last run."""


class Queue(Base):
    """A line in which jobs wait, with what staff decided about it."""

    __tablename__ = "queues"
    __table_args__ = (CheckConstraint("max_running > 0", name="max_running"), UniqueConstraint("name"))

    id: Mapped[Id]
    name: Mapped[str]
    paused_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    max_running: Mapped[int | None]
    """Jobs that may run at the same time, over all workers; None for as many as the workers take."""
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[Created]
    updated_at: Mapped[Created]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own shape


class Schedule(Base):
    """A job that is asked for again and again, at the times of a cron expression in a time zone."""

    __tablename__ = "schedules"
    __table_args__ = (
        UniqueConstraint("name"),
        Index("ix_schedules_due", "next_run_at", postgresql_where=text("enabled")),
    )

    id: Mapped[Id]
    name: Mapped[str]
    """As the program declares it, and as people read it."""
    kind: Mapped[str]
    input: Mapped[Json] = mapped_column(info={"secrets": True})
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))
    cron: Mapped[str]
    time_zone: Mapped[str]
    enabled: Mapped[bool]
    next_run_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_run_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_job_id: Mapped[UUID | None]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[Created]
    updated_at: Mapped[Created]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own shape


class Worker(Base):
    """A worker process and its last sign of life."""

    __tablename__ = "workers"

    id: Mapped[Id]
    host: Mapped[str]
    pid: Mapped[int]
    started_at: Mapped[Created]
    heartbeat_at: Mapped[Created]
    concurrency: Mapped[int]
    engine: Mapped[str]
    version: Mapped[str]
    maintenance: Mapped[bool] = mapped_column(server_default=text("false"))
    """Holds the owner's connection, and runs the queue of that name too."""
    queues: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    """The queues that it takes from."""
    drain_requested_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Somebody wants it to take nothing more: it ends what it runs, and then waits."""
    drain_requested_by: Mapped[UUID | None]

    @property
    def machine(self) -> str:
        """The name of its machine, without the fingerprint that tells boots and containers apart."""
        return self.host.partition("/")[0]

    @property
    def audit_label(self) -> str:
        """Its machine and process, as the screens show it."""
        return f"{self.machine}, process {self.pid}"
