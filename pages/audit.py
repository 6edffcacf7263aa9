"""The audit log: a sentence first, before and after on opening."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from app import topics
from app.errors import NotFound
from app.models import SENTENCES, Action
from app.permissions import Permission
from app.services import audit
from components.blocks import Fact, Facts, PageHead, Timeline
from components.columns import TextColumn, TimeColumn
from components.downloads import Export
from components.filters import ChoiceFilter, IdFilter, TimeRangeFilter
from components.screen import View, screen
from components.table import DataTable, Empty
from pages.entries import audit_entry, changes, is_difference, sentence, shown


@screen("/audit", title="Audit log", icon="audit", menu="Trust", needs=Permission.AUDIT_READ)
async def audit_screen(view: View) -> None:
    """Every change ever made, newest first, live."""
    people = await audit.people(view.actor)
    PageHead("Audit log", sub="Every change, by whom and why. Nothing here can be edited or removed.")
    DataTable(
        "Audit log",
        load=partial(audit.search, view.actor),
        columns=[
            TimeColumn("at", label="When", sort="id", card=True),
            TextColumn("sentence", label="What happened", read=sentence, opens="/audit/{id}", wide=True, card=True),
            TextColumn("reason", quiet=True, wide=True),
            TextColumn("changes", read=_changed, quiet=True),
            TextColumn("actor_kind", label="By", read=lambda e: e.actor_kind.capitalize()),
            TextColumn("ip", label="From", quiet=True),
        ],
        filters=[
            ChoiceFilter("person", choices=dict(people), pinned=True),
            ChoiceFilter("action", choices={a.value: _label(a) for a in Action}, pinned=True),
            TimeRangeFilter("at", label="When", pinned=True),
            IdFilter("record"),
            IdFilter("team"),
        ],
        live=topics.audit,
        export=Export("audit"),
        empty=Empty("Nothing recorded yet", "Every sign-in and every change appears here."),
    )


@screen("/audit/{id}", title="Entry", needs=Permission.AUDIT_READ)
async def entry_screen(view: View) -> None:
    """One entry: before and after, why, by whom, from where."""
    number = view.params["id"]
    if not number.isdecimal() or len(number) > 18:
        raise NotFound("This entry does not exist, or you may not see it.")
    entry = await audit.get(view.actor, int(number))
    PageHead(f"Entry {entry.id:,}", trail=[("Audit log", "/audit")], sub=sentence(entry))
    Timeline([audit_entry(entry, whole=True)], title="What happened")
    Facts(
        [
            Fact("When", entry.at, "time"),
            Fact("By", f"{entry.actor_name} ({entry.actor_kind})", opens=_link("person", entry.actor_id)),
            Fact("Action", entry.action, opens=_link("action", entry.action)),
            Fact("Record", entry.target_label or entry.target_type,
                 opens=_link("record", f"{entry.target_type}:{entry.target_id}")),
            Fact("Reason", entry.reason),
            Fact("From", entry.ip),
            Fact("Request", entry.request),
            *_details(entry.detail or {}),
        ],
        title="About this entry",
    )  # fmt: skip


def _details(detail: Mapping[str, Any]) -> Iterator[Fact]:
    """What belongs to the sentence; what is nested, such as the filters of an export, part by part."""
    for key, value in detail.items():
        if isinstance(value, Mapping):
            yield from _details(value)
        else:
            said = ("yes" if value else "no") if isinstance(value, bool) else shown(value)
            yield Fact(key.replace("_", " ").capitalize(), said)


def _changed(entry: object) -> str:
    return ", ".join(name for name, _, _ in changes(entry)) if is_difference(entry) else ""


def _label(action: Action) -> str:
    verb, _ = SENTENCES[action]
    return verb.capitalize()


def _link(name: str, value: object) -> str:
    return f"/audit?{name}={value}" if value else ""
