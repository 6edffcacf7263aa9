"""Bulk acts: one decision about many jobs, frozen when it was made, carried out by a job at a rate."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Created, Id, Json, one_of
from app.privacy.personal import Kind


class BulkVerb(StrEnum):
    """What is done to each of the jobs."""

    RETRY = "retry"
    CANCEL = "cancel"

    @property
    def label(self) -> str:
        """As people read it."""
        return self.value.capitalize()


class BulkStatus(StrEnum):
    """How it went with one of them. In the order of the words, what went wrong comes first."""

    REFUSED = "refused"
    SUCCEEDED = "succeeded"
    WAITING = "waiting"

    @property
    def label(self) -> str:
        """As people read it."""
        return {"succeeded": "Done"}.get(self.value, self.value.capitalize())


class BulkAct(Base):
    """Somebody wants the same to be done to many jobs. Which ones was fixed when they consented."""

    __tablename__ = "bulk_acts"
    __table_args__ = (
        one_of("verb", BulkVerb),
        CheckConstraint("rate > 0", name="rate"),
        UniqueConstraint("team_id", "id"),
        Index("ix_bulk_acts_team", "team_id", text("id DESC")),
        Index("ix_bulk_acts_job", "job_id"),
    )

    id: Mapped[Id]
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))
    """None: asked for by somebody who sees all teams."""
    verb: Mapped[str]
    asked_by: Mapped[UUID]
    """Their rights are asked for anew before each job."""
    reason: Mapped[str] = mapped_column(info={"personal": Kind.WORDS})
    rate: Mapped[int] = mapped_column(Integer)
    """Jobs a second, at most."""
    chosen: Mapped[Json] = mapped_column(info={"personal": Kind.HIDDEN})
    """The filters and words that all of them matched, or how many were ticked."""
    total: Mapped[int]
    succeeded: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    job_id: Mapped[UUID | None]
    """The job that carries it out."""
    created_at: Mapped[Created]

    @property
    def audit_label(self) -> str:
        """``Retry of 312 jobs``."""
        return f"{self.verb.capitalize()} of {self.total:,} job{'' if self.total == 1 else 's'}"

    @property
    def tallies(self) -> dict[str, int]:
        """How many of its jobs are how far, by the words of :class:`BulkStatus`."""
        left = self.total - self.succeeded - self.refused
        return {
            BulkStatus.REFUSED.value: self.refused,
            BulkStatus.SUCCEEDED.value: self.succeeded,
            BulkStatus.WAITING.value: left,
        }


class BulkItem(Base):
    """One of its jobs, and what became of it."""

    __tablename__ = "bulk_items"
    __table_args__ = (
        PrimaryKeyConstraint("bulk_id", "position"),
        one_of("status", BulkStatus),
        ForeignKeyConstraint(["team_id", "bulk_id"], ["bulk_acts.team_id", "bulk_acts.id"], ondelete="CASCADE"),
        Index("ix_bulk_items_status", "bulk_id", "status", "position"),
    )

    bulk_id: Mapped[UUID]
    position: Mapped[int]
    """From 1, the oldest job first."""
    team_id: Mapped[UUID | None]
    """That of the act, not of the job."""
    job_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(default=BulkStatus.WAITING)
    message: Mapped[str | None] = mapped_column(info={"personal": Kind.WORDS})
    """Why it was refused."""
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


LONGEST_WORD = 64
"""Characters of a word of a job's input that are kept."""


class JobWords(Base):
    """The words of a job's input, written once when it is asked for: an index on ``jobs`` itself would be written anew
    with each change of state. Secrets are not among them; nobody reads them, they are only searched.
    """

    __tablename__ = "job_words"
    __table_args__ = (
        ForeignKeyConstraint(["team_id", "job_id"], ["jobs.team_id", "jobs.id"], ondelete="CASCADE"),
        Index("ix_job_words", "words", postgresql_using="gin"),
    )

    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    team_id: Mapped[UUID | None]
    words: Mapped[str] = mapped_column(TSVECTOR)
