"""What is recorded: each kind of entry, its sentence, what it means, if it can be reverted, how often it happens."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app import clock
from app.models import Action
from app.paging import Count, Page, PageRequest
from app.permissions import Permission
from app.services import stats
from app.services.reverting_rules import RULES
from app.values import periods
from components.lists.columns import NumberColumn, TextColumn
from components.lists.filters import ChoiceFilter
from components.lists.table import DataTable
from components.page.screen import View, screen
from components.records.blocks import PageHead
from pages.shared.audit_sentences import words


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of entry. ``often`` is how often it was recorded in the last 30 days."""

    id: str
    about: str
    sentence: str
    meaning: str
    reverts: str
    often: int | None


@screen("/audit/actions", title="What is recorded", needs=Permission.AUDIT_READ)
async def actions_screen(view: View) -> None:
    """The definition of each action."""
    often = await _often(view)

    async def load(request: PageRequest) -> Page[Kind]:
        return _matching(request, often)

    PageHead(
        "What is recorded",
        trail=[("Audit log", "/audit")],
        sub="Each kind of entry: its sentence, what it means, and how often it was recorded in the last 30 days.",
    )
    DataTable(
        "Kinds of entries",
        load=load,
        columns=[
            TextColumn("sentence", opens="/audit?action={id}", card=True),
            TextColumn("meaning", wide=True, quiet=True, card=True),
            TextColumn("reverts", label="Can be reverted"),
            *([NumberColumn("often", label="In 30 days", card=True)] if often is not None else []),
            TextColumn("id", label="Name", quiet=True),
        ],
        filters=[
            ChoiceFilter("about", choices={prefix: title for prefix, (title, _) in FAMILIES.items()}, pinned=True),
            ChoiceFilter("action", choices={action.value: action.value for action in Action}),
        ],
        search="Words …",
        size=len(Action),
    )


def _matching(request: PageRequest, often: Mapping[str, int] | None) -> Page[Kind]:
    """The kinds that the filters leave; all of them are in memory."""
    abouts, actions = request.filters.get("about", ()), request.filters.get("action", ())
    sought = request.search.lower()
    found = [
        kind
        for kind in (_kind(action, often) for action in Action)
        if (not abouts or kind.id.partition(".")[0] in abouts)
        and (not actions or kind.id in actions)
        and sought in f"{kind.id} {kind.sentence} {kind.meaning}".lower()
    ]
    return Page(found, Count(len(found)))


def _kind(action: Action, often: Mapping[str, int] | None) -> Kind:
    title, meaning = FAMILIES.get(action.value.partition(".")[0], ("", ""))
    verb, tail = words(action)
    object_ = "" if action in _OF_NOTHING else " …"
    sentence = f"Somebody {verb}{object_} {tail}".rstrip()
    n = None if often is None else often.get(action.value, 0)
    return Kind(action.value, title, sentence, MEANINGS.get(action, meaning), "Yes" if action in RULES else "", n)


async def _often(view: View) -> Mapping[str, int] | None:
    """How often each was recorded in the last 30 days, from the counters; None: the reader may not see numbers."""
    if not view.may(Permission.STATS_READ):
        return None
    answer = await stats.recorded(view.actor, periods.preset("30d", "UTC", clock.now()))
    often: Counter[str] = Counter()
    for line in (line for lines in answer.lines.values() for line in lines):
        often[line.dimension] += sum(line.n)
    return often


_OF_NOTHING = {
    *(Action.SESSION_STARTED, Action.SESSION_REFUSED, Action.SESSION_ENDED, Action.SESSION_PROVED),
    *(Action.SESSION_NOT_PROVED, Action.ACCESS_REFUSED),
}
"""Whose sentence ends with the verb."""
FAMILIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "session": ("Sign-in", "Somebody came in, left, or tried to."),
        "access": ("Refusals", "Somebody tried what their role does not include; nothing happened."),
        "staff": ("Staff", "An account of the staff, its rights or its ways in changed."),
        "role_rule": ("Roles", "What a role demands of everybody who has it changed."),
        "token": ("API tokens", "A program was let in, or shut out."),
        "team": ("Teams", "A customer's organisation changed."),
        "user": ("Users", "A customer's person changed."),
        "dataset": ("Datasets", "A dataset came, changed or went."),
        "import": ("Imports", "A file came into a dataset, or was taken out of it."),
        "row": ("Rows", "A cell of a dataset was edited."),
        "job": ("Jobs", "Staff stepped into the course of a job. What jobs do by themselves, their own page tells."),
        "bulk": ("Bulk acts", "Staff acted on many jobs at once; the entry counts them."),
        "queue": ("Queues", "How jobs of one queue are worked off changed."),
        "worker": ("Workers", "A process that runs jobs was told what to do."),
        "schedule": ("Schedules", "What runs by the clock changed, or was run by hand."),
        "database": ("Database", "Rows changed past the console, by a login of the database. Look into it."),
        "audit": ("The log itself", "Somebody had the log verified, or took a part of it away."),
        "document": ("Documents", "A customer's document left the house."),
        "list": (
            "Exports",
            "A list left the house as a file; the entry keeps its filters and how many rows.",
        ),
        "personal": ("Personal data", "Somebody looked at a value that their role sees masked; never which value."),
    }
)
"""What actions are about, by how their names begin: a title, and what such an entry means."""

MEANINGS: Mapping[Action, str] = MappingProxyType(
    {
        Action.SESSION_STARTED: "Password, and second factor where there is one, were right.",
        Action.SESSION_REFUSED: "The password was wrong, or there is no such account; which of both is not said.",
        Action.SESSION_THROTTLED: "Too many tries failed: the next one has to wait. At most one entry a minute.",
        Action.SESSION_REVOKED: "Sessions of somebody were ended by an administrator; open pages left at once.",
        Action.SESSION_PROVED: "Typed the password or a code once more, for something dangerous.",
        Action.SESSION_NOT_PROVED: "Signed in, and typed a wrong password or code where it was asked for once more.",
        Action.STAFF_LINK_MADE: "A link by which somebody chooses a new password. Whoever has it can use it once.",
        Action.STAFF_SECOND_FACTOR_REFUSED: "Somebody knows the password, and does not have the phone. Look into it.",
        Action.STAFF_SECOND_FACTOR_REMOVED: "An administrator took a lost second factor away.",
        Action.STAFF_RECOVERY_CODE_USED: "Signed in without the phone, by one of ten codes that work once.",
        Action.TEAM_SUSPENDED: "The team takes no new users, datasets or imports; what is there stays.",
        Action.TEAM_LIMITS_CHANGED: "How many users and datasets the team may have.",
        Action.USER_DEACTIVATED: "The user cannot sign in to the product; everything of theirs stays.",
        Action.USER_MOVED: "The user belongs to another team; jobs and payments stay with the former one.",
        Action.DATASET_DELETED: "Gone from the screens at once; a job removes its rows. Until it begins, reverting"
        " restores the dataset.",
        Action.DATASET_REMOVED: "The job has removed the last row: the dataset cannot come back.",
        Action.DATASET_RESTORED: "A deleted dataset came back, before its rows were removed.",
        Action.IMPORT_FINISHED: "The rows of a file became visible, all at once.",
        Action.JOB_RETRIED: "A failed or cancelled job was put back in the queue.",
        Action.JOB_CANCELLED: "A job was asked to stop; it stops where that is safe.",
    }
)
"""What one action means, where its family does not say enough."""
