"""One row of a dataset: its values, its neighbours, what happened to it."""

from decimal import Decimal
from typing import Literal

from app import topics
from app.errors import Conflict, Invalid
from app.fields.values import MAX_JSON, MAX_TEXT, Rules
from app.permissions import Permission
from app.services import rows
from app.services.rows import RowView
from app.values import exact_json
from components.forms.dialogs import ask, resolve_conflict
from components.forms.form import Field, Values
from components.page import frame
from components.page.ids import record_id
from components.page.live import Live
from components.page.screen import View, screen
from components.page.toasts import done
from components.records.blocks import Action, Fact, Facts, PageHead, Timeline
from pages.shared.audit_timeline import as_text, audit_entry, in_words, shown
from pages.shared.labels import ROW


@screen("/datasets/{id}/rows/{row}", title="Row", needs=Permission.DATASETS_READ)
async def row_screen(view: View) -> None:
    """Every value with its label; edit one at a time."""
    row = await rows.get(view.actor, record_id(view.params["id"]), record_id(view.params["row"]))
    dataset = row.dataset
    base = f"/datasets/{dataset.id}/rows/"

    async def edit() -> None:
        await _edit(view, row)

    PageHead(
        f"Row {row.position:,}",
        trail=[("Datasets", "/datasets"), (dataset.name, f"/datasets/{dataset.id}")],
        sub=f"{dataset.name} · {dataset.team}",
        status=ROW[row.status],
        id=row.id,
        actions=[
            *([Action("Previous row", opens=f"{base}{row.previous}")] if row.previous else []),
            *([Action("Next row", opens=f"{base}{row.next}")] if row.next else []),
            Action("Edit a value", edit, needs=Permission.ROWS_EDIT, main=True),
        ],
    )
    values = [Fact(f.label, _shown(row.data.get(f.key)), _KINDS.get(f.type, "text")) for f in dataset.fields]
    Facts(values, title="Values")
    Facts(
        [
            Fact("Status", ROW[row.status], "status"),
            Fact("Came with", "its import" if row.import_id else None, opens=f"/imports/{row.import_id}"),
            Fact("Created", row.created_at, "time"),
            Fact("Changed", row.updated_at, "time"),
        ],
        title="About this row",
    )
    linked = view.may(Permission.AUDIT_READ)
    history = [audit_entry(e, linked=linked) for e in row.history]
    Timeline(history, title="What happened", nothing="Nobody has changed this row.")
    Live(topics.rows, frame.redraw, about=dataset.id)


async def _edit(view: View, row: RowView) -> None:
    """Choose a field, then type its value; a conflict is answered by the person."""
    fields = {f.key: f for f in row.dataset.fields}
    choices = [(key, f.label) for key, f in fields.items()]
    picked = await ask("Edit a value", submit="Choose", fields=[Field("field", "Field", "choice", choices=choices)])
    if not picked or picked["field"] not in fields:
        return
    field = fields[picked["field"]]
    seen = row.data.get(field.key)
    said = ""

    async def save(values: Values) -> None:
        nonlocal said
        said = await _save(view, row, (field.key, field.label), seen, values["value"])

    if await ask(f"Edit {field.label}", submit="Save", fields=[_input(field, seen)], on_submit=save) is not None:
        done(said)
        await frame.redraw()


async def _save(view: View, row: RowView, field: tuple[str, str], seen: object, typed: str) -> str:
    """Save one value, asking whose counts where two collide; returns what happened, in words.

    ``field`` is its key and its label.
    """
    key, label = field
    try:
        await rows.edit(view.actor, row.dataset.id, row.id, key, seen, typed)
    except Conflict as conflict:
        choice = await resolve_conflict(in_words(conflict), labels={"value": label})
        if choice is None:
            raise Invalid(value="Not saved: somebody else changed it meanwhile. Save again to choose.") from None
        if choice.get("value") == "theirs":
            return f"{label} stays as the other person saved it."
        await rows.edit(view.actor, row.dataset.id, row.id, key, conflict.theirs, typed)
    return f"{label} is saved."


def _input(field: Rules, seen: object) -> Field:
    """The input of a field's type, holding what is there now."""
    choices: list[tuple[str, str]] = []
    kind: Literal["text", "long", "number", "choice"] = "text"
    value = exact_json.dumps(seen, indent=2) if field.type == "json" and seen is not None else as_text(seen)
    match field.type:
        case "long_text" | "json":
            kind = "long"
        case "integer" | "number":
            kind = "number"
        case "boolean":
            kind, choices = "choice", [("true", "True"), ("false", "False")]
        case "choice" if field.enum:
            kind, choices = "choice", [(word, word) for word in field.enum]
    if choices and value not in dict(choices):
        value = ""
    hint = f"{field.type.replace('_', ' ').capitalize()}; {_HINTS.get(field.type, 'empty means missing')}."
    longest = MAX_JSON if field.type == "json" else MAX_TEXT
    return Field("value", field.label, kind, value, hint, field.required, choices, max_length=longest)


_KINDS = {"image": "image"}
"""How a value of a type is drawn, where text is not enough."""
_HINTS = {"multi_choice": "several are divided by a semicolon, empty means missing"}


def _shown(value: object) -> object:
    """As the time line shows it, with every digit."""
    return as_text(value) if isinstance(value, Decimal) else shown(value)
