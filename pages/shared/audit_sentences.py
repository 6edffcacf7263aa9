"""Entries of the audit log as a person would tell them: who did what to which record, and what changed by it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from app.models import SENTENCES, Action
from app.permissions import Role
from app.values import exact_json
from components.records.blocks import Part
from pages.shared.labels import PLAN, ROW, STAFF, TEAM, USER, plural

LINKS = {
    "dataset": "/datasets/{}",
    "import": "/imports/{}",
    "job": "/jobs/{}",
    "user": "/users/{}",
    "team": "/teams/{}",
    "payment": "/payments/{}",
    "schedule": "/schedules/{}",
    "queue": "/queues",
    "worker": "/queues",
}
"""Where a record of this kind is looked at, if its id is all that one needs."""
_GONE = {Action.DATASET_DELETED, Action.DATASET_REMOVED, Action.IMPORT_DELETED}
_FROM_TO = {Action.USER_PLAN_CHANGED, Action.USER_EMAIL_CORRECTED, Action.STAFF_ROLE_CHANGED, Action.STAFF_RENAMED}
"""Sentences that name the field themselves: "changed the plan of Otto from Free to Premium"."""
_RENAMED = {Action.DATASET_RENAMED, Action.TEAM_RENAMED}
"""The record goes by its old name: "renamed the dataset Flights to Departures"."""
_SAID_ALREADY = {
    *(Action.USER_DEACTIVATED, Action.USER_REACTIVATED, Action.USER_MOVED, Action.TEAM_SUSPENDED, Action.TEAM_RESUMED),
    *(Action.STAFF_DEACTIVATED, Action.STAFF_REACTIVATED, Action.STAFF_PASSWORD_CHANGED, Action.DATASET_DELETED),
    *(Action.STAFF_PASSWORD_DEMANDED, Action.JOB_RETRIED, Action.JOB_CANCELLED, Action.TOKEN_REVOKED),
    *(Action.IMPORT_FINISHED, Action.IMPORT_DELETED, Action.STAFF_SECOND_FACTOR_SET_UP),
    *(Action.STAFF_SECOND_FACTOR_TURNED_OFF, Action.STAFF_SECOND_FACTOR_REMOVED, Action.STAFF_RECOVERY_CODES_MADE),
    *(Action.QUEUE_PAUSED, Action.QUEUE_RESUMED, Action.WORKER_DRAINED, Action.WORKER_RESUMED),
    *(Action.SCHEDULE_SWITCHED_ON, Action.SCHEDULE_SWITCHED_OFF, Action.SCHEDULE_RUN),
}
"""What changed is the verb itself, or book-keeping of the record."""
_FIELDS = {
    "user_limit": "users",
    "dataset_limit": "datasets",
    "email": "e-mail",
    "team_id": "team",
    "max_running": "limit",
    "cron": "times",
    "require_second_factor": "second factor",
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "user.plan": {key: word for key, (word, _) in PLAN.items()},
    "user.status": {key: word for key, (word, _) in USER.items()},
    "team.status": {key: word for key, (word, _) in TEAM.items()},
    "staff.status": {key: word for key, (word, _) in STAFF.items()},
    "staff.role": {role.value: role.label for role in Role},
    "row.status": {key: word for key, (word, _) in ROW.items()},
}
"""Values in the words of the screens, by ``record.field``."""
_NOTHING = dict.fromkeys(("team.user_limit", "team.dataset_limit", "queue.max_running"), "no limit")
"""What it means that nothing stands there."""
IN_THE_SENTENCE = 2
"""Changed fields that the sentence tells; of more it says how many."""
_SHORT, _REASON = 40, 80
_GONE_ON = "erased on "
"""How words begin that stand in place of erased ones."""
ERASED = "$erased"
"""What stands in place of a personal value that was erased: ``{"$erased": "2026-11-21"}``."""


def parts(entry: Any) -> list[Part]:  # noqa: ANN401 - a row of the audit log
    """The sentence: who did what to which record, and what changed by it."""
    verb, tail = words(entry.action)
    told: list[Part] = [(entry.actor_name, ""), f" {verb}"]
    if entry.target_label:
        gone = entry.action in {action.value for action in _GONE}
        told += [" ", (_label(entry.target_label), "" if gone else address(entry))]
    if entry.action == Action.USER_MOVED and entry.detail:
        tail = f"to {entry.detail.get('team', 'another team')}"
    told += [f" {tail}"] if tail else []
    return [*told, *_changed(entry), *_numbers(entry.action, entry.detail or {})]


def sentence(entry: Any) -> str:  # noqa: ANN401 - a row of the audit log
    """The same as plain text, with the reason where it is short."""
    said = "".join(part if isinstance(part, str) else part[0] for part in parts(entry))
    reason = " ".join((entry.reason or "").split())
    return f"{said} ({reason})" if 0 < len(reason) <= _REASON and not reason.startswith(_GONE_ON) else said


def _label(label: str) -> str:
    """A record's name; of one that was erased that it was: when, its entry tells."""
    known, gone, _ = label.partition(f", {_GONE_ON}")
    return f"{known} (erased)" if gone else label


def address(entry: Any) -> str:  # noqa: ANN401 - a row of the audit log
    """Where the record is looked at; "" is nowhere."""
    return LINKS.get(entry.target_type, "").format(entry.target_id)


def words(action: str) -> tuple[str, str]:
    """What stands between the actor and the record, and after it."""
    return SENTENCES.get(Action(action), (action, "")) if action in set(Action) else (action, "")


def changes(entry: Any) -> Sequence[tuple[str, Any, Any]]:  # noqa: ANN401 - a row of the audit log
    """What changed, as (field, before, after), in words."""
    before: Mapping[str, Any] = entry.before or {}
    after: Mapping[str, Any] = entry.after or {}
    kind = entry.target_type
    return [
        (field_name(key), in_words(kind, key, before.get(key)), in_words(kind, key, after.get(key)))
        for key in {**before, **after}
    ]


def field_name(key: str) -> str:
    """A column as people call it; ``options.theme`` and ``data.origin`` by the name within."""
    inner = key.removeprefix("data.").removeprefix("options.")
    return _FIELDS.get(inner, inner.replace("_", " ") if inner == key else inner)


def in_words(kind: str, key: str, value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """A value of a record's field as the screens say it."""
    if value is None:
        return _NOTHING.get(f"{kind}.{key}")
    if isinstance(value, str):
        return _WORDS.get(f"{kind}.{key}", {}).get(value, value)
    return shown(value)


def is_difference(entry: Any) -> bool:  # noqa: ANN401 - a row of the audit log
    """Whether it changed something that was there, rather than made or removed it."""
    return bool(entry.before and entry.after)


def is_told(entry: Any) -> bool:  # noqa: ANN401 - a row of the audit log
    """Whether the sentence tells everything that changed."""
    if not is_difference(entry) or entry.action in {action.value for action in _SAID_ALREADY}:
        return True
    told = changes(entry)
    whole = all(len(as_text(value)) <= _SHORT for _, before, after in told for value in (before, after))
    return len(told) <= IN_THE_SENTENCE and whole


def shown(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """A value in a difference or a list of facts: short, several choices as "a; b", an object as JSON."""
    if isinstance(value, dict) and set(value) == {ERASED}:
        return f"erased on {value[ERASED]}"
    if isinstance(value, dict | list):
        text = as_text(value)
        return text if len(text) <= 200 else text[:200] + "…"
    return value


def as_text(value: Any) -> str:  # noqa: ANN401 - a JSON value
    """A value as one would type it; a missing one is empty."""
    match value:
        case None:
            return ""
        case str():
            return value
        case Decimal():
            return format(value, "f")
        case list() if value and all(isinstance(item, str) for item in value):
            return "; ".join(value)
        case _:
            return exact_json.dumps(value)


def _changed(entry: Any) -> list[Part]:  # noqa: ANN401 - a row of the audit log
    """What changed, for the end of the sentence: up to two fields with their values, of the others the number."""
    known = Action(entry.action) if entry.action in set(Action) else None
    if known in _SAID_ALREADY or not is_difference(entry):
        return []
    told = changes(entry)
    if known in _FROM_TO and len(told) == 1:
        return [" ", *_from_to(told[0][1], told[0][2])]
    if known in _RENAMED and len(told) == 1:
        return [" to ", (_brief(told[0][2]), "")]
    several = [_field(*change) for change in told[:IN_THE_SENTENCE]]
    more = len(told) - len(several)
    if more:
        noun = "field" if more == 1 else "fields"
        return [": ", *_joined(several, ", "), f" and {more} more {noun}"]
    return [": ", *_joined(several, " and ")]


def _joined(several: Sequence[list[Part]], between: str) -> list[Part]:
    told: list[Part] = []
    for one in several:
        told += [between, *one] if told else one
    return told


def _field(name: str, before: Any, after: Any) -> list[Part]:  # noqa: ANN401 - JSON values
    if _is_nothing(before):
        return [f"{name} set to ", (_brief(after), "")]
    if _is_nothing(after):
        return [f"{name} emptied, it was ", (_brief(before), "")]
    return [f"{name} ", *_from_to(before, after)]


def _from_to(before: Any, after: Any) -> list[Part]:  # noqa: ANN401 - JSON values
    return ["from ", (_brief(before), ""), " to ", (_brief(after), "")]


def _is_nothing(value: Any) -> bool:  # noqa: ANN401 - a JSON value
    return value is None or value == ""


def _brief(value: Any) -> str:  # noqa: ANN401 - a JSON value
    """A value that fits into a sentence."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal):
        return f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    text = "nothing" if _is_nothing(value) else " ".join(as_text(value).split())
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"


def _numbers(action: str, detail: Mapping[str, Any]) -> list[Part]:
    said = []
    if isinstance(detail.get("rows"), int) and action != Action.BULK_STARTED:  # whose name counts its jobs
        said.append(plural(detail["rows"], "row"))
    if detail.get("bad"):
        said.append(f"{plural(detail['bad'], 'bad row')} left out")
    if "field" in detail:
        said.append(str(detail["field"]))
    if "dataset" in detail:
        said.append(f"into {detail['dataset']}")
    return [f" ({', '.join(said)})"] if said else []
