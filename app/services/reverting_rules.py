"""Which changes can be taken back, what is checked before, and why the others cannot be. See ``services.reverting``."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID

from app import job_queue
from app.database import Work
from app.errors import Conflict, Invalid
from app.fields.values import kept
from app.models import Action, Base, Dataset, DatasetRow, JobStatus, Queue, Team, User
from app.permissions import Permission
from app.repositories import reverting as questions
from app.repositories import teams as teams_table
from app.repositories import users as users_table
from app.topics import Topic, datasets, queues, rows, teams, users

Values = Mapping[str, Any]
_P = Permission


async def _nothing(_work: Work, _id: UUID, _back: Values) -> None:
    """No rule beside those of the database."""


async def _no_objection(_work: Work, _id: UUID) -> str:
    return ""


async def _no_more(_work: Work, _record: Any) -> None:  # noqa: ANN401 - a record
    """Nothing follows."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind of change is taken back.

    ``fields`` are the columns that may be put back (``options`` means its parts, too), ``becomes`` what the new entry
    says was done, ``check`` what must hold before, asked in the transaction that changes; ``objects`` tells beforehand
    what speaks against it, "" is nothing; ``then`` does what follows.
    """

    model: type[Base]
    fields: frozenset[str]
    needs: Permission
    becomes: Action
    topics: Sequence[Topic]
    check: Callable[[Work, UUID, Values], Awaitable[None]] = _nothing
    objects: Callable[[Work, UUID], Awaitable[str]] = _no_objection
    then: Callable[[Work, Any], Awaitable[None]] = _no_more


async def _room_again(work: Work, user_id: UUID, _back: Values) -> None:
    """The team has room for one more active user. Always the team first, then its user."""
    await teams_table.room_for_a_user(work, await users_table.team_of(work, user_id))


async def _room_there(work: Work, user_id: UUID, back: Values) -> None:
    """The former team works still, and has room if the user is active."""
    active = await users_table.is_active(work, user_id)
    await (teams_table.room_for_a_user if active else teams_table.working)(work, UUID(back["team_id"]))


async def _free_dataset(work: Work, dataset_id: UUID, _back: Values) -> None:
    """Its rows are all there still: the job that removes them has not begun, and now never will."""
    await teams_table.room_for_a_dataset(work, await questions.team_of_dataset(work, dataset_id))
    job = await questions.removing(work, job_queue.DATASET_DELETE.kind, dataset_id)
    if job is None or job.status != JobStatus.QUEUED:
        raise Conflict(_BEGUN)
    await job_queue.request_cancel(work, job, work.who.id)
    work.implied(job)


async def _has_begun(work: Work, dataset_id: UUID) -> str:
    """The job that removes the rows runs, or has run."""
    status = await questions.removing_status(work, job_queue.DATASET_DELETE.kind, dataset_id)
    return "" if status == JobStatus.QUEUED else _BEGUN


async def _let_held_jobs_go(work: Work, queue: Queue) -> None:
    """What waited for room in the queue may have it now."""
    await work.flush()
    await job_queue.release(work, queue.name)


async def _fits(work: Work, row_id: UUID, back: Values) -> None:
    """The former value still obeys the rules of its field."""
    row = await work.get(DatasetRow, row_id)
    rules = {field.key: field for field in await questions.fields_of_row(work, row)}
    for name, value in back.items():
        key = name.removeprefix("data.")
        if key not in rules:
            raise Conflict(f"The dataset has no field “{key}” any more.")
        try:
            kept(rules[key], value)
        except Invalid as refusal:
            raise Conflict(f"The former value does not fit any more: {refusal.message}") from None


_USER, _TEAM = (users, teams), (teams,)
_BEGUN = "The job that removes its rows has begun: this dataset cannot be restored. Import it again."
RULES: Mapping[Action, Rule] = MappingProxyType(
    {
        Action.USER_PLAN_CHANGED: Rule(User, frozenset({"plan"}), _P.USERS_PLAN, Action.USER_PLAN_CHANGED, _USER),
        Action.USER_OPTIONS_EDITED: Rule(
            User, frozenset({"options"}), _P.USERS_EDIT, Action.USER_OPTIONS_EDITED, _USER
        ),
        Action.USER_EMAIL_CORRECTED: Rule(
            User, frozenset({"email"}), _P.USERS_EDIT, Action.USER_EMAIL_CORRECTED, _USER
        ),
        Action.USER_DEACTIVATED: Rule(
            *(User, frozenset({"status"}), _P.USERS_DEACTIVATE, Action.USER_REACTIVATED, _USER, _room_again)
        ),
        Action.USER_REACTIVATED: Rule(User, frozenset({"status"}), _P.USERS_DEACTIVATE, Action.USER_DEACTIVATED, _USER),
        Action.USER_MOVED: Rule(User, frozenset({"team_id"}), _P.USERS_MOVE, Action.USER_MOVED, _USER, _room_there),
        Action.TEAM_RENAMED: Rule(Team, frozenset({"name"}), _P.TEAMS_RENAME, Action.TEAM_RENAMED, _TEAM),
        Action.TEAM_LIMITS_CHANGED: Rule(
            Team, frozenset({"user_limit", "dataset_limit"}), _P.TEAMS_LIMIT, Action.TEAM_LIMITS_CHANGED, _TEAM
        ),
        Action.TEAM_SUSPENDED: Rule(Team, frozenset({"status"}), _P.TEAMS_SUSPEND, Action.TEAM_RESUMED, _TEAM),
        Action.TEAM_RESUMED: Rule(Team, frozenset({"status"}), _P.TEAMS_SUSPEND, Action.TEAM_SUSPENDED, _TEAM),
        Action.DATASET_RENAMED: Rule(
            Dataset, frozenset({"name"}), _P.DATASETS_RENAME, Action.DATASET_RENAMED, (datasets,)
        ),
        Action.DATASET_DELETED: Rule(
            *(Dataset, frozenset({"status"}), _P.DATASETS_DELETE, Action.DATASET_RESTORED, (datasets,)),
            check=_free_dataset,
            objects=_has_begun,
        ),
        Action.QUEUE_LIMITED: Rule(
            *(Queue, frozenset({"max_running"}), _P.QUEUES_MANAGE, Action.QUEUE_LIMITED, (queues,)),
            then=_let_held_jobs_go,
        ),
        Action.ROW_EDITED: Rule(DatasetRow, frozenset({"data"}), _P.ROWS_EDIT, Action.ROW_EDITED, (rows,), _fits),
    }
)
"""What can be taken back, by what was done."""

NEVER: Mapping[str, str] = MappingProxyType(
    {
        "session.": "Signing in or out is not a change that could be taken back.",
        "access.": "A refusal changed nothing.",
        "staff.": "Roles, teams, passwords and second factors of staff are never reverted from here: change them on the"
        " person's page, where each is asked for by itself.",
        "role_rule.": "What a role demands is changed on the screen of roles, never reverted from here.",
        "token.": "A token is made or revoked by itself: a revoked one stays revoked.",
        "payment.": "Money is never reverted from here: what was paid or refunded, only Stripe can undo.",
        "job.": "What a job did is not undone by its entry: retry or cancel the job on its own page.",
        "bulk.": "An act on many jobs is not undone by its entry: retry or cancel the jobs again.",
        "queue.": "A queue is paused or resumed on its own page.",
        "worker.": "A worker is drained or let on from its own page.",
        "schedule.": "A schedule is changed, switched on or off on its own page; what it ran cannot be undone.",
        "import.": "An import is deleted with its rows on its own page; a deleted one is imported again.",
        "dataset.": "This is not reverted: delete or import the dataset on its own page.",
        "user.created": "What was created is not reverted: deactivate the user instead.",
        "user.erased": "What was erased is gone for good; that is what erasing is for.",
        "team.created": "What was created is not reverted: suspend the team instead.",
        "document.": "A document that was downloaded has left the house.",
        "list.": "A list that was exported has left the house.",
        "personal.": "What somebody has seen cannot be taken back.",
        "audit.": "Nothing was changed: somebody looked at the log itself.",
        "database.": "This change came past the console; its entry does not hold what was there before.",
    }
)
"""Why the others cannot be, by how the action's name begins."""
NOTHING = "This kind of entry has nothing that could be put back."
