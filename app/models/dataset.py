"""Datasets: schemas and their versions, rows, counters, imports and what was wrong with an imported file."""

from datetime import datetime
from decimal import Decimal
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
    Numeric,
    PrimaryKeyConstraint,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.models.base import Base, Big, Created, Id, Json, one_of


class DatasetStatus(StrEnum):
    """Only active ones are shown. One that is being deleted has a job that removes its rows; one whose first import was
    refused never had any, and is kept for the sake of what is told of that import.
    """

    ACTIVE = "active"
    DELETING = "deleting"
    REFUSED = "refused"


class RowStatus(StrEnum):
    """Where a row stands in review."""

    DRAFT = "draft"
    PENDING = "pending"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    REJECTED = "rejected"
    NEEDS_FIX = "needs_fix"

    @property
    def label(self) -> str:
        """As people read it."""
        return self.value.replace("_", " ").capitalize()


class ImportStatus(StrEnum):
    """Where an import stands. A finished one can be deleted with the rows it brought."""

    QUEUED = "queued"
    CHECKING = "checking"
    LOADING = "loading"
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETING = "deleting"
    DELETED = "deleted"


class Schema(Base):
    """The shape of a dataset's rows; its versions are immutable."""

    __tablename__ = "schemas"
    __table_args__ = (UniqueConstraint("team_id", "id"),)

    id: Mapped[Id]
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    name: Mapped[str]
    current_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[Created]


class SchemaVersion(Base):
    """One immutable version of a schema."""

    __tablename__ = "schema_versions"
    __table_args__ = (
        PrimaryKeyConstraint("schema_id", "version"),
        UniqueConstraint("team_id", "schema_id", "version"),
        ForeignKeyConstraint(["team_id", "schema_id"], ["schemas.team_id", "schemas.id"], ondelete="CASCADE"),
    )

    schema_id: Mapped[UUID]
    version: Mapped[int]
    team_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    created_at: Mapped[Created]


class SchemaField(Base):
    """One typed field of a schema version. ``key`` never changes; renaming a field changes its label."""

    __tablename__ = "schema_fields"
    __table_args__ = (
        PrimaryKeyConstraint("schema_id", "version", "key"),
        ForeignKeyConstraint(
            ["team_id", "schema_id", "version"],
            ["schema_versions.team_id", "schema_versions.schema_id", "schema_versions.version"],
            ondelete="CASCADE",
        ),
        CheckConstraint("key ~ '^[a-z][a-z0-9_]{0,39}$'", name="key"),
    )

    schema_id: Mapped[UUID]
    version: Mapped[int]
    key: Mapped[str]
    team_id: Mapped[UUID]
    label: Mapped[str]
    type: Mapped[str]
    required: Mapped[bool] = mapped_column(default=False)
    enum: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    minimum: Mapped[Decimal | None] = mapped_column(Numeric)
    maximum: Mapped[Decimal | None] = mapped_column(Numeric)
    pattern: Mapped[str | None]
    position: Mapped[int]
    deprecated: Mapped[bool] = mapped_column(default=False)


class Dataset(Base):
    """A team's table of rows. ``number`` is its short name inside indexes; ``next_position`` bounds what is visible:
    rows at or above it are still being loaded.
    """

    __tablename__ = "datasets"
    __table_args__ = (
        one_of("status", DatasetStatus),
        Index("uq_datasets_team_id_name", "team_id", "name", unique=True, postgresql_where=text("status = 'active'")),
        UniqueConstraint("team_id", "id"),
        UniqueConstraint("number"),
        ForeignKeyConstraint(["team_id", "schema_id"], ["schemas.team_id", "schemas.id"]),
    )

    id: Mapped[Id]
    number: Mapped[int] = mapped_column(Identity(always=True))
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    schema_id: Mapped[UUID]
    name: Mapped[str]
    next_position: Mapped[Big] = mapped_column(default=1)
    status: Mapped[str] = mapped_column(default=DatasetStatus.ACTIVE)
    version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[UUID | None]
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=clock.now, onupdate=clock.now)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own shape


class DatasetRow(Base):
    """One row. No foreign key to its dataset: checking it would double the cost of an import, and rows come and go
    only through verbs that hold the dataset.
    """

    __tablename__ = "dataset_rows"
    __table_args__ = (
        one_of("status", RowStatus),
        Index("uq_dataset_rows_position", "dataset_number", "position", unique=True),
        Index("ix_dataset_rows_status", "dataset_number", "status", "position"),
        Index(
            "ix_dataset_rows_image_hash",
            "dataset_number",
            "image_hash",
            postgresql_where=text("image_hash IS NOT NULL"),
        ),
        {"postgresql_with": {"fillfactor": 85}},
    )

    id: Mapped[Id]
    dataset_number: Mapped[int]
    team_id: Mapped[UUID]
    position: Mapped[Big]
    image_url: Mapped[str | None]
    image_hash: Mapped[bytes | None]
    data: Mapped[Json]
    schema_version: Mapped[int]
    status: Mapped[str] = mapped_column(default=RowStatus.PENDING)
    author_id: Mapped[UUID | None]
    reviewer_id: Mapped[UUID | None]
    reviewed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When it was decided in review."""
    lease_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    version: Mapped[int] = mapped_column(default=1)
    import_id: Mapped[UUID | None]
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=clock.now, onupdate=clock.now)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own shape

    @property
    def audit_label(self) -> str:
        """Its position, the number people see."""
        return f"row {self.position:,}"


class DatasetCount(Base):
    """How many visible rows a dataset has per status; changed once per statement or batch, in the same transaction."""

    __tablename__ = "dataset_counts"
    __table_args__ = (PrimaryKeyConstraint("dataset_number", "status"), CheckConstraint("n >= 0", name="n"))

    dataset_number: Mapped[int]
    status: Mapped[str]
    team_id: Mapped[UUID]
    n: Mapped[Big]


class Import(Base):
    """A file on its way into a dataset, and afterwards the record of what came in with it."""

    __tablename__ = "imports"
    __table_args__ = (
        one_of("status", ImportStatus),
        ForeignKeyConstraint(["team_id", "dataset_id"], ["datasets.team_id", "datasets.id"], ondelete="CASCADE"),
        UniqueConstraint("team_id", "id"),
        UniqueConstraint("file_id"),
        Index("ix_imports_dataset", "dataset_id", "id"),
        Index("ix_imports_job", "job_id"),
        Index("ix_imports_sha256", "sha256"),
        # One import per dataset at a time: positions are handed out at its end.
        Index(
            "uq_imports_running",
            "dataset_id",
            unique=True,
            postgresql_where=text("status IN ('queued', 'checking', 'loading', 'deleting')"),
        ),
    )

    id: Mapped[Id]
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    dataset_id: Mapped[UUID]
    job_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(default=ImportStatus.QUEUED)
    filename: Mapped[str]
    file_id: Mapped[UUID]
    size_bytes: Mapped[Big]
    sha256: Mapped[bytes]
    skip_bad: Mapped[bool] = mapped_column(default=True)
    """True loads the good rows and reports the bad ones; False loads all or nothing."""
    made_dataset: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Its dataset came into being with it, and is given up when it is refused; so is its team, with ``made_team``."""
    made_team: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    plan: Mapped[Json]
    first_position: Mapped[int | None] = mapped_column(BigInteger)
    rows_good: Mapped[Big] = mapped_column(default=0)
    rows_bad: Mapped[Big] = mapped_column(default=0)
    error_groups: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    created_by: Mapped[UUID | None]
    created_at: Mapped[Created]
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @property
    def audit_label(self) -> str:
        """The file's name."""
        return self.filename


class ImportIssue(Base):
    """One bad value of an imported file; the first 1,000 are kept here, all of them in a file."""

    __tablename__ = "import_errors"
    __table_args__ = (
        PrimaryKeyConstraint("import_id", "n"),
        ForeignKeyConstraint(["team_id", "import_id"], ["imports.team_id", "imports.id"], ondelete="CASCADE"),
    )

    import_id: Mapped[UUID]
    n: Mapped[int]
    team_id: Mapped[UUID]
    line: Mapped[Big]
    field: Mapped[str]
    code: Mapped[str]
    message: Mapped[str]
    raw: Mapped[str]
