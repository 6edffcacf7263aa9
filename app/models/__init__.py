"""The tables, one file a noun. Importing this package knows them all."""

from app.models.audit import SENTENCES, Action, AuditEntry
from app.models.audit_word import AuditWords, AuditWordsMark
from app.models.base import GLOBAL_TABLES, Base
from app.models.bulk import BulkAct, BulkItem, BulkStatus, BulkVerb, JobWords
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
from app.models.failure import EVERYWHERE, Failure
from app.models.job import (
    Job,
    JobCount,
    JobEvent,
    JobEventKind,
    JobMinute,
    JobStatus,
    JobTotal,
    Queue,
    Schedule,
    Worker,
)
from app.models.payment import Payment, PaymentStatus
from app.models.personal_value import PendingChange, PersonalValue
from app.models.seal import AuditCheck, AuditSeal
from app.models.sign_in import RoleRule, SignInChallenge, SignInTry, StaffDevice, StaffRecoveryCode
from app.models.staff import (
    LinkPurpose,
    StaffLink,
    StaffMember,
    StaffSession,
    StaffState,
    StaffStatus,
    StaffTeam,
    state_of,
)
from app.models.stats import ALWAYS, Metric, StatsBucket, StatsDelta
from app.models.team import Team, TeamStatus
from app.models.token import ApiToken, TokenState
from app.models.user import Plan, User, UserDay, UserStatus

__all__ = [
    "ALWAYS",
    "EVERYWHERE",
    "GLOBAL_TABLES",
    "SENTENCES",
    "Action",
    "ApiToken",
    "AuditCheck",
    "AuditEntry",
    "AuditSeal",
    "AuditWords",
    "AuditWordsMark",
    "Base",
    "BulkAct",
    "BulkItem",
    "BulkStatus",
    "BulkVerb",
    "Dataset",
    "DatasetCount",
    "DatasetRow",
    "DatasetStatus",
    "Failure",
    "Import",
    "ImportIssue",
    "ImportStatus",
    "Job",
    "JobCount",
    "JobEvent",
    "JobEventKind",
    "JobMinute",
    "JobStatus",
    "JobTotal",
    "JobWords",
    "LinkPurpose",
    "Metric",
    "Payment",
    "PaymentStatus",
    "PendingChange",
    "PersonalValue",
    "Plan",
    "Queue",
    "RoleRule",
    "RowStatus",
    "Schedule",
    "Schema",
    "SchemaField",
    "SchemaVersion",
    "SignInChallenge",
    "SignInTry",
    "StaffDevice",
    "StaffLink",
    "StaffMember",
    "StaffRecoveryCode",
    "StaffSession",
    "StaffState",
    "StaffStatus",
    "StaffTeam",
    "StatsBucket",
    "StatsDelta",
    "Team",
    "TeamStatus",
    "TokenState",
    "User",
    "UserDay",
    "UserStatus",
    "Worker",
    "state_of",
]
