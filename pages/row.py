"""One row of a dataset: its values, its neighbours, what happened to it."""

from app import topics
from app.errors import Conflict
from app.permissions import Permission
from app.services import rows
from app.services.rows import RowView
from components import frame
from components.blocks import Action, Fact, Facts, PageHead, Timeline
from components.dialogs import ask, resolve_conflict
from components.form import Field, Values
from components.ids import record_id
from components.live import Live
from components.screen import View, screen
from components.toasts import done
from pages.entries import audit_entry, shown
from pages.words import ROW


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
    Facts([Fact(f.label, shown(row.data.get(f.key))) for f in dataset.fields], title="Values")
    Facts(
        [
            Fact("Status", ROW[row.status], "status"),
            Fact("Came with", "its import" if row.import_id else None, opens=f"/imports/{row.import_id}"),
            Fact("Created", row.created_at, "time"),
            Fact("Changed", row.updated_at, "time"),
        ],
        title="About this row",
    )
    Timeline([audit_entry(e) for e in row.history], title="What happened", nothing="Nobody has changed this row.")
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

    async def save(values: Values) -> None:
        await _save(view, row, field.key, seen, values["value"])

    kind = "long" if field.type in {"long_text", "json"} else "text"
    value = Field(
        "value",
        field.label,
        kind,  # type: ignore[arg-type]  # one of the two literals above
        value="" if seen is None else str(seen),
        required=field.required,
        hint=f"{field.type.replace('_', ' ').capitalize()}; empty means missing.",
        max_length=20_000,
    )
    if await ask(f"Edit {field.label}", submit="Save", fields=[value], on_submit=save) is not None:
        done(f"{field.label} is saved.")
        await frame.redraw()


async def _save(view: View, row: RowView, key: str, seen: object, typed: str) -> None:
    try:
        await rows.edit(view.actor, row.dataset.id, row.id, key, seen, typed)
    except Conflict as conflict:
        choice = await resolve_conflict(conflict)
        if choice and choice.get("value") == "mine":
            await rows.edit(view.actor, row.dataset.id, row.id, key, conflict.theirs, typed)
