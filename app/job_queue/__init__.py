"""The job queue: the one truth about jobs. An engine merely delivers ids.

Services ask (``submit``, ``requeue``, ``request_cancel``), workers run (``claim`` … ``finish``), ``sweep`` mends.
"""

from app.database import LeaseLost
from app.job_queue.claims import Claimed, claim, claim_many
from app.job_queue.core import Run, deliver_by, engine, hold
from app.job_queue.endings import (
    Cancelled,
    Failure,
    Later,
    Result,
    cancelled,
    fail,
    finish,
    finish_in,
    finish_many,
    rejected,
    retry_later,
    wait_out,
)
from app.job_queue.queues import declare_queues, limit_queue, pause_queue, release, resume_queue
from app.job_queue.requests import CANCEL, request_cancel, requeue, submit
from app.job_queue.runs import asked_to_cancel, checkpoint, checkpoint_in, progress, renew, spend
from app.job_queue.sweeping import end_frozen, release_dead, sweep
from app.job_queue.tasks import DATASET_DELETE, DATASET_IMPORT, IMPORT_DELETE, TASKS, Task, label_of

__all__ = [
    "CANCEL",
    "DATASET_DELETE",
    "DATASET_IMPORT",
    "IMPORT_DELETE",
    "TASKS",
    "Cancelled",
    "Claimed",
    "Failure",
    "Later",
    "LeaseLost",
    "Result",
    "Run",
    "Task",
    "asked_to_cancel",
    "cancelled",
    "checkpoint",
    "checkpoint_in",
    "claim",
    "claim_many",
    "declare_queues",
    "deliver_by",
    "end_frozen",
    "engine",
    "fail",
    "finish",
    "finish_in",
    "finish_many",
    "hold",
    "label_of",
    "limit_queue",
    "pause_queue",
    "progress",
    "rejected",
    "release",
    "release_dead",
    "renew",
    "request_cancel",
    "requeue",
    "resume_queue",
    "retry_later",
    "spend",
    "submit",
    "sweep",
    "wait_out",
]
