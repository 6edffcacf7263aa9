"""The tables, one file a noun. Importing this package knows them all."""

from app.models.audit import SENTENCES, Action, AuditEntry
from app.models.base import GLOBAL_TABLES, Base
from app.models.dataset import (
    Dataset,
    DatasetCount,
    DatasetRow,
    DatasetStatus,
    Import,
    ImportIssue,
    ImportStatus,
    RowStatus,
    Schema,
    SchemaField,
    SchemaVersion,
)
from app.models.job import Job, JobCount, JobEvent, JobEventKind, JobStatus, Worker
from app.models.staff import StaffMember, StaffSession, StaffStatus, StaffTeam
from app.models.team import Team, TeamStatus
from app.models.user import Plan, User, UserStatus

__all__ = [
    "GLOBAL_TABLES",
    "SENTENCES",
    "Action",
    "AuditEntry",
    "Base",
    "Dataset",
    "DatasetCount",
    "DatasetRow",
    "DatasetStatus",
    "Import",
    "ImportIssue",
    "ImportStatus",
    "Job",
    "JobCount",
    "JobEvent",
    "JobEventKind",
    "JobStatus",
    "Plan",
    "RowStatus",
    "Schema",
    "SchemaField",
    "SchemaVersion",
    "StaffMember",
    "StaffSession",
    "StaffStatus",
    "StaffTeam",
    "Team",
    "TeamStatus",
    "User",
    "UserStatus",
    "Worker",
]
