"""What kinds of jobs there are. Services name them here; ``app.worker.tasks`` binds each to the function that runs."""

from dataclasses import dataclass

from app.permissions import Permission
from app.privacy import job_secrets

HOUR = 3600.0
ATTEMPTS = 3
MAINTENANCE = "maintenance"
"""The queue of what needs the owner's connection: only the worker that holds it takes from there."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds until a failed job is tried again: ``first``, then ``factor`` times as long, up to ``longest``."""

    first: float | None = None
    """None: as the setting ``retry_seconds`` says."""
    factor: float = 2
    longest: float = 900


@dataclass(frozen=True, slots=True)
class Task:
    """One kind of job: how it is queued, how long and how often it may run, and what its run may do."""

    kind: str
    label: str
    queue: str = "default"
    max_attempts: int = ATTEMPTS
    timeout: float = HOUR
    """Seconds that one run may take."""
    permissions: frozenset[Permission] = frozenset()
    """What its run may do at the door, limited to the job's team."""
    backoff: Backoff = Backoff()
    priority: int = 0
    """Higher ones are taken first."""
    secrets: frozenset[str] = frozenset()
    """Keys of the input, at any depth, whose values no screen shows."""
    can_cancel: bool = True
    """False for what has to be done to its end once it has begun."""
    cleanup: "Task | None" = None
    """What clears up after a job that ends without success, however it ends; it gets the same input."""

    def __post_init__(self) -> None:
        """Whoever knows a task knows its secrets: whatever is read of its jobs goes by them."""
        job_secrets.declare(self.kind, self.secrets)
        if self.cleanup is not None:  # it gets the same input
            job_secrets.declare(self.cleanup.kind, self.secrets | self.cleanup.secrets)


IMPORT_CLEANUP = Task("import.cleanup", "Clean up after an import", max_attempts=10, can_cancel=False)
DATASET_IMPORT = Task(
    "dataset.import",
    "Import a file",
    queue="imports",
    permissions=frozenset({Permission.IMPORTS_RUN}),
    cleanup=IMPORT_CLEANUP,
)
DATASET_DELETE = Task(
    "dataset.delete", "Delete a dataset", permissions=frozenset({Permission.DATASETS_DELETE}), can_cancel=False
)
IMPORT_DELETE = Task(
    "import.delete", "Delete an import", permissions=frozenset({Permission.IMPORTS_DELETE}), can_cancel=False
)
DOCUMENT_GENERATE = Task("document.generate", "Generate document", queue="documents", timeout=600)
FILES_TIDY = Task(
    "files.tidy", "Remove abandoned files", timeout=600, permissions=frozenset({Permission.DATASETS_READ})
)
FIGURES_FORGET = Task("figures.forget", "Forget old figures of queues", timeout=600)
AUDIT_EXPORT = Task("audit.export", "Export the audit log", permissions=frozenset({Permission.AUDIT_READ}))
JOBS_BULK = Task(
    "jobs.bulk",
    "Bulk act on jobs",
    queue="bulk",  # of its own: it also has to run while staff hold up the others
    max_attempts=10,
    timeout=48 * HOUR,
    permissions=frozenset({Permission.JOBS_BULK, Permission.JOBS_RETRY, Permission.JOBS_CANCEL}),
    priority=10,
)

_ALL = (DATASET_IMPORT, DATASET_DELETE, IMPORT_DELETE, DOCUMENT_GENERATE, FILES_TIDY, FIGURES_FORGET, JOBS_BULK)
TASKS = {task.kind: task for task in (*_ALL, AUDIT_EXPORT, IMPORT_CLEANUP)}

QUEUES = tuple(sorted({"default"} | {task.queue for task in TASKS.values()} - {MAINTENANCE}))
"""The queues that every worker takes from, unless it is told which."""


def attempts_of(kind: str) -> int:
    """How many attempts a job of this kind gets; those of an unknown kind as many as most."""
    return TASKS[kind].max_attempts if kind in TASKS else ATTEMPTS


def label_of(kind: str) -> str:
    """A kind as people read it; an unknown one (of an older or newer version) as it is stored."""
    task = TASKS.get(kind)
    return task.label if task else kind
