"""States in words and colours, the same on every screen."""

from collections.abc import Mapping
from typing import Any

from app.errors import Invalid
from app.models import (
    ImportStatus,
    JobStatus,
    PaymentStatus,
    Plan,
    RowStatus,
    StaffState,
    TeamStatus,
    TokenState,
    UserStatus,
)
from app.services import imports, jobs
from components.page.values import Tone

JOB: Mapping[str, tuple[str, Tone]] = {
    JobStatus.QUEUED: ("Queued", "idle"),
    JobStatus.RUNNING: ("Running", "info"),
    JobStatus.SUCCEEDED: ("Succeeded", "ok"),
    JobStatus.FAILED: ("Failed", "bad"),
    JobStatus.CANCELLED: ("Cancelled", "warn"),
}
CANCELLING: tuple[str, Tone] = ("Cancelling", "warn")
CONSOLE = "Console"
"""What stands for the team of a job that the console does for its own good."""


def job_label(job: Any) -> str:  # noqa: ANN401 - a job, or a row of a list of jobs
    """What it does, as people read it."""
    return jobs.KINDS.get(job.kind, str(job.kind))


def job_state(job: Any) -> str:  # noqa: ANN401 - a job, or a row of a list of jobs
    """Where it stands: its status, or "cancelling" while somebody waits for it to stop."""
    return "cancelling" if job.status == JobStatus.RUNNING and job.cancel_requested_at else str(job.status)


def can_cancel_job(job: Any) -> bool:  # noqa: ANN401 - a job, or a row of a list of jobs
    """Whether to offer that it stops."""
    waits = job.status in {JobStatus.QUEUED, JobStatus.RUNNING} and job.cancel_requested_at is None
    return waits and job.kind not in jobs.LASTING


def can_retry_job(job: Any) -> bool:  # noqa: ANN401 - a job, or a row of a list of jobs
    """Whether to offer that it runs again: a file that was refused would be so again."""
    refused = job.kind == imports.KIND and job.error_code == Invalid.code
    return job.status in {JobStatus.FAILED, JobStatus.CANCELLED} and not refused


CORRECT = "Correct the columns and try again"
IMPORT: Mapping[str, tuple[str, Tone]] = {
    ImportStatus.QUEUED: ("Waiting", "idle"),
    ImportStatus.CHECKING: ("Checking", "info"),
    ImportStatus.LOADING: ("Loading", "info"),
    ImportStatus.SUCCEEDED: ("Imported", "ok"),
    ImportStatus.REFUSED: ("Refused", "bad"),
    ImportStatus.FAILED: ("Failed", "bad"),
    ImportStatus.CANCELLED: ("Cancelled", "warn"),
    ImportStatus.DELETING: ("Deleting", "warn"),
    ImportStatus.DELETED: ("Deleted", "idle"),
}

ROW: dict[str, tuple[str, Tone]] = {
    RowStatus.DRAFT: ("Draft", "idle"),
    RowStatus.PENDING: ("Pending", "idle"),
    RowStatus.IN_REVIEW: ("In review", "info"),
    RowStatus.APPROVED: ("Approved", "ok"),
    RowStatus.CHANGES_REQUESTED: ("Changes requested", "warn"),
    RowStatus.REJECTED: ("Rejected", "bad"),
    RowStatus.NEEDS_FIX: ("Needs fix", "warn"),
}

PAYMENT: Mapping[str, tuple[str, Tone]] = {
    PaymentStatus.PENDING: ("Pending", "info"),
    PaymentStatus.SUCCEEDED: ("Succeeded", "ok"),
    PaymentStatus.FAILED: ("Failed", "bad"),
    PaymentStatus.CANCELLED: ("Cancelled", "warn"),
    PaymentStatus.DISPUTED: ("Disputed", "warn"),
}
USER: Mapping[str, tuple[str, Tone]] = {
    UserStatus.ACTIVE: ("Active", "ok"),
    UserStatus.DEACTIVATED: ("Deactivated", "idle"),
}
PLAN: Mapping[str, tuple[str, Tone]] = {Plan.FREE: ("Free", "idle"), Plan.PREMIUM: ("Premium", "info")}
TEAM: Mapping[str, tuple[str, Tone]] = {
    TeamStatus.ACTIVE: ("Active", "ok"),
    TeamStatus.SUSPENDED: ("Suspended", "warn"),
}

STAFF: Mapping[str, tuple[str, Tone]] = {
    StaffState.ACTIVE: ("Active", "ok"),
    StaffState.INVITED: ("Invited", "info"),
    StaffState.DEACTIVATED: ("Deactivated", "idle"),
}

TOKEN: Mapping[str, tuple[str, Tone]] = {
    TokenState.ACTIVE: ("Active", "ok"),
    TokenState.EXPIRED: ("Expired", "idle"),
    TokenState.REVOKED: ("Revoked", "warn"),
}


def plural(n: int, noun: str) -> str:
    """``1 row``, ``2,000 rows``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
