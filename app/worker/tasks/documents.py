"""What the jobs of documents do: put a customer's document together, page by page, and keep it as a text file."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

from app.documents import drafts
from app.job_queue.tasks import DOCUMENT_GENERATE
from app.storage.documents import document_file
from app.worker.context import JobContext
from app.worker.registry import runs


@runs(DOCUMENT_GENERATE)
async def generate_document(
    ctx: JobContext,
    *,
    template: str,
    title: str,
    language: str,
    pages: int,
    **_: Any,  # noqa: ANN401 - words for people
) -> dict[str, Any]:
    """Make the draft that was ordered. Doing it again makes the same file again, so a lost run leaves no trace."""
    draft = drafts.ordered(template, title, language, pages)
    texts: list[str] = []
    for text in draft.texts():
        texts.append(text)
        await ctx.progress(len(texts), draft.pages, f"Writing pages: {len(texts)} of {draft.pages}")
    text = "".join(texts)
    await asyncio.to_thread(keep, ctx.data_dir, ctx.job_id, text)
    return result(draft, text)


def result(draft: drafts.Draft, text: str) -> dict[str, Any]:
    """What the job's page says about a document."""
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return {"pages": draft.pages, "words": len(text.split()), "sha256": sha256}


def keep(data_dir: Path, job_id: UUID, text: str) -> None:
    """Write the whole file, or nothing."""
    file = document_file(data_dir, job_id)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)
