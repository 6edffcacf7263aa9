"""What is left of an import that ended without success: nothing.

However it ended (refused, cancelled, cut off, failed too often, its worker lost each time), the job queue asks for this
job in the transaction that ends the import's own. It removes the rows in batches, each on its own, and may itself be
killed between any two.
"""

from typing import Any
from uuid import UUID

from app.job_queue.tasks import IMPORT_CLEANUP
from app.repositories import imports as imports_table
from app.topics import datasets as topic
from app.worker.context import JobContext
from app.worker.registry import runs


@runs(IMPORT_CLEANUP)
async def clean_up_import(ctx: JobContext, *, import_id: str, **_: Any) -> dict[str, int]:  # noqa: ANN401 - words for people
    """Remove the rows that the import loaded out of sight, then close it. One that was retried meanwhile, or is being
    deleted, looks after its rows by itself.
    """
    done = 0
    while True:
        async with ctx.keeping("import: clean up") as work:
            ended = await imports_table.lock_ended(work, UUID(import_id))
            if ended is None:
                break
            gone = await imports_table.remove_staged(work, ended.number, ended.next_position, import_id=UUID(import_id))
            if not gone:
                await imports_table.close(work, UUID(import_id), ended)
                work.notify(topic, ended.dataset_id)
                break
        done += gone
        await ctx.progress(done, None, f"Removing: {done:,} rows")
    return {"rows": done}
