"""The job ledger: the one truth about jobs. An engine merely delivers ids.

Services ask (``submit``, ``requeue``, ``request_cancel``), workers run (``claim`` … ``finish``), ``sweep`` mends.
"""

from app.ledger.events import ENGINE, Run, hold
from app.ledger.queues import declare_queues, limit_queue, pause_queue, release, resume_queue
from app.ledger.requests import request_cancel, requeue, submit
from app.ledger.runs import (
    Cancelled,
    Claimed,
    Failure,
    asked_to_cancel,
    cancelled,
    checkpoint,
    checkpoint_in,
    claim,
    fail,
    finish,
    finish_in,
    progress,
    rejected,
    renew,
    retry_later,
)
from app.ledger.sweeping import release_dead, sweep
from app.ledger.tasks import DATASET_DELETE, DATASET_IMPORT, IMPORT_DELETE, TASKS, Task, label_of
from app.work import LeaseLost

__all__ = [
    "DATASET_DELETE",
    "DATASET_IMPORT",
    "ENGINE",
    "IMPORT_DELETE",
    "TASKS",
    "Cancelled",
    "Claimed",
    "Failure",
    "LeaseLost",
    "Run",
    "Task",
    "asked_to_cancel",
    "cancelled",
    "checkpoint",
    "checkpoint_in",
    "claim",
    "declare_queues",
    "fail",
    "finish",
    "finish_in",
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
    "submit",
    "sweep",
]
