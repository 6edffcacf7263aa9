"""What became of the jobs of a bulk act: each counts until it has ended for the first time since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.database import Work
from app.models import BulkVerb, JobStatus
from app.repositories import bulk as bulk_table


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a bulk act is, and how the jobs stand with which it was done."""

    bulk_id: UUID
    verb: BulkVerb
    total: int
    done: int
    """Jobs that it put back in the queue, or asked to stop."""
    refused: int
    jobs: Mapping[str, int]
    """Of those that it was done with, by their state."""

    @property
    def left(self) -> int:
        """Jobs that it has not come to."""
        return self.total - self.done - self.refused

    @property
    def going(self) -> int:
        """Jobs that have not ended since."""
        return self.of(JobStatus.QUEUED) + self.of(JobStatus.RUNNING)

    def of(self, status: JobStatus) -> int:
        """Jobs in this state."""
        return self.jobs.get(status, 0)


async def outcomes(work: Work, acts: Sequence[Any]) -> dict[UUID, Outcome]:
    """What became of these acts (or rows of their list), by their ids."""
    stand = await bulk_table.standing_since(work, [act.id for act in acts])
    return {
        act.id: Outcome(act.id, BulkVerb(act.verb), act.total, act.succeeded, act.refused, stand[act.id])
        for act in acts
    }


async def by_job(work: Work, jobs: Sequence[UUID]) -> dict[UUID, Outcome]:
    """The same by the jobs that carry acts out."""
    acts = await bulk_table.carried_out_by(work, jobs)
    known = await outcomes(work, acts)
    return {act.job_id: known[act.id] for act in acts}
