"""Imports of a dataset, and one import: live progress, result, what was wrong in the file."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from app import clock, topics
from app.errors import NotFound
from app.models import DatasetStatus, ImportStatus, JobStatus
from app.paging import PageRequest
from app.permissions import Permission
from app.services import datasets, imports, jobs
from app.services.imports import ImportView
from app.storage.cleanup import REFUSED_KEPT
from components.forms.dialogs import ask_reason
from components.lists.columns import BytesColumn, NumberColumn, StatusColumn, TextColumn, TimeColumn
from components.lists.downloads import Download, Export
from components.lists.filters import TextFilter
from components.lists.table import DataTable, Empty
from components.page import frame
from components.page.ids import record_id
from components.page.live import Live
from components.page.screen import View, screen
from components.page.toasts import done
from components.records.blocks import Action, Fact, Facts, Note, PageHead, Progress, Step, Timeline
from components.records.pace import Pace
from pages.shared.audit_timeline import happened
from pages.shared.labels import CORRECT, IMPORT, plural

_LEAVING = {ImportStatus.DELETING, ImportStatus.DELETED}
_ENDED = {ImportStatus.SUCCEEDED, ImportStatus.REFUSED, ImportStatus.FAILED, ImportStatus.CANCELLED}


@screen("/datasets/{id}/imports", title="Imports", needs=Permission.DATASETS_READ)
async def imports_screen(view: View) -> None:
    """Every file that came, or tried to come, into a dataset."""
    dataset = await datasets.get(view.actor, record_id(view.params["id"]))
    PageHead(
        "Imports",
        trail=[("Datasets", "/datasets"), (dataset.name, f"/datasets/{dataset.id}")],
        sub=dataset.name,
        actions=[
            Action("Import", opens=f"/datasets/{dataset.id}/import", needs=Permission.IMPORTS_RUN, main=True),
        ],
    )

    async def load(request: PageRequest) -> Any:  # noqa: ANN401 - a page of imports
        mine = PageRequest({"dataset": (str(dataset.id),)}, cursor=request.cursor, size=request.size)
        return await imports.search(view.actor, mine)

    DataTable(
        "Imports",
        load=load,
        columns=[
            TextColumn("filename", label="File", opens="/imports/{id}", card=True),
            StatusColumn("status", shows=IMPORT, card=True),
            NumberColumn("rows_good", label="Rows", card=True),
            NumberColumn("rows_bad", label="Bad rows"),
            BytesColumn("size_bytes", label="Size"),
            TimeColumn("created_at"),
        ],
        live=topics.datasets,
        export=Export("imports", {"dataset": str(dataset.id)}),
        empty=Empty("No imports yet", "Import a CSV or TSV file into this dataset."),
    )


@screen("/imports/{id}", title="Import", needs=Permission.DATASETS_READ)
async def import_screen(view: View) -> None:
    """One import, live until it has ended."""
    import_id = record_id(view.params["id"])
    seen = await imports.get(view.actor, import_id)
    history = await happened(view, "import", import_id)
    head = seen.head
    dataset = [(head.dataset, f"/datasets/{head.dataset_id}")] if _is_shown(head) else []
    page_head = PageHead(
        head.filename,
        trail=[("Datasets", "/datasets"), *dataset],
        status=IMPORT[head.status],
        id=head.id,
        actions=_actions(view, seen),
    )
    pace = Pace()
    progress = None
    if head.status in _LEAVING:
        Note("Its rows are being removed", "The import disappears from here as soon as the last one is gone.")
    elif head.status in _ENDED:
        _result(seen)
    else:
        progress = Progress(_step(seen, pace), label="Import")
    facts = Facts(_facts(seen), title="About this import")
    if head.rows_bad:
        _bad_rows(view, seen)
    if history is not None:
        Timeline(history, title="What happened")

    async def again() -> None:
        try:
            now = await imports.get(view.actor, import_id)
        except NotFound:  # its last rows have just been removed
            frame.navigate(f"/datasets/{head.dataset_id}/imports" if _is_shown(head) else "/datasets")
            return
        if now.head.status != head.status:
            await frame.redraw()
            return
        page_head.update_head(status=IMPORT[now.head.status])
        facts.replace(_facts(now))
        if progress is not None:
            progress.replace(_step(now, pace))

    if head.status not in _ENDED:
        Live(topics.jobs, again, about=head.job_id)
        Live(topics.datasets, again, about=head.dataset_id)


def _actions(view: View, seen: ImportView) -> list[Action]:
    head, job = seen.head, seen.job
    acts = _Acts(view, seen)
    ended_badly = head.status in {ImportStatus.FAILED, ImportStatus.CANCELLED}
    offered = [
        (head.job_id is not None, Action("Job", opens=f"/jobs/{head.job_id}")),
        (job and job.can_cancel, Action("Cancel import", acts.cancel, needs=Permission.JOBS_CANCEL)),
        (
            head.status == ImportStatus.REFUSED and _is_kept(head),
            Action(CORRECT, opens=f"/imports/{head.id}/correct", needs=Permission.IMPORTS_RUN, main=True),
        ),
        (
            ended_badly and job and job.can_retry,
            Action("Retry import", acts.retry, needs=Permission.JOBS_RETRY, main=True),
        ),
        (
            head.status == ImportStatus.SUCCEEDED,
            Action("Open the dataset", opens=f"/datasets/{head.dataset_id}", main=True),
        ),
        (
            head.status in _ENDED,
            Action("Delete import", acts.delete, needs=Permission.IMPORTS_DELETE, danger=True),
        ),
    ]
    return [action for fits, action in offered if fits]


@dataclass(frozen=True)
class _Acts:
    """What a person can do to the import on screen."""

    view: View
    seen: ImportView

    async def cancel(self) -> None:
        """Ask it to stop."""
        head, job = self.seen.head, self.seen.job
        plan = ["What was loaded so far is removed again; nobody has seen it."]
        title = f"Cancel the import of {head.filename}?"
        reason = await ask_reason(title, submit="Cancel import", plan=plan, danger=True)
        if reason is not None and job is not None:
            await jobs.cancel(self.view.actor, job.id, reason)
            done("The import stops at its next step.")
            await frame.redraw()

    async def retry(self) -> None:
        """Put its job back in the queue."""
        job = self.seen.job
        reason = await ask_reason(f"Retry the import of {self.seen.head.filename}?", submit="Retry import")
        if reason is not None and job is not None:
            await jobs.retry(self.view.actor, job.id, reason)
            done("The import is queued again.")
            await frame.redraw()

    async def delete(self) -> None:
        """Delete it with its rows."""
        head = self.seen.head
        rows = plural(head.rows_good, "row") if head.status == ImportStatus.SUCCEEDED else "No visible row"
        plan = [f"{rows} of {head.dataset} will be removed. This cannot be undone."]
        title = f"Delete the import of {head.filename}?"
        reason = await ask_reason(title, submit="Delete import", plan=plan, danger=True)
        if reason is not None:
            await imports.delete(self.view.actor, head.id, reason)
            done("The import is being deleted.")
            frame.navigate(f"/datasets/{head.dataset_id}/imports" if _is_shown(head) else "/datasets")


def _is_shown(head: Any) -> bool:  # noqa: ANN401 - an import, as the list has it
    """Whether its dataset is there: one that came into being with a refused import is not."""
    return bool(head.dataset_status == DatasetStatus.ACTIVE)


def _is_kept(head: Any) -> bool:  # noqa: ANN401 - an import, as the list has it
    return bool(head.finished_at and clock.now() < head.finished_at + REFUSED_KEPT)


def _step(seen: ImportView, pace: Pace) -> Step:
    """Where the job is: rows, and as far as this page has seen it move, rate and time left."""
    job = seen.job
    if job is None or job.status == JobStatus.QUEUED:
        return Step("Waiting for a worker", state="waiting")
    if job.cancel_requested_at is not None and job.status == JobStatus.RUNNING:
        return Step("Asked to stop; stops at its next step", state="waiting")
    fraction = job.progress / 100
    words = job.progress_text.partition(":")[0] or "Starting"
    rate, left = pace.see((job.epoch, words), clock.now(), job.progress_done, fraction)
    facts = [("Bad rows", f"{seen.head.rows_bad:,}")]
    return Step(words, job.progress_done, job.progress_total, rate=rate, left=left, fraction=fraction, facts=facts)


def _result(seen: ImportView) -> None:
    head, job = seen.head, seen.job
    match ImportStatus(head.status):
        case ImportStatus.SUCCEEDED:
            seconds = (head.finished_at - head.started_at).total_seconds()
            bad = f" {plural(head.rows_bad, 'bad row')} left out." if head.rows_bad else ""
            Note(
                f"{plural(head.rows_good, 'row')} imported",
                f"In {seconds:.1f} s, {head.rows_good / max(seconds, 0.1):,.0f} rows per second.{bad}",
                link="Open the dataset",
                opens=f"/datasets/{head.dataset_id}",
            )
        case ImportStatus.CANCELLED:
            Note("The import was cancelled", "Nothing of it was kept. It can be retried from the beginning.")
        case ImportStatus.REFUSED:
            words = job.error if job is not None and job.error else "The file did not fit."
            days = plural(REFUSED_KEPT.days, "day")
            kept = f" The file is kept for {days}: nobody has to send it again." if _is_kept(head) else ""
            left = " No dataset was made." if head.made_dataset and not _is_shown(head) else ""
            Note("Nothing was imported", f"{words}{left}{kept}")
        case _:
            words = job.error if job is not None and job.error else "The import ended early."
            Note("Nothing was imported", words)


def _facts(seen: ImportView) -> list[Fact]:
    head = seen.head
    return [
        Fact("Dataset", head.dataset, opens=f"/datasets/{head.dataset_id}" if _is_shown(head) else ""),
        Fact("Team", head.team),
        Fact("Rows imported", head.rows_good if head.status == ImportStatus.SUCCEEDED else 0, "number"),
        Fact("Bad rows", head.rows_bad, "number"),
        Fact("Bad rows are", "left out" if head.skip_bad else "a reason to import nothing"),
        Fact("Size", head.size_bytes, "bytes"),
        Fact("SHA-256", head.sha256.hex()),
        Fact("Started by", seen.started_by or None),
        Fact("Created", head.created_at, "time"),
        Fact("Ended", head.finished_at, "time"),
    ]


def _group(group: Any) -> Fact:  # noqa: ANN401 - a JSON object
    words = f"{group['field'] or 'whole row'}: {group['code'].replace('_', ' ')}"
    return Fact(words, group["count"], "number")


def _bad_rows(view: View, seen: ImportView) -> None:
    head = seen.head
    Facts([_group(group) for group in head.error_groups[:12]], title="What was wrong")
    Download("Download all bad rows", f"/api/imports/{head.id}/errors.csv", f"{head.filename}-errors.csv")
    DataTable(
        "Bad rows",
        load=partial(imports.issues, view.actor, head.id),
        columns=[
            NumberColumn("line", card=True),
            TextColumn("field", card=True),
            TextColumn("message", wide=True, card=True),
            TextColumn("raw", label="Value", quiet=True),
        ],
        filters=[TextFilter("field")],
        empty=Empty("No bad rows", "Every row of the file fits."),
    )
