"""What the jobs of the audit log do: write the entries of a filter into a file, to be taken away and verified."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Self

from app.database import Work, reading
from app.job_queue.tasks import AUDIT_EXPORT
from app.paging import PageRequest, Sort
from app.permissions import Permission
from app.repositories import audit as audit_table
from app.repositories import exports
from app.seals import exporting, keys
from app.storage import audit_exports
from app.worker.context import JobContext
from app.worker.registry import runs

MOST = 1_000_000
"""Entries of a file; who needs more takes it in parts, by time."""
TIMEOUT = 1_800.0
_PIECE = 1 << 20


@runs(AUDIT_EXPORT)
async def export_entries(
    ctx: JobContext,
    *,
    format: str,  # noqa: A002 - the word of the input
    filters: Mapping[str, Sequence[str]],
    search: str,
    oldest_first: bool,
    exact: bool = False,
    **_: Any,  # noqa: ANN401 - words for people
) -> dict[str, Any]:
    """Write the file whole, or leave none. Doing it again writes it again. ``exact``: words find nothing personal."""
    asked = {name: tuple(values) for name, values in filters.items()}
    sort = Sort("id", descending=not oldest_first)
    request = PageRequest(MappingProxyType(asked), search=search, sort=sort, exact=exact)
    target = audit_exports.path(ctx.data_dir, ctx.job_id, format)
    with _Unfinished(target) as file:
        async with reading(ctx.actor, Permission.AUDIT_READ, timeout=TIMEOUT) as work:
            write = _csv if format == "csv" else _jsonl
            entries = await write(ctx, work, request, file)
        await file.flush()
    return {"entries": entries, "cut": entries == MOST, "bytes": file.size, "sha256": file.sha256.hexdigest()}


async def _jsonl(ctx: JobContext, work: Work, request: PageRequest, file: "_Unfinished") -> int:
    ids = await audit_table.numbers(work, request, MOST)
    written = 0
    async for line in _told(ctx, work, ids):
        await file.take(line)
        written += 1
        if written % 1000 == 0:
            await ctx.progress(min(written, len(ids)), len(ids), "Writing entries")
    return len(ids)


def _told(ctx: JobContext, work: Work, ids: Sequence[int]) -> AsyncIterator[bytes]:
    return exporting.lines(work, ids, keys.of_settings(ctx.settings).signer)


async def _csv(ctx: JobContext, work: Work, request: PageRequest, file: "_Unfinished") -> int:
    query = audit_table.matching(request, limited=work.who.team_ids is not None)

    async def take(data: bytes) -> None:
        await file.take(data)
        await ctx.progress(file.size, None, "Writing bytes")

    return await exports.copy(work, query, audit_table.LISTING, audit_table.EXPORT, request, take, most=MOST)


@dataclass(eq=False)
class _Unfinished:
    """A file on its way: it gets its name when it is whole. Large pieces go to the disk in a thread."""

    target: Path
    size: int = 0
    sha256: Any = field(default_factory=hashlib.sha256)
    _held: bytearray = field(default_factory=bytearray)
    _open: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self.target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._open = self._part.open("wb")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._open is not None:
            self._open.close()
        if kind is None:
            self._part.replace(self.target)
        else:
            self._part.unlink(missing_ok=True)

    @property
    def _part(self) -> Path:
        return self.target.with_suffix(".part")

    async def take(self, data: bytes) -> None:
        """Add to it."""
        self._held += data
        if len(self._held) >= _PIECE:
            await self.flush()

    async def flush(self) -> None:
        """Send what is held to the disk."""
        full, self._held = bytes(self._held), bytearray()
        self.size += len(full)
        await asyncio.to_thread(self._write, full)

    def _write(self, full: bytes) -> None:
        if self._open is not None:
            self.sha256.update(full)
            self._open.write(full)
