"""The jobs that make documents: how they ran, why some failed, and who put them right."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from app.demo import failures
from app.demo.dice import Dice
from app.demo.failures import Failure
from app.demo.history import Actor, History, Record, Target
from app.demo.staff import Office
from app.documents.drafts import Draft
from app.job_queue.tasks import DOCUMENT_GENERATE, Task
from app.models import Action, JobEventKind, JobStatus
from app.permissions import Role

RECENT = timedelta(hours=36)
"""Documents younger than this are kept as files, too."""
_PAGE_MICROS = 900
"""What a page costs, in millionths."""
_OUTAGE = (timedelta(days=3, hours=6), timedelta(days=3, hours=5))
"""From when to when, before now, one worker's disk was full."""
_WRONG_LINK = (timedelta(days=9), timedelta(days=1))
"""From when to when, before now, customers could choose a template that there is not."""


@dataclass(frozen=True, slots=True)
class _Worker:
    """A worker that was there; it has signed off long ago."""

    id: UUID
    host: str
    pid: int


@dataclass
class Desk:
    """All jobs, with their events."""

    dice: Dice
    history: History
    office: Office
    now: datetime
    jobs: list[Record] = field(default_factory=list)
    events: list[Record] = field(default_factory=list)
    files: dict[UUID, str] = field(default_factory=dict)
    """The recent documents, by job."""

    _working: _Worker = field(init=False)
    """Who took the job that was taken last."""

    def __post_init__(self) -> None:
        long_ago = self.now - timedelta(days=99)
        self._workers = [_Worker(self.dice.id(long_ago), f"worker-{n}/5e0f{n}a7c", 4000 + 17 * n) for n in range(3)]

    def order(
        self,
        user: Record,
        team_id: UUID,
        draft: Draft,
        at: datetime,
        payment: UUID | None = None,
        failure: Failure | None = None,
    ) -> None:
        """Queue a document, and let everything happen to it that has happened by now. ``failure``: it meets this."""
        created = min(self.dice.later(at, 1, 15), self.now - timedelta(seconds=1))
        job = self.queued(DOCUMENT_GENERATE, team_id, created, None, _input(draft))
        job.update(user_id=user["id"], payment_id=payment)
        if self.now - created < timedelta(minutes=30):
            return  # nobody has taken it yet
        if failure is not None:
            self._fail(job, created, failure)
        elif self.dice.chance(0.008):
            self._cancel(job, created)
        elif self.dice.chance(0.006):
            self._stop(job, created)
        elif self._fits(created, *_OUTAGE):
            self._fail(job, created, failures.FULL_DISK)
        elif self._fits(created, *_WRONG_LINK) and self.dice.chance(0.02):
            job["input"] = job["input"] | {"template": "white paper"}
            self._fail(job, created, failures.NO_TEMPLATE)
        elif self.dice.chance(0.035):
            self._fail(job, created, self.dice.of([(failure, failure.weight) for failure in failures.FAILURES]))
        else:
            self.succeed(job, created, 0.8 * draft.pages, _result(draft))
            self._keep(job, draft)

    def queued(
        self,
        task: Task,
        team_id: UUID | None,
        at: datetime,
        by: UUID | None,
        values: Record,
    ) -> Record:
        """A job that waits."""
        job: Record = {
            "id": self.dice.id(at), "team_id": team_id, "kind": task.kind, "input": values, "queue": task.queue,
            "priority": 0, "status": JobStatus.QUEUED.value, "epoch": 0, "attempts": 0,
            "max_attempts": task.max_attempts, "run_after": at, "deliveries": 0, "delivered_at": None,
            "cancel_requested_at": None, "cancel_requested_by": None, "progress": 0, "progress_done": 0,
            "progress_total": None, "progress_text": "", "result": None, "error_code": None, "error": None,
            "error_signature": None, "cost_micros": 0, "started_at": None, "finished_at": None, "created_by": by,
            "user_id": None, "payment_id": None, "created_at": at, "run_started_at": None, "run_cost_micros": 0,
            "cancel_seen_at": None, "checkpoint": None, "schedule_id": None,
        }  # fmt: skip
        self.jobs.append(job)
        self._tell(job, at, JobEventKind.QUEUED, by=str(by) if by else None, delay=0)
        return job

    def succeed(self, job: Record, at: datetime, seconds: float, result: Record) -> datetime:
        """A worker takes it after ``at`` and ends it well; returns when."""
        self._claim(job, began := self.dice.later(at, 0.05, 2.5))
        ended = min(self.dice.later(began, 0.6 * seconds, 1.5 * seconds), self.now)
        whole = result.get("pages", result.get("rows", 1))
        job.update(
            status=JobStatus.SUCCEEDED.value, result=result, progress=100, progress_done=whole, progress_total=whole,
            finished_at=ended, error=None, error_code=None, error_signature=None,
        )  # fmt: skip
        self._tell(job, ended, JobEventKind.SUCCEEDED, **self._attempt(job, 1))
        return ended

    def _fits(self, at: datetime, first: timedelta, last: timedelta) -> bool:
        return self.now - first <= at < self.now - last

    def _claim(self, job: Record, at: datetime) -> None:
        worker = self.dice.choice(self._workers)
        job.update(epoch=job["epoch"] + 1, attempts=job["attempts"] + 1, started_at=job["started_at"] or at)
        job.update(delivered_at=at, deliveries=1, run_started_at=at, run_cost_micros=0)
        self._working = worker
        self._tell(
            job, at, JobEventKind.CLAIMED, worker=str(worker.id), host=worker.host, pid=worker.pid,
            epoch=job["epoch"], attempt=job["attempts"], **{"from": None},
        )  # fmt: skip

    def _attempt(self, job: Record, share: float) -> Record:
        """What the time line tells of the attempt that ends: also what it cost, by the share of the pages it made."""
        cost = int(job["input"].get("pages", 0) * _PAGE_MICROS * share)
        job.update(run_cost_micros=cost, cost_micros=job["cost_micros"] + cost)
        told = {"worker": str(self._working.id), "host": self._working.host, "cost_micros": cost}
        return told | {"epoch": job["epoch"], "attempt": job["attempts"]}

    def _stop(self, job: Record, at: datetime) -> None:
        """Somebody of the staff stops it while it runs: its worker sees that, and ends at the next page."""
        found = self.office.at_work(at, {Role.SUPPORT, Role.ADMIN}, job["team_id"])
        if found is None or found[1] - at > timedelta(minutes=90) or self.now - found[1] < timedelta(minutes=2):
            self.succeed(job, at, 20, _result(Draft(**job["input"])))
            return
        actor, when = found
        self._claim(job, max(at, when - timedelta(seconds=self.dice.uniform(4, 20))))
        seen = self.dice.later(when, 0.2, 2.5)
        ended = self.dice.later(seen, 0.3, 3)
        pages = job["input"]["pages"]
        job.update(cancel_requested_at=when, cancel_requested_by=actor.id, cancel_seen_at=seen, finished_at=ended)
        job.update(status="cancelled", progress=40, progress_done=pages * 2 // 5, progress_total=pages)
        self._tell(job, when, JobEventKind.CANCEL_REQUESTED, by=str(actor.id))
        self._tell(job, seen, JobEventKind.CANCEL_SEEN, epoch=job["epoch"], attempt=job["attempts"])
        self._tell(job, ended, JobEventKind.CANCELLED, **self._attempt(job, 0.4), by=str(actor.id))
        self._record(job, when, actor, Action.JOB_CANCELLED, "The customer ordered it twice", JobStatus.RUNNING)

    def _cancel(self, job: Record, at: datetime) -> None:
        """Somebody of the staff stops it while it waits."""
        found = self.office.at_work(at, {Role.SUPPORT, Role.ADMIN}, job["team_id"])
        if found is None or found[1] - at > timedelta(minutes=90):
            self.succeed(job, at, 20, _result(Draft(**job["input"])))
            return
        actor, when = found
        job.update(cancel_requested_at=when, cancel_requested_by=actor.id, status="cancelled", finished_at=when)
        self._tell(job, when, JobEventKind.CANCEL_REQUESTED, by=str(actor.id))
        self._tell(job, when, JobEventKind.CANCELLED, by=str(actor.id))
        self._record(job, when, actor, Action.JOB_CANCELLED, "Ordered by mistake", JobStatus.QUEUED)

    def _fail(self, job: Record, at: datetime, failure: Failure) -> None:
        """It fails; mostly the job queue's second or third try helps, sometimes a person has to."""
        message = failure.error.partition("\n")[0]
        lasting = (
            failure in (failures.NO_TEMPLATE, failures.READ_ONLY) or self._fits(at, *_OUTAGE) or self.dice.chance(0.3)
        )
        while True:
            self._claim(job, began := self.dice.later(at, 0.05, 2.5))
            made = 0.0 if failure is failures.NO_TEMPLATE else 1.0 if failure.code == "INTERNAL_ERROR" else 0.6
            why = {**self._attempt(job, made), "code": failure.code, "message": message, "error": failure.error}
            ended = min(began + failures.length(failure, self.dice), self.now - timedelta(seconds=30))
            last = not failure.again or (lasting and job["attempts"] >= job["max_attempts"])
            if last:
                break
            delay = 10 * 2 ** (job["attempts"] - 1)
            self._again(job, ended, why, delay)
            at = job["run_after"] = ended + timedelta(seconds=delay)
            if not lasting or at >= self.now:
                self.succeed(job, min(at, self.now - timedelta(seconds=20)), 18, _result(Draft(**job["input"])))
                return
        values = {"error": failure.error, "error_code": failure.code, "error_signature": failure.signature}
        job.update(status=JobStatus.FAILED.value, finished_at=ended, **values)
        if failure.code == "WORKER_LOST":  # the sweep finds the last attempt lost, and gives up
            self._again(job, ended, why, 0)
            why = {key: why[key] for key in ("code", "message", "attempt")}
        self._tell(job, ended, JobEventKind.FAILED, **why)
        self._mend(job, ended, failure)

    def _again(self, job: Record, at: datetime, why: Record, delay: float) -> None:
        if why["code"] == "WORKER_LOST":
            lost = {key: value for key, value in why.items() if key not in {"code", "message", "error"}}
            self._tell(job, at, JobEventKind.LEASE_LOST, **lost)
        else:
            self._tell(job, at, JobEventKind.RETRY_LATER, **why, delay=delay)

    def _mend(self, job: Record, failed: datetime, failure: Failure) -> None:
        """Support retries what a retry can cure, if it failed long enough ago."""
        wanted = self.dice.later(failed, 1_800, 30 * 3_600)
        if not failure.again or self.now - failed < timedelta(days=4) or self.dice.chance(0.08):
            return
        found = self.office.at_work(wanted, {Role.SUPPORT, Role.ADMIN}, job["team_id"])
        if found is None:
            return
        actor, when = found
        job.update(epoch=job["epoch"] + 1, status=JobStatus.QUEUED.value, run_after=when, started_at=None)
        job.update(max_attempts=job["attempts"] + DOCUMENT_GENERATE.max_attempts)
        self._tell(job, when, JobEventKind.RETRIED, by=str(actor.id), from_start=True)
        reason = self.dice.choice(("Disk has room again", "The customer asks where it is", "Worth another try"))
        self._record(job, when, actor, Action.JOB_RETRIED, reason, JobStatus.FAILED)
        self.succeed(job, when, 20, _result(Draft(**job["input"])))

    def _record(self, job: Record, at: datetime, actor: Actor, action: Action, reason: str, was: JobStatus) -> None:
        target = Target("job", job["id"], f"{job['kind']} {job['id'].hex[-8:]}", job["team_id"])
        before, after = {"status": was.value}, {"status": job["status"]}
        self.history.record(at, actor, action, target, reason=reason, before=before, after=after)

    def _keep(self, job: Record, draft: Draft) -> None:
        if self.now - job["created_at"] < RECENT:
            self.files[job["id"]] = "".join(draft.texts())

    def _tell(self, job: Record, at: datetime, kind: JobEventKind, **detail: Any) -> None:  # noqa: ANN401 - JSON
        line = {"job_id": job["id"], "team_id": job["team_id"], "at": at, "kind": kind.value, "detail": detail}
        self.events.append(line)


def _input(draft: Draft) -> Record:
    return {"template": draft.template, "title": draft.title, "language": draft.language, "pages": draft.pages}


@cache
def _result(draft: Draft) -> Record:
    """Exactly what the job itself would have said."""
    text = "".join(draft.texts())
    return {"pages": draft.pages, "words": len(text.split()), "sha256": hashlib.sha256(text.encode()).hexdigest()}
