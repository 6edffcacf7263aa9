"""Taking a change back: only where it is safe, only while nobody has changed the same thing since, and never in secret.

``reverting_rules`` says which acts can be reverted, by whom and how. What is put back goes by the same checks as if a
person typed it, needs the permission of the change itself beside ``audit:revert``, and is an entry of its own that
names the one it takes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.actor import Actor
from app.database import Work, reading, writing
from app.errors import Conflict, Forbidden, NotFound
from app.models import Action, Base, DatasetRow, Team, User
from app.permissions import Permission
from app.repositories import audit as audit_table
from app.repositories import reverting as questions
from app.services.reverting_rules import NEVER, NOTHING, RULES, Rule
from app.topics import rows, teams
from app.values import reasons
from app.values.exact_json import plain

_RENAMES = {Action.TEAM_RENAMED, Action.DATASET_RENAMED}
"""What is told by the name that it had before."""


@dataclass(frozen=True, slots=True)
class Restored:
    """One field: as it is now, as it would be again, and whether it still holds what the entry left there."""

    name: str
    now: Any
    back: Any
    holds: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What reverting an entry would do. ``refused`` says why it cannot be done; "" when it can."""

    fields: Sequence[Restored] = ()
    refused: str = ""
    needs: Permission | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """The entry that this one takes back, and the one that took this one back; None where there is none."""

    reverts: int | None = None
    reverted_by: int | None = None


async def plan(actor: Actor, entry_id: int) -> Plan:
    """What would change, without changing it."""
    async with reading(actor, Permission.AUDIT_READ) as work:
        entry = await _entry(work, entry_id)
        if refused := _why_not(entry):
            return Plan(refused=refused)
        rule = RULES[Action(entry.action)]
        try:
            record = await work.get(rule.model, UUID(entry.target_id))
        except NotFound:
            return Plan(refused="The record is not there any more.", needs=rule.needs)
        fields = _fields(entry, record)
        objection = await _objection(work, entry, record, fields) or await rule.objects(work, UUID(entry.target_id))
        return Plan(fields, objection, rule.needs)


async def links(actor: Actor, entry_id: int) -> Links:
    """Which entry this one takes back, and which one took it back."""
    async with reading(actor, Permission.AUDIT_READ) as work:
        entry = await _entry(work, entry_id)
        first = (entry.detail or {}).get("reverts")
        return Links(first if isinstance(first, int) else None, await audit_table.reverted_by(work, entry))


async def revert(actor: Actor, entry_id: int, reason: str) -> None:
    """Put back what an entry changed.

    Raises:
        Conflict: this kind of change is never reverted, or somebody changed the same thing since; it says what.
        Forbidden: the person may not make the change itself.
    """
    why = reasons.checked(reason)
    async with reading(actor, Permission.AUDIT_REVERT) as work:
        entry = await _entry(work, entry_id)
    if refused := _why_not(entry):
        raise Conflict(refused)
    rule = RULES[Action(entry.action)]
    async with reading(actor, rule.needs):
        pass  # who may not make the change is refused here, and the log tells which right was missing
    async with writing(actor, Permission.AUDIT_REVERT) as work:
        if rule.needs not in work.who.permissions:
            raise Forbidden(f"Your role does not include “{rule.needs}”. Ask an administrator if you need it.")
        await _put_back(work, entry, rule, why)


async def _put_back(work: Work, entry: Any, rule: Rule, why: str) -> None:  # noqa: ANN401 - a row of the log
    """Check again, now that nobody else can change it, and do it."""
    target = UUID(entry.target_id)
    await rule.check(work, target, entry.before)
    record: Any = await work.get(rule.model, target, lock=True)
    fields = _fields(entry, record)
    if objection := await _objection(work, entry, record, fields):
        raise Conflict(objection)
    left = record.team_id if isinstance(record, User) else None
    label = str(record.name) if rule.becomes in _RENAMES else None
    for restored in fields:
        _set(record, restored.name, restored.back)
    detail = {"reverts": entry.id, **await _named(work, record, rule)}
    if isinstance(record, DatasetRow):
        label = entry.target_label
    work.record(rule.becomes, record, reason=why, detail=detail, label=label)
    await rule.then(work, record)
    await _tell(work, record, rule, fields, left)


def _why_not(entry: Any) -> str:  # noqa: ANN401 - a row of the log
    """Why this kind of change cannot be reverted, in a sentence; "" when it can."""
    action = entry.action
    if action not in {known.value for known in RULES}:
        return next((words for prefix, words in NEVER.items() if action.startswith(prefix)), NOTHING)
    names = {**(entry.before or {}), **(entry.after or {})}
    rule = RULES[Action(action)]
    if not entry.before or not names or any(name.partition(".")[0] not in rule.fields for name in names):
        return "This entry does not tell enough to put back what was there."
    if any(isinstance(value, dict) and audit_table.ERASED in value for value in entry.before.values()):
        return "What was there before was erased, and cannot be put back."
    return ""


async def _entry(work: Work, entry_id: int) -> Any:  # noqa: ANN401 - a row of the log
    entry = await audit_table.get(work, entry_id)
    if entry is None:
        raise NotFound("This entry does not exist, or you may not see it.")
    return entry


def _fields(entry: Any, record: Base) -> list[Restored]:  # noqa: ANN401 - a row of the log
    """Each field of the entry: now, back, and whether it still holds what the entry left there."""
    told = []
    for name in {**entry.before, **(entry.after or {})}:
        now = plain(_get(record, name))
        told.append(Restored(name, now, entry.before.get(name), now == (entry.after or {}).get(name)))
    return told


async def _objection(work: Work, entry: Any, record: Base, fields: Sequence[Restored]) -> str:  # noqa: ANN401 - a row
    """What speaks against it now: somebody was there since, or it was done already."""
    if isinstance(record, User) and record.erased_at is not None:
        return "The personal data of this user are erased. Nothing of them can be changed any more."
    if done := await audit_table.reverted_by(work, entry):
        return f"This change was reverted already, by entry {done:,}."
    changed = [restored.name for restored in fields if not restored.holds]
    if changed:
        names = " and ".join(name.removeprefix("data.").removeprefix("options.") for name in changed)
        verb = "was" if len(changed) == 1 else "were"
        return f"Not reverted: {names} {verb} changed again since. Look at the later entries of this record."
    return ""


def _get(record: Any, name: str) -> Any:  # noqa: ANN401 - a record and a value of it
    column, _, key = name.partition(".")
    value = getattr(record, column)
    return value.get(key) if key else value


def _set(record: Any, name: str, value: Any) -> None:  # noqa: ANN401 - a record and a value of it
    """A part of a JSON column that was not there before is taken out again."""
    column, _, key = name.partition(".")
    if not key:
        setattr(record, column, UUID(value) if isinstance(getattr(record, column), UUID) else value)
        return
    others = {known: kept_ for known, kept_ in getattr(record, column).items() if known != key}
    setattr(record, column, others | ({} if value is None else {key: value}))


async def _named(work: Work, record: Base, rule: Rule) -> dict[str, Any]:
    """What the sentence of the new entry needs beside the record."""
    if isinstance(record, User) and rule.becomes is Action.USER_MOVED:
        return {"team": (await work.get(Team, record.team_id)).name}
    return {}


async def _tell(work: Work, record: Any, rule: Rule, fields: Sequence[Restored], left: UUID | None) -> None:  # noqa: ANN401 - a record
    for topic in rule.topics:
        if topic is teams and isinstance(record, User):
            work.notify(teams, record.team_id)
            if left != record.team_id:
                work.notify(teams, left)
        elif topic is rows:
            dataset = await questions.dataset_of_row(work, record)
            for restored in fields:
                work.notify(rows, dataset, f"{record.id}:{restored.name.removeprefix('data.')}")
        else:
            work.notify(topic, record.id)
