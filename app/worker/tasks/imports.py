"""What an import's job does: load the file chunk by chunk out of sight, then show it in one act.

Reading a file judges every row. The first bad one has the whole file checked before anything more is loaded, so that
the report and the choice between "skip" and "all or nothing" know everything; a file without one is read only once.
Every chunk's rows, counters and checkpoint commit together, at positions that nobody can see yet; a run that dies is
continued from the last chunk, nothing lost and nothing twice. The last transaction moves ``next_position`` and is the
recorded act. Whatever else an import comes to, a job of its own (``import_cleanup``) removes what it had loaded.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from app import clock, job_queue
from app.database import writing
from app.errors import Invalid, NotFound
from app.job_queue.tasks import DATASET_IMPORT, IMPORT_DELETE
from app.models import Action, Dataset, DatasetCount, Import, ImportStatus, RowStatus
from app.permissions import Permission
from app.repositories import datasets as datasets_table
from app.repositories import imports as imports_table
from app.tabular.plan import Chunk, ImportPlan, Place, Report, dump, load
from app.tabular.reading import check, read_chunks
from app.topics import datasets as topic
from app.worker.context import JobContext
from app.worker.registry import runs
from app.worker.tasks.refusals import give_up_made

CHECKED_SHARE = 25
"""Percent of the progress bar that checking takes, in a file with bad rows; loading takes the rest."""


@dataclass(frozen=True, slots=True)
class _Job:
    """What a run works with, read once at its beginning."""

    ctx: JobContext
    import_id: UUID
    dataset_id: UUID
    number: int
    schema_version: int
    first: int
    plan: ImportPlan
    skip_bad: bool
    path: Path
    errors: Path
    scratch: Path


@runs(DATASET_IMPORT)
async def import_file(ctx: JobContext, *, import_id: str, **_: Any) -> None:  # noqa: ANN401 - words for people
    """Load the file of an import."""
    job, state = await _begin(ctx, UUID(import_id))
    try:
        await _load(job, state)
    except Invalid:
        async with ctx.keeping("import: refused") as work:
            await imports_table.update_progress(work, job.import_id, status=ImportStatus.REFUSED)
        await give_up_made(ctx, job.import_id)
        raise


async def _begin(ctx: JobContext, import_id: UUID) -> tuple[_Job, dict[str, Any]]:
    async with ctx.keeping("import: begin") as work:
        import_ = await work.get(Import, import_id)
        dataset = await work.get(Dataset, import_.dataset_id)
        # Out of sight begins here, and moves only by this import: no other runs in the dataset meanwhile. Where an
        # earlier run of it began does not count: what other imports brought since may lie there.
        first = dataset.next_position
        started = import_.started_at or clock.now()
        await imports_table.update_progress(
            work, import_id, status=ImportStatus.LOADING, first_position=first, started_at=started, finished_at=None
        )
        work.notify(topic, dataset.id)
        version = await datasets_table.current_version(work, dataset.schema_id)
    folder = ctx.data_dir / "uploads"
    job = _Job(
        ctx,
        import_id,
        dataset.id,
        dataset.number,
        version,
        first,
        load(ImportPlan, import_.plan),
        import_.skip_bad,
        folder / f"{import_.file_id}.data",
        folder / f"{import_id}.errors.csv",
        folder,
    )
    (folder / f"{import_.file_id}.json").unlink(missing_ok=True)
    return job, await _state(job)


async def _state(job: _Job) -> dict[str, Any]:
    """Where to go on. The rows themselves decide: unless exactly those that the checkpoint speaks of are there, and
    nobody else's leftovers, everything out of sight is removed and the import begins anew.
    """
    state = job.ctx.checkpoint or {}
    good = state.get("place", {}).get("good", 0)
    async with job.ctx.keeping("import: resume") as work:
        mine, others = await imports_table.count_unseen(work, job.number, job.first, job.import_id)
    if (mine, others) == (good, 0):
        return state
    await remove_unseen(job.ctx, job.number, job.first)
    return {}


async def _check(job: _Job, percent: float) -> dict[str, int]:
    """Read the whole file by the rules; keep what is wrong for the screen. ``percent`` is what the bar shows by now."""
    ctx = job.ctx

    async def told(chunk: Chunk) -> None:
        done = chunk.place.good + chunk.place.bad
        await _tell(ctx, done, max(percent, CHECKED_SHARE * chunk.fraction), "Checking the file")

    async with ctx.keeping("import: check") as work:
        await imports_table.update_progress(work, job.import_id, status=ImportStatus.CHECKING)
        work.notify(topic, job.dataset_id)
    report = await check(job.path, job.plan, scratch=job.scratch, error_file=job.errors, told=told)
    async with ctx.keeping("import: checked") as work:
        await imports_table.keep_issues(work, job.import_id, ctx.team_id, report.errors)
        groups = [{"field": g.field, "code": g.code.value, "count": g.count} for g in report.groups]
        await imports_table.update_progress(
            work, job.import_id, rows_bad=report.bad, error_groups=groups, status=ImportStatus.LOADING
        )
        work.notify(topic, job.dataset_id)
    if not report.bad:
        job.errors.unlink(missing_ok=True)
    _refuse(report, skip_bad=job.skip_bad)
    return {"good": report.good, "bad": report.bad}


def _refuse(report: Report, *, skip_bad: bool) -> None:
    if report.stopped:
        raise Invalid(
            f"Nothing was loaded: {report.bad:,} of the first {report.good + report.bad:,} rows do not fit. "
            "Correct the types of the columns and try again."
        )
    if report.bad and not skip_bad:
        raise Invalid(f"Nothing was loaded: {report.bad:,} rows do not fit, and you chose all or nothing.")
    if not report.good:
        raise Invalid("Nothing was loaded: the file has no row that fits.")


async def _load(job: _Job, state: dict[str, Any]) -> None:
    """Load the good rows from the checkpoint on; the last chunk is followed by the act that shows them."""
    place = load(Place, state["place"]) if "place" in state else Place()
    percent = 0.0
    async with aclosing(read_chunks(job.path, job.plan, scratch=job.scratch, start=place)) as chunks:
        async for chunk in chunks:
            if chunk.bad and "checked" not in state:
                state = {**state, "checked": await _check(job, percent)}
                await job.ctx.save(state)
            state = {**state, "place": dump(chunk.place)}
            await _load_chunk(job, chunk, place.good, state)
            place = chunk.place
            low = CHECKED_SHARE if "checked" in state else 0
            percent = low + (100 - low) * chunk.fraction
            total = state["checked"]["good"] if "checked" in state else None
            await _tell(job.ctx, place.good, percent, "Loading rows", total)
    _refuse(Report(place.good, place.bad), skip_bad=True)
    await _show(job, place)


async def _load_chunk(job: _Job, chunk: Chunk, before: int, state: dict[str, Any]) -> None:
    """The chunk's rows and the checkpoint behind it, in one transaction; ``before`` counts the rows loaded so far."""
    ctx = job.ctx
    async with ctx.keeping("import: load") as work:
        if chunk.good:
            await imports_table.load_rows(
                work,
                chunk.rows,
                number=job.number,
                team_id=ctx.team_id,
                first=job.first + before,
                schema_version=job.schema_version,
                import_id=job.import_id,
            )
        await imports_table.update_progress(work, job.import_id, rows_good=chunk.place.good)
        await ctx.save_in(work, state)


async def _show(job: _Job, place: Place) -> None:
    """The one act of the import: everything loaded becomes visible, is counted and recorded, and the job ends."""
    ctx = job.ctx
    async with writing(ctx.actor, Permission.IMPORTS_RUN) as work:
        dataset = await work.get(Dataset, job.dataset_id, lock=True)
        import_ = await work.get(Import, job.import_id, lock=True)
        dataset.next_position = job.first + place.good
        dataset.updated_at = import_.finished_at = clock.now()
        import_.status, import_.rows_good = ImportStatus.SUCCEEDED, place.good
        await datasets_table.add_to_counts(work, job.number, ctx.team_id, RowStatus.PENDING, place.good)
        work.record(
            Action.IMPORT_FINISHED, import_, detail={"rows": place.good, "bad": place.bad, "dataset": dataset.name}
        )
        work.implied(dataset, DatasetCount)
        await job_queue.finish_in(work, ctx.run, {"rows": place.good, "bad": place.bad})
        work.notify(topic, dataset.id, "imported")
        work.after_commit(partial(asyncio.to_thread, job.path.unlink, missing_ok=True))


async def remove_unseen(ctx: JobContext, number: int, first: int) -> None:
    """Remove rows that were loaded out of sight; no counter ever counted them."""
    gone = 1
    while gone:
        async with ctx.keeping("rows: remove unseen") as work:
            gone = await imports_table.remove_staged(work, number, first)


async def _tell(ctx: JobContext, done: int, percent: float, verb: str, total: int | None = None) -> None:
    of = f" of {total:,}" if total else ""
    await ctx.progress(done, total, f"{verb}: {done:,}{of} rows", percent=int(percent))


@runs(IMPORT_DELETE)
async def delete_import(ctx: JobContext, *, import_id: str, **_: Any) -> None:  # noqa: ANN401 - words for people
    """Remove the rows of a deleted import, in batches."""
    async with ctx.keeping("import: delete") as work:
        try:
            import_ = await work.get(Import, UUID(import_id))
        except NotFound:  # its dataset was deleted meanwhile
            return
        if import_.status != ImportStatus.DELETING:
            return
        dataset = await work.get(Dataset, import_.dataset_id)
    first = import_.first_position
    if first is not None and first < dataset.next_position:
        await remove_rows(ctx, dataset.number, first, first + import_.rows_good, _shrink(import_))
    else:
        await remove_unseen(ctx, dataset.number, dataset.next_position)
    async with ctx.keeping("import: deleted") as work:
        await imports_table.update_progress(work, import_.id, status=ImportStatus.DELETED)
        await job_queue.finish_in(work, ctx.run, {})
        work.notify(topic, dataset.id)
    remove_files(ctx, [(import_.id, import_.file_id)])


def remove_files(ctx: JobContext, imports: Iterable[tuple[UUID, UUID]]) -> None:
    """Remove what lies on disk for these imports, by (import, file)."""
    for import_id, file_id in imports:
        for name in (f"{file_id}.data", f"{file_id}.json", f"{import_id}.errors.csv"):
            (ctx.data_dir / "uploads" / name).unlink(missing_ok=True)


Shrunk = Callable[[Any, int], Awaitable[None]]


def _shrink(import_: Import) -> Shrunk:
    """Keep the import's range true while its rows go: the grid finds rows by these ranges."""

    async def shrunk(work: Any, gone: int) -> None:  # noqa: ANN401 - a Work
        import_.first_position = (import_.first_position or 0) + gone
        import_.rows_good -= gone
        await imports_table.update_progress(
            work, import_.id, first_position=import_.first_position, rows_good=import_.rows_good
        )

    return shrunk


async def remove_rows(ctx: JobContext, number: int, first: int, stop: int, shrunk: Shrunk | None = None) -> None:
    """Remove visible rows in batches, each with its counters in one transaction."""
    done, total = 0, max(stop - first, 1)
    while True:
        async with ctx.keeping("rows: remove") as work:
            gone = await imports_table.remove_range(work, number, first, stop)
            for status, n in gone.items():
                await datasets_table.add_to_counts(work, number, ctx.team_id, status, -n)
            if shrunk is not None and gone:
                await shrunk(work, sum(gone.values()))
        if not gone:
            return
        done += sum(gone.values())
        await ctx.progress(done, total, f"Removing: {done:,} rows", percent=int(100 * done / total))
