"""What becomes of a job that failed for good when nobody wants it any more. The caller records the act."""

from uuid import UUID

from app.database.work import Work
from app.job_queue.core import database_now, end, tell
from app.models.job import Job, JobEventKind, JobStatus


async def give_up(work: Work, job: Job, by: UUID | None) -> None:
    """Settle a failed job as cancelled: it no longer stands among the failures. What went wrong stays with it, and it
    can still be retried.

    The caller holds the job locked and has asked whether it failed.
    """
    finished_at = job.finished_at or await database_now(work)
    end(job, JobStatus.CANCELLED, finished_at)
    await work.flush()
    tell(work, job, JobEventKind.CANCELLED, by=by, given_up=True)
