"""Imports: a file becomes rows. The person decides here; a job (``worker/tasks/imports``) does the work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from app import job_queue
from app.actor import Actor, Staff
from app.database import Work, reading, writing
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.fields.types import SPACE, VERBATIM, FieldType
from app.fields.values import kept
from app.ids import uuid7
from app.job_queue.tasks import DATASET_IMPORT, IMPORT_DELETE
from app.models import (
    Action,
    Dataset,
    DatasetStatus,
    Import,
    ImportStatus,
    Job,
    JobStatus,
    Schema,
    SchemaField,
    SchemaVersion,
    Team,
)
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.repositories import datasets as datasets_table
from app.repositories import imports as imports_table
from app.repositories import staff as staff_table
from app.repositories import teams as teams_table
from app.repositories.datasets import Field
from app.services import uploads
from app.storage.uploads import Store, Upload
from app.tabular.inspection import Inspection, inspect
from app.tabular.plan import ImportPlan, PlanColumn, dump, load
from app.topics import datasets as topic
from app.topics import teams as teams_topic
from app.values import names, reasons

TYPES = [kind.value for kind in FieldType]
"""What a column can become."""

KIND = DATASET_IMPORT.kind
PREVIEW = 50
"""Rows of a file that are shown before it is imported."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person decided about one column of a file. ``missing`` are the words that stand for "no value"."""

    key: str
    type: str
    missing: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class Looked:
    """An uploaded file after a look at it. ``same`` is an earlier import of exactly the same bytes."""

    upload: Upload
    inspection: Inspection
    same: Any | None

    def misfits(self, choices: Sequence[Choice], fields: Sequence[Field] | None = None) -> list[tuple[int, int, str]]:
        """Which cells of the first rows would not fit, as (row, column, sentence), from 0. ``fields`` are those of a
        dataset that is there: its rules count too, and columns without a field are left out.
        """
        chosen = {choice.key: choice for choice in choices}
        known = None if fields is None else {field.key: field for field in fields}
        found = []
        for n, column in enumerate(self.inspection.columns):
            choice = chosen.get(column.key)
            if choice is None or (known is not None and column.key not in known):
                continue
            label = column.label or column.key
            rules = Field(column.key, label, choice.type, choice.required, (), None, None, None)
            if known is not None:
                rules = known[column.key]
            cells = [(row, cells[n]) for row, cells in enumerate(self.inspection.preview[:PREVIEW]) if n < len(cells)]
            found += [(row, n, wrong) for row, cell in cells if (wrong := _wrong(rules, choice.missing, cell))]
        return sorted(found)


@dataclass(frozen=True, slots=True)
class ImportView:
    """An import with everything its screen shows."""

    head: Any
    job: Job | None
    started_by: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A refused import on its way to another try."""

    looked: Looked
    import_: Import
    dataset: str
    team: str
    choices: Mapping[str, Choice]
    """What was decided about its columns, by their keys."""


async def look(actor: Actor, store: Store, upload_id: UUID) -> Looked:
    """What an uploaded file is, and what its columns could become.

    Raises:
        Unreadable: it is no table.
    """
    return await _look(actor, store, await uploads.get(actor, store, upload_id))


async def reopen(actor: Actor, store: Store, import_id: UUID) -> Kept:
    """A refused import to be corrected: its file as an upload of one's own, and what was chosen.

    Raises:
        NotFound: the file is not kept any more.
        Conflict: the import was not refused.
    """
    async with reading(actor, Permission.IMPORTS_RUN) as work:
        head = await _head(work, import_id)
        import_ = await work.get(Import, import_id)
        if import_.status != ImportStatus.REFUSED:
            raise Conflict("Only an import that was refused can be corrected.")
    if not isinstance(actor, Staff):
        raise Forbidden("Only people upload files.")
    facts = (import_.filename, import_.size_bytes, import_.sha256.hex(), actor.staff_id)
    upload = store.reopen(Upload(import_.file_id, *facts), actor.staff_id)
    columns = load(ImportPlan, import_.plan).columns
    choices = [Choice(column.key, column.type.value, column.missing, column.required) for column in columns]
    return Kept(await _look(actor, store, upload), import_, head.dataset, head.team, {c.key: c for c in choices})


async def _look(actor: Actor, store: Store, upload: Upload) -> Looked:
    inspection = await inspect(store.path(upload.id))
    async with reading(actor, Permission.IMPORTS_RUN) as work:
        same = await imports_table.same_content(work, bytes.fromhex(upload.sha256))
    return Looked(upload, inspection, same)


async def start_new(
    actor: Actor,
    store: Store,
    looked: Looked,
    *,
    team_id: UUID | None = None,
    new_team: str = "",
    name: str,
    choices: Sequence[Choice],
    skip_bad: bool,
) -> Import:
    """Create a dataset with the chosen fields and start the import of the file into it; with ``new_team`` its team too.
    If the import is refused, both are given up. Doing it twice with the same upload does it once.
    """
    wanted = names.checked(name)
    fields, plan = _chosen(looked.inspection, choices)
    async with writing(actor, Permission.DATASETS_CREATE) as work:
        if done := await imports_table.by_file(work, looked.upload.id):
            return done
        team = await _team(work, team_id, new_team)
        schema = Schema(id=uuid7(), team_id=team.id, name=wanted)
        version = SchemaVersion(schema_id=schema.id, version=1, team_id=team.id, created_by=work.who.id)
        dataset = Dataset(id=uuid7(), team_id=team.id, schema_id=schema.id, name=wanted, created_by=work.who.id)
        await _in_order(work, [schema], [version], [_field(schema, f, n) for n, f in enumerate(fields)])
        work.add(dataset)
        work.record(Action.DATASET_CREATED, dataset, detail={"fields": len(fields)})
        await work.flush()
        import_ = await _submit(work, dataset, looked.upload, plan, skip_bad=skip_bad)
        import_.made_dataset, import_.made_team = True, bool(new_team)
    _take(store, looked.upload.id)
    return import_


async def _team(work: Work, team_id: UUID | None, new_team: str) -> Team:
    """The team of a new dataset; one that is made for it."""
    if team_id is not None:
        return await teams_table.room_for_a_dataset(work, team_id)
    if Permission.TEAMS_CREATE not in work.who.permissions:
        raise Forbidden("Your role does not include making teams. Choose one that is there.")
    team = Team(id=uuid7(), name=names.of_team(new_team, field="new_team"))
    work.add(team)
    work.record(Action.TEAM_CREATED, team)
    work.notify(teams_topic, team.id, "created")
    await work.flush()
    return team


async def start(
    actor: Actor,
    store: Store,
    looked: Looked,
    *,
    dataset_id: UUID,
    choices: Sequence[Choice],
    skip_bad: bool,
) -> Import:
    """Start the import of a file into a dataset that is there; its fields decide the types."""
    async with writing(actor, Permission.IMPORTS_RUN) as work:
        if done := await imports_table.by_file(work, looked.upload.id):
            return done
        dataset = await work.get(Dataset, dataset_id, lock=True)
        if dataset.status != DatasetStatus.ACTIVE:
            raise NotFound("This dataset has been deleted.")
        await teams_table.working(work, dataset.team_id)
        work.implied(Import)
        await imports_table.settle(work, dataset.id)
        fields = await datasets_table.fields(work, dataset.schema_id)
        plan = _fitted(looked.inspection, fields, choices)
        import_ = await _submit(work, dataset, looked.upload, plan, skip_bad=skip_bad)
    _take(store, looked.upload.id)
    return import_


async def search(actor: Actor, request: PageRequest) -> Page[Any]:
    """Imports, newest first; the filter ``dataset`` names whose."""
    async with reading(actor, Permission.DATASETS_READ) as work:
        return await imports_table.search(work, request)


async def get(actor: Actor, import_id: UUID) -> ImportView:
    """One import, with its job."""
    async with reading(actor, Permission.DATASETS_READ) as work:
        head = await _head(work, import_id)
        job = await work.get(Job, head.job_id) if head.job_id else None
        return ImportView(head, job, await staff_table.name(work, head.created_by))


async def issues(actor: Actor, import_id: UUID, request: PageRequest) -> Page[Any]:
    """What was wrong in the file, in its order; at most the first 1,000 errors."""
    async with reading(actor, Permission.DATASETS_READ) as work:
        await _head(work, import_id)
        return await imports_table.issues(work, import_id, request)


async def error_file(actor: Actor, store: Store, import_id: UUID) -> tuple[Path, str]:
    """The file of all bad rows, and a name for it. Taking it away is recorded, like every export."""
    async with writing(actor, Permission.DATASETS_READ) as work:
        import_ = await work.get(Import, import_id)
        path = store.errors(import_.id)
        if import_.status == ImportStatus.DELETED or not path.exists():
            raise NotFound("There is no file of bad rows for this import.")
        work.record(Action.IMPORT_ERRORS_DOWNLOADED, import_, detail={"bad": import_.rows_bad})
    return path, f"{Path(import_.filename).name.split('.')[0] or 'import'}-errors.csv"


async def delete(actor: Actor, import_id: UUID, reason: str) -> None:
    """Delete an import that has ended, with the rows that it brought. A job removes them."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.IMPORTS_DELETE) as work:
        head = await _head(work, import_id)
        await work.get(Dataset, head.dataset_id, lock=True)
        work.implied(Import)
        await imports_table.settle(work, head.dataset_id)
        import_ = await work.get(Import, import_id, lock=True)
        if import_.status in {ImportStatus.DELETING, ImportStatus.DELETED}:
            raise Conflict("This import has been deleted already.")
        job = await work.get(Job, import_.job_id) if import_.job_id else None
        if job is not None and job.status in {JobStatus.QUEUED, JobStatus.RUNNING}:
            raise Conflict("This import is still running. Cancel it first.")
        loaded = import_.rows_good if import_.status == ImportStatus.SUCCEEDED else 0
        import_.status = ImportStatus.DELETING
        work.record(Action.IMPORT_DELETED, import_, reason=why, detail={"rows": loaded})
        await job_queue.submit(
            work,
            IMPORT_DELETE,
            team_id=import_.team_id,
            created_by=work.who.id,
            import_id=str(import_.id),
            file=import_.filename,
        )
        work.notify(topic, import_.dataset_id)


def _wrong(rules: Field, missing: Sequence[str], cell: str) -> str:
    """What is wrong with a cell of a file, in a sentence, or nothing."""
    verbatim = rules.type in VERBATIM
    value = cell if verbatim else cell.strip(SPACE)
    if verbatim and value == "" and value not in missing:  # an empty text is a value unless it was said to be none
        return ""
    try:
        kept(rules, None if value in missing else value)
    except Invalid as refusal:
        return refusal.message
    return ""


def _fitted(inspection: Inspection, fields: Sequence[Field], choices: Sequence[Choice]) -> ImportPlan:
    """How a file's columns fill the fields of a dataset, matched by key. Columns without a field are left out."""
    found = {column.key: column for column in inspection.columns}
    lacking = [field.label for field in fields if field.required and field.key not in found]
    if lacking:
        raise Invalid(f"The file lacks required columns: {', '.join(lacking)}.")
    missing = {choice.key: choice.missing for choice in choices}
    columns = tuple(
        PlanColumn(
            found[field.key].index,
            field.key,
            FieldType(field.type),
            missing.get(field.key, found[field.key].missing),
            field.required,
            field.enum,
            field.minimum,
            field.maximum,
            field.pattern,
        )
        for field in fields
        if field.key in found
    )
    if not columns:
        raise Invalid("No column of this file has the name of a field of this dataset. Compare the first lines.")
    return ImportPlan(inspection.dialect, tuple(c.label for c in inspection.columns), columns)


def _chosen(inspection: Inspection, choices: Sequence[Choice]) -> tuple[list[Field], ImportPlan]:
    """The fields of a new dataset, and the plan that fills them."""
    by_key = {choice.key: choice for choice in choices}
    if set(by_key) != {column.key for column in inspection.columns}:
        raise Invalid("The columns do not belong to this file. Choose the file again.")
    fields = [
        Field(column.key, column.label, by_key[column.key].type, by_key[column.key].required, (), None, None, None)
        for column in inspection.columns
    ]
    return fields, _fitted(inspection, [replace(f, label=f.label or f.key) for f in fields], choices)


def _field(schema: Schema, field: Field, position: int) -> SchemaField:
    return SchemaField(
        schema_id=schema.id,
        version=1,
        key=field.key,
        team_id=schema.team_id,
        label=field.label or field.key,
        type=field.type,
        required=field.required,
        position=position,
    )


async def _in_order(work: Work, *groups: Sequence[Any]) -> None:
    """Insert what refers to each other; models know no relations, so the order is said here."""
    for group in groups:
        work.implied(*group)
        await work.flush()


async def _submit(work: Work, dataset: Dataset, upload: Upload, plan: ImportPlan, *, skip_bad: bool) -> Import:
    import_ = Import(
        id=uuid7(),
        team_id=dataset.team_id,
        dataset_id=dataset.id,
        filename=upload.name,
        file_id=upload.id,
        size_bytes=upload.bytes,
        sha256=bytes.fromhex(upload.sha256),
        skip_bad=skip_bad,
        plan=dump(plan),
        created_by=work.who.id,
    )
    work.add(import_)
    work.record(Action.IMPORT_STARTED, import_, detail={"dataset": dataset.name, "bytes": upload.bytes})
    await work.flush()
    job = await job_queue.submit(
        work,
        DATASET_IMPORT,
        team_id=dataset.team_id,
        created_by=work.who.id,
        import_id=str(import_.id),
        file=upload.name,
        dataset=dataset.name,
    )
    import_.job_id = job.id
    work.notify(topic, dataset.id)
    return import_


def _take(store: Store, upload_id: UUID) -> None:
    """The file belongs to its import now: without its facts it is no upload any more."""
    store.facts(upload_id).unlink(missing_ok=True)


async def _head(work: Work, import_id: UUID) -> Any:  # noqa: ANN401 - a row of the list
    head = await imports_table.head(work, import_id)
    if head is None or head.status == ImportStatus.DELETED:
        raise NotFound("This import does not exist, or you may not see it.")
    return head
