"""One dataset: its grid, filters in the URL, editing cell by cell, rename and delete."""

from dataclasses import dataclass

from app import topics
from app.errors import Conflict, Invalid
from app.fields.filters import Condition, parse_filters
from app.permissions import Permission
from app.services import datasets, rows
from app.services.datasets import DatasetView
from app.topics import Change
from components.forms.dialogs import ask, resolve_conflict, type_the_name
from components.forms.form import Field, Values
from components.grid.grid import DataGrid, Edit, GridField
from components.grid.grid_filters import FilterBar
from components.page import frame
from components.page.ids import record_id
from components.page.live import Hears, Live
from components.page.screen import View, screen
from components.page.toasts import done
from components.records.blocks import Action, Note, PageHead, Timeline
from pages.shared.audit_timeline import happened, in_words
from pages.shared.labels import ROW, plural


@screen("/datasets/{id}", title="Dataset", needs=Permission.DATASETS_READ)
async def dataset_screen(view: View) -> None:
    """The grid reaches every row; filters and order live in the URL."""
    dataset = await datasets.get(view.actor, record_id(view.params["id"]))
    history = await happened(view, "dataset", dataset.id)
    page = _Page(view, dataset)
    page.head = PageHead(
        dataset.name,
        trail=[("Datasets", "/datasets")],
        sub=_about(dataset),
        id=dataset.id,
        actions=[
            Action("Imports", opens=f"/datasets/{dataset.id}/imports"),
            Action("Rename", page.rename, needs=Permission.DATASETS_RENAME),
            Action("Import", opens=f"/datasets/{dataset.id}/import", needs=Permission.IMPORTS_RUN, main=True),
            Action("Delete dataset", page.delete, needs=Permission.DATASETS_DELETE, danger=True),
        ],
    )
    if dataset.rows:
        page.draw_grid()
    else:
        Note(
            "No rows yet",
            "They appear here as soon as an import has ended.",
            link="See the imports",
            opens=f"/datasets/{dataset.id}/imports",
        )
    if history is not None:
        Timeline(
            history, title="What happened to the dataset", nothing="Nobody has changed it. Rows tell of themselves."
        )
    Live(topics.datasets, page.refresh, about=dataset.id)


@dataclass
class _Page:
    """What the open screen remembers."""

    view: View
    dataset: DatasetView
    head: PageHead | None = None
    grid: DataGrid | None = None

    def draw_grid(self) -> None:
        """The filter bar and the grid below it."""
        fields = [
            GridField(f.key, f.label, f.type, f.required, f.enum, _float(f.minimum), _float(f.maximum))
            for f in self.dataset.fields
        ]
        opening = self.view.opening
        query = opening.query_string
        bar = FilterBar(fields, self._conditions(query))
        self.grid = grid = DataGrid(
            self.dataset.name,
            f"/api/datasets/{self.dataset.id}/rows",
            fields,
            self.dataset.rows,
            editable=self.view.may(Permission.ROWS_EDIT),
            on_edit=self.edit,
            row_link=f"/datasets/{self.dataset.id}/rows/{{row_id}}",
            statuses=ROW,
            query=query,
            scan=self._scans(query),
        )

        def changed(_query: object) -> None:
            now = opening.query_string
            bar.show(self._conditions(now))
            grid.show(now, scan=self._scans(now))

        opening.on_query(grid, changed)
        Hears(topics.rows, self.heard, about=self.dataset.id)

    async def edit(self, edit: Edit) -> None:
        """Save one cell; a conflict is answered by the person, nothing typed is lost."""
        grid = self._drawn()
        row_id = record_id(edit.row_id)
        try:
            value = await rows.edit(self.view.actor, self.dataset.id, row_id, edit.field, edit.seen, edit.value)
        except Conflict as conflict:
            await self._settle(edit, conflict)
            return
        grid.answer(edit.row_id, edit.field, value, "saved")

    async def _settle(self, edit: Edit, conflict: Conflict) -> None:
        grid = self._drawn()
        grid.answer(edit.row_id, edit.field, conflict.theirs, "conflict", conflict.message)
        label = next((f.label for f in self.dataset.fields if f.key == edit.field), edit.field)
        choice = await resolve_conflict(in_words(conflict), labels={"value": label})
        if choice is None:
            return
        if choice.get("value") == "theirs":
            grid.answer(edit.row_id, edit.field, conflict.theirs, "discarded")
            return
        again = Edit(edit.row_id, edit.field, conflict.theirs, edit.value)
        await self.edit(again)

    async def heard(self, change: Change) -> None:
        """Somebody saved a cell of this dataset: show it, if it is loaded."""
        row_id, _, field = change.kind.partition(":")
        if self.grid is None or not field:
            return
        value = await rows.value(self.view.actor, self.dataset.id, record_id(row_id), field)
        self.grid.changed(row_id, field, value)

    async def refresh(self) -> None:
        """Rows came or went, or the name changed. The grid stays where it is, with whatever is being typed."""
        now = await datasets.get(self.view.actor, self.dataset.id)
        if self.grid is None or self.head is None or not now.rows or now.name != self.dataset.name:
            await frame.redraw()
            return
        self.dataset = now
        self.head.update_head(sub=_about(now))
        self.grid.reload()

    async def rename(self) -> None:
        """Ask for another name."""
        seen = self.dataset.name

        async def save(values: Values) -> None:
            await datasets.rename(self.view.actor, self.dataset.id, values["name"], seen)

        field = Field("name", "Name", value=seen, max_length=datasets.NAME_LENGTH)
        if values := await ask("Rename the dataset", submit="Rename", fields=[field], on_submit=save):
            done(f"The dataset is called {values['name'].strip()} now.")
            await frame.redraw()

    async def delete(self) -> None:
        """Delete for good, after a plan, the typed name and a reason."""
        name = self.dataset.name
        plan = [
            f"{plural(self.dataset.rows, 'row')} and all imports of {name} are deleted.",
            "The audit log can take it back until the job that removes the rows has begun, then nothing can.",
        ]
        reason = await type_the_name(f"Delete {name}?", name, submit="Delete dataset", plan=plan)
        if reason is not None:
            await datasets.delete(self.view.actor, self.dataset.id, name, reason)
            done(f"{name} is deleted; a job removes its rows.")
            frame.navigate("/datasets")

    def _drawn(self) -> DataGrid:
        if self.grid is None:
            raise Invalid("The grid is not open. Reload the page.")
        return self.grid

    def _conditions(self, query: str) -> tuple[Condition, ...]:
        try:
            return parse_filters(query)
        except Invalid:
            return ()

    def _scans(self, query: str) -> bool:
        return self.dataset.rows > rows.SCAN_ROWS and ("f=" in query or "sort=" in query)


def _about(dataset: DatasetView) -> str:
    return f"{dataset.team} · {plural(dataset.rows, 'row')} · {plural(len(dataset.fields), 'field')}"


def _float(value: object) -> float | None:
    return None if value is None else float(str(value))
