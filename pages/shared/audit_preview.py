"""Entries of the audit log in a few words beside a list, and actions as one chooses among them."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.models import Action
from components.records.side_pane import Glance
from pages.shared.audit_sentences import changes, parts, shown, words

BY = {"staff": "Person", "token": "Program", "system": "Job", "command": "Command line", "database": "Database"}
"""Who can act, in words."""


def glance_of(entry: Any) -> Glance:  # noqa: ANN401 - a row of the log
    """An entry beside the list."""
    facts = [
        ("By", f"{entry.actor_name} ({BY.get(entry.actor_kind, entry.actor_kind).lower()})"),
        ("From", entry.ip or ""),
        ("Request", entry.request or ""),
        *details(entry.detail or {}),
    ]
    record = f"/audit?record={entry.target_type}:{entry.target_id}"
    links = [("Open the entry", f"/audit/{entry.id}"), ("All about this record", record)]
    told = [(label, str(value)) for label, value in facts if value not in ("", None)]
    return Glance(f"Entry {entry.id:,}", parts(entry), entry.at, entry.reason or "", changes(entry), told, links)


def details(detail: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What belongs to the sentence, as (label, value); what is nested, such as an export's filters, part by part."""
    for key, value in detail.items():
        if isinstance(value, Mapping):
            yield from details(value)
        elif key != "reverts":  # a link of its own
            said = ("yes" if value else "no") if isinstance(value, bool) else shown(value)
            yield key.replace("_", " ").capitalize(), said


def action_choices() -> dict[str, str]:
    """Every action, in words, by what it is about."""
    return {action.value: action_label(action) for action in Action}


def action_label(action: str) -> str:
    """An action as a person says it: "Changed the plan of", "Moved … to another team"."""
    verb, tail = words(action)
    said = f"{verb} … {tail}" if tail else verb
    return said[:1].upper() + said[1:]
