"""What the console does for its own good in the demo: its schedules, and their runs of the last days."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.demo.dice import Dice
from app.demo.documents import Desk
from app.demo.history import Record
from app.job_queue.schedules import SCHEDULES, Scheduled
from app.job_queue.tasks import FILES_TIDY
from app.values import cron

_DAYS = 3
"""So far back their runs are told."""


@dataclass
class Chores:
    """The schedules as the program brings them along, each with its jobs."""

    dice: Dice
    desk: Desk
    start: datetime
    now: datetime
    schedules: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        for scheduled in SCHEDULES:
            self._run(scheduled, self._schedule(scheduled))

    def _schedule(self, scheduled: Scheduled) -> Record:
        record: Record = {
            "id": self.dice.id(self.start), "name": scheduled.name, "kind": scheduled.task.kind,
            "input": dict(scheduled.input), "team_id": None, "cron": scheduled.cron, "time_zone": scheduled.time_zone,
            "enabled": True, "last_run_at": None, "last_job_id": None, "version": 1, "created_at": self.start,
            "updated_at": self.start,
            "next_run_at": cron.next_after(scheduled.cron, scheduled.time_zone, self.now),
        }  # fmt: skip
        self.schedules.append(record)
        return record

    def _run(self, scheduled: Scheduled, schedule: Record) -> None:
        at = cron.next_after(scheduled.cron, scheduled.time_zone, self.now - timedelta(days=_DAYS))
        while at < self.now:
            job = self.desk.queued(scheduled.task, None, at, None, dict(scheduled.input))
            job["schedule_id"] = schedule["id"]
            tidied = {"files": self.dice.choice((0, 0, 0, 1, 2)), "bytes": 0}
            tidied["bytes"] = tidied["files"] * self.dice.randrange(40_000, 900_000)
            result = tidied if scheduled.task is FILES_TIDY else {"minutes": self.dice.randrange(900, 1_400)}
            self.desk.succeed(job, at, 0.4, result)
            schedule.update(last_run_at=at, last_job_id=job["id"])
            at = cron.next_after(scheduled.cron, scheduled.time_zone, at)
