"""One entry of the audit log: before and after, why, by whom, from where; and the way back, where there is one."""

from collections.abc import Sequence
from typing import Any

from app.errors import NotFound
from app.permissions import Permission
from app.services import audit, reverting
from app.services.reverting import Links, Plan
from components.forms.dialogs import ask
from components.forms.form import Field, Values
from components.page import frame
from components.page.screen import View, screen
from components.page.toasts import done
from components.records.blocks import Action, Fact, Facts, Note, PageHead, Timeline
from pages.shared.audit_preview import BY, action_label, details
from pages.shared.audit_sentences import address, as_text, field_name, in_words, sentence
from pages.shared.audit_timeline import audit_entry


@screen("/audit/{id}", title="Entry", needs=Permission.AUDIT_READ)
async def entry_screen(view: View) -> None:
    """One entry: before and after, why, by whom, from where."""
    number = view.params["id"]
    if not number.isdecimal() or len(number) > 18:
        raise NotFound("This entry does not exist, or you may not see it.")
    entry = await audit.get(view.actor, int(number))
    plan = await reverting.plan(view.actor, entry.id)
    links = await reverting.links(view.actor, entry.id)

    async def revert() -> None:
        await _revert(view, entry, plan)

    may = not plan.refused and plan.needs is not None and view.may(plan.needs)
    button = Action("Revert this change", revert, needs=Permission.AUDIT_REVERT)
    record = [Action("Open the record", opens=address(entry))] if address(entry) else []
    PageHead(
        f"Entry {entry.id:,}",
        trail=[("Audit log", "/audit")],
        sub=sentence(entry),
        actions=[*record, button] if may else record,
    )
    _notes(view, plan, links)
    Timeline([audit_entry(entry, whole=True)], title="What happened")
    Facts(_facts(view, entry, plan, links), title="About this entry")


def _notes(view: View, plan: Plan, links: Links) -> None:
    if links.reverted_by is not None:
        there = f"/audit/{links.reverted_by}"
        Note("This change was reverted", link=f"Entry {links.reverted_by:,}", opens=there, small=True)
    elif plan.refused and plan.needs is not None and view.may(Permission.AUDIT_REVERT):
        Note("This change cannot be reverted now", plan.refused, small=True)


def _facts(view: View, entry: Any, plan: Plan, links: Links) -> list[Fact]:  # noqa: ANN401 - a row of the log
    record = _link("record", f"{entry.target_type}:{entry.target_id}")
    person = f"/staff/{entry.actor_id}/activity" if view.may(Permission.STAFF_READ) else _link("person", entry.actor_id)
    by = f"{entry.actor_name} ({BY.get(entry.actor_kind, entry.actor_kind).lower()})"
    never = plan.refused if plan.needs is None else ""
    return [
        Fact("When", entry.at, "time"),
        Fact("By", by, opens=person if entry.actor_id else ""),
        Fact("Action", action_label(entry.action), opens=f"/audit/actions?action={entry.action}"),
        Fact("Record", entry.target_label or entry.target_type, opens=record),
        Fact("Reason", entry.reason),
        Fact("From", entry.ip, opens=_link("ip", entry.ip)),
        Fact("Request", entry.request, opens=_link("request", entry.request)),
        *([Fact("Reverts", f"Entry {links.reverts:,}", opens=f"/audit/{links.reverts}")] if links.reverts else []),
        *([Fact("Can be reverted", f"No. {never}")] if never and view.may(Permission.AUDIT_REVERT) else []),
        *(Fact(label, value) for label, value in details(entry.detail or {})),
    ]


async def _revert(view: View, entry: Any, plan: Plan) -> None:  # noqa: ANN401 - a row of the log
    """Show exactly what changes, ask why, do it."""

    async def save(values: Values) -> None:
        await reverting.revert(view.actor, entry.id, values["reason"])

    reason = Field("reason", "Reason", kind="long", hint="Goes into the audit log, with the number of this entry.")
    lines = _preview(entry, plan)
    if await ask("Revert this change?", submit="Revert change", plan=lines, fields=[reason], on_submit=save):
        done("The change is reverted.")
        await frame.redraw()


def _preview(entry: Any, plan: Plan) -> Sequence[str]:  # noqa: ANN401 - a row of the log
    """Each field: what it is now, what it will be again."""
    of = f" of {entry.target_label}" if entry.target_label else ""
    return [
        f"{field_name(f.name).capitalize()}{of}: {_said(entry, f.name, f.now)} → {_said(entry, f.name, f.back)}"
        for f in plan.fields
    ]


def _said(entry: Any, name: str, value: Any) -> str:  # noqa: ANN401 - a JSON value
    return as_text(in_words(entry.target_type, name, value)) or "nothing"


def _link(name: str, value: object) -> str:
    return f"/audit?{name}={value}" if value else ""
