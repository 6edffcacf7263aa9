"""From a file to rows: drop a file, check what its columns become, choose, start."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from nicegui import ui

from app.errors import AppError, Invalid, NotSignedIn
from app.models import ImportStatus
from app.permissions import Permission
from app.services import datasets, imports, teams
from app.services.datasets import DatasetView
from app.services.imports import Kept, Looked
from app.storage import uploads
from app.storage.uploads import Store
from components.forms.form import Field, Form, Values
from components.forms.upload import FileDrop, Uploaded
from components.grid.column_types import ColumnChoice, ColumnTypes
from components.page import frame
from components.page.ids import record_id
from components.page.refusals import Refusal
from components.page.screen import View, screen
from components.records.blocks import ErrorCard, Note, PageHead
from pages.shared.labels import plural

_ACCEPT = "CSV or TSV, also gzipped. The content decides, not the name."
_BAD = [("skip", "Import the good rows and report the bad ones"), ("all", "Import nothing if any row is bad")]
_FIRST_TEAM = "Internal"


@screen("/datasets/new", title="New dataset", needs=Permission.DATASETS_CREATE)
async def new_dataset_screen(view: View) -> None:
    """A new dataset comes into being by its first import."""
    choices = [(str(id_), name) for id_, name in await teams.names(view.actor)]
    PageHead("New dataset", trail=[("Datasets", "/datasets")], sub="Drop a file, check its columns, start the import.")
    if not choices and not view.may(Permission.TEAMS_CREATE):
        Note("No team yet", "A dataset belongs to a team, and you see none. Ask an administrator.")
        return
    _Wizard(view, teams=choices).draw()


@screen("/datasets/{id}/import", title="Import", needs=Permission.IMPORTS_RUN)
async def import_into_screen(view: View) -> None:
    """Another file for a dataset that is there; its fields decide the types."""
    dataset = await datasets.get(view.actor, record_id(view.params["id"]))
    PageHead(
        "Import",
        trail=[("Datasets", "/datasets"), (dataset.name, f"/datasets/{dataset.id}")],
        sub=f"More rows for {dataset.name}",
    )
    _Wizard(view, dataset=dataset).draw()


@screen("/imports/{id}/correct", title="Correct the columns", needs=Permission.IMPORTS_RUN)
async def correct_import_screen(view: View) -> None:
    """A refused import once more: the file that is kept, with what was chosen, to be corrected."""
    import_id = record_id(view.params["id"])
    head = (await imports.get(view.actor, import_id)).head
    if head.status != ImportStatus.REFUSED:
        PageHead("Correct the columns", trail=[("Datasets", "/datasets"), (head.filename, f"/imports/{import_id}")])
        Note("Nothing to correct", "This import was not refused.", link="Open it", opens=f"/imports/{import_id}")
        return
    kept = await imports.reopen(view.actor, uploads.bound(), import_id)
    made = kept.import_.made_dataset
    choices = [(str(id_), name) for id_, name in await teams.names(view.actor)] if made else []
    dataset = None if made else await datasets.get(view.actor, kept.import_.dataset_id)
    PageHead(
        "Correct the columns",
        trail=[("Datasets", "/datasets"), (kept.import_.filename, f"/imports/{import_id}")],
        sub="Nothing was imported. The file is here still: change what did not fit, and start again.",
    )
    wizard = _Wizard(view, teams=choices, dataset=dataset, kept=kept)
    wizard.below = ui.element("div").classes("steps")
    wizard.propose(kept.looked)


@dataclass
class _Wizard:
    """The steps of one import; they live as long as the screen is open."""

    view: View
    teams: Sequence[tuple[str, str]] = ()
    dataset: DatasetView | None = None
    looked: Looked | None = None
    columns: ColumnTypes | None = None
    kept: Kept | None = None
    """A refused import that is being corrected."""
    below: ui.element = field(init=False)

    @property
    def store(self) -> Store:
        """Where uploads lie."""
        return uploads.bound()

    def draw(self) -> None:
        """The first step; the others appear below it."""
        FileDrop("/uploads", _ACCEPT, self.store.max_bytes, self.arrived)
        self.below = ui.element("div").classes("steps")

    async def arrived(self, uploaded: Uploaded) -> None:
        """A file is here: look at it, and propose."""
        self.below.clear()
        with self.below:
            Note("Looking at the file …", "Its columns and their types are being recognised.", small=True)
        try:
            self.looked = await imports.look(self.view.actor, self.store, record_id(uploaded.id))
        except NotSignedIn:
            raise
        except AppError as problem:
            self._refuse(problem)
            return
        self.below.clear()
        self.propose(self.looked)

    def _refuse(self, refusal: AppError) -> None:
        self.below.clear()
        with self.below:
            ErrorCard(Refusal("This file cannot be imported", refusal.message, refusal.status))

    def propose(self, looked: Looked) -> None:
        """What the file is and what its columns become, to be checked."""
        self.looked = looked
        with self.below:
            self._propose(looked)

    def _propose(self, looked: Looked) -> None:
        inspection = looked.inspection
        if looked.same is not None:
            Note(
                "This file was imported before",
                f"Exactly the same content went into {looked.same.dataset}. Importing it again makes its rows twice.",
                link="Open that import",
                opens=f"/imports/{looked.same.id}",
                small=True,
            )
        about = "" if inspection.exact else "about "
        Note(
            f"{about}{plural(inspection.rows, 'row')} in {plural(len(inspection.columns), 'column')}".capitalize(),
            "Check below what each column becomes, then start. Words that stand for “no value” are stored as missing.",
            small=True,
        )
        Form(self._fields(looked), submit="Start import", on_submit=self.start, label="Import")
        self.columns = ColumnTypes(_columns_json(looked, self.dataset, self.kept), self.changed)
        self.changed(self.columns.value)

    def changed(self, chosen: Sequence[ColumnChoice]) -> None:
        """Other types, other words for "missing": mark the cells of the first rows that do not fit."""
        if self.looked is None or self.columns is None:
            return
        fields = self.dataset.fields if self.dataset is not None else None
        rejected = self.looked.misfits(_choices(chosen), fields)
        self.columns.show_preview({"rows": _preview(self.looked), "rejected": rejected})

    def _fields(self, looked: Looked) -> list[Field]:
        skips = self.kept is None or self.kept.import_.skip_bad
        bad = Field("bad", "Bad rows", "choice", value="skip" if skips else "all", choices=_BAD)
        if self.dataset is not None:
            return [bad]
        name = (
            self.kept.dataset
            if self.kept
            else looked.upload.name.split(".")[0].replace("_", " ").replace("-", " ").strip().capitalize()
        )
        return [Field("name", "Name", value=name, max_length=datasets.NAME_LENGTH), *self._team_fields(), bad]

    def _team_fields(self) -> list[Field]:
        """A dataset belongs to a team: one that is there, or a new one."""
        may_create = self.view.may(Permission.TEAMS_CREATE)
        if not self.teams:
            first = self.kept.team if self.kept else _FIRST_TEAM
            return [Field("new_team", "Team", value=first, hint="The first team is made with this name.")]
        before = str(self.kept.import_.team_id) if self.kept else ""
        known = before in {id_ for id_, _ in self.teams}
        chosen = before if known else self.teams[0][0]
        team = Field("team", "Team", "choice", value=chosen, choices=self.teams)
        if not may_create:
            return [team]
        hint = "Only for a team that is not in the list."
        new = self.kept.team if self.kept and not known else ""
        return [team, Field("new_team", "New team", value=new, required=False, hint=hint, max_length=teams.NAME_LENGTH)]

    async def start(self, values: Values) -> None:
        """Start, and go to the import's own page."""
        if self.looked is None or self.columns is None:
            raise Invalid("Choose a file first.")
        choices = _choices(self.columns.value)
        skip_bad = values["bad"] == "skip"
        if self.dataset is None:
            new_team = values.get("new_team", "").strip()
            started = await imports.start_new(
                self.view.actor,
                self.store,
                self.looked,
                team_id=None if new_team else _chosen_team(values.get("team", "")),
                new_team=new_team,
                name=values["name"],
                choices=choices,
                skip_bad=skip_bad,
            )
        else:
            started = await imports.start(
                self.view.actor, self.store, self.looked, dataset_id=self.dataset.id, choices=choices, skip_bad=skip_bad
            )
        frame.navigate(f"/imports/{started.id}")


@dataclass(frozen=True, slots=True)
class _Proposed:
    """What a column becomes unless somebody knows better."""

    type: str
    required: bool = False


def _choices(chosen: Sequence[ColumnChoice]) -> list[imports.Choice]:
    return [imports.Choice(c.key, c.type, c.missing, c.required) for c in chosen]


def _preview(looked: Looked) -> list[list[str]]:
    return [list(row) for row in looked.inspection.preview[: imports.PREVIEW]]


def _chosen_team(value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError:
        raise Invalid(team="Choose a team.") from None


def _columns_json(looked: Looked, dataset: DatasetView | None, kept: Kept | None) -> str:
    """The proposals in the form of ``components/column_types``. A dataset that is there has fixed its types; else what
    was chosen before is proposed again.
    """
    inspection, before = looked.inspection, kept.choices if kept else {}
    fixed = {f.key: f for f in dataset.fields} if dataset else {}
    columns = [
        {
            "key": column.key,
            "label": column.label or column.key,
            "type": (fixed.get(column.key) or before.get(column.key) or _Proposed(column.type.value)).type,
            "required": (fixed.get(column.key) or before.get(column.key) or _Proposed("")).required,
            "missing": [
                {"token": token, "count": count, "on": token in (before.get(column.key) or column).missing}
                for token, count in column.found.items()
            ],
            "samples": list(column.samples),
            "note": _note(column.nulls, column.key, dataset),
        }
        for column in inspection.columns
    ]
    preview = {"rows": _preview(looked), "rejected": []}
    return json.dumps({"types": imports.TYPES, "columns": columns, "preview": preview})


def _note(nulls: int, key: str, dataset: DatasetView | None) -> str:
    if dataset is not None and key not in {f.key for f in dataset.fields}:
        return "not a field of this dataset: left out"
    return f"{nulls:,} missing in the sample" if nulls else ""
