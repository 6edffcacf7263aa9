"""CSV of any list, as its filters, search and order leave it: written whole, recorded, and only then handed out."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from app import clock
from app.actor import Actor
from app.database import Subject, Who, reading, writing
from app.errors import NotFound, Unavailable
from app.models import Action
from app.paging import PageRequest
from app.permissions import Permission
from app.repositories import audit, datasets, exports, filters, imports, jobs, payments, staff, teams, users
from app.repositories.keyset import Listing, Query

TIMEOUT = 30.0
"""Seconds that the database may take for the largest file."""
BUFFER = 1 << 20
_SPARE = 256 << 20
# Without this mark, Excel reads UTF-8 as the old encoding of its country.
_MARK = b"\xef\xbb\xbf"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class List:
    """A list that can be taken away. ``matching`` makes its question; ``matching_limited`` the faster one, if there is
    any, for people who see only some teams. Whose rows they get, the database decides in either.
    """

    label: str
    needs: Permission
    listing: Listing
    columns: Mapping[str, Any]
    matching: Callable[[PageRequest], Query]
    matching_limited: Callable[[PageRequest], Query] | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that nobody else can open: it has no name on the disk, and is gone once closed, or with the process.

    ``name`` is what the person's machine shall call it; ``cut``: more matched than a file takes.
    """

    file: IO[bytes]
    name: str
    rows: int
    bytes: int
    cut: bool


_P = Permission
LISTS: Mapping[str, List] = MappingProxyType(
    {
        "users": List(
            *("Users", _P.USERS_READ, users.LISTING, users.EXPORT, users.matching),
            partial(users.matching, limited=True),
        ),
        "teams": List("Teams", _P.TEAMS_READ, teams.LISTING, teams.EXPORT, teams.matching),
        "payments": List("Payments", _P.PAYMENTS_READ, payments.LISTING, payments.EXPORT, payments.matching),
        "datasets": List("Datasets", _P.DATASETS_READ, datasets.LISTING, datasets.EXPORT, datasets.matching),
        "imports": List("Imports", _P.DATASETS_READ, imports.LISTING, imports.EXPORT, imports.matching),
        "jobs": List(
            *("Jobs", _P.JOBS_READ, jobs.LISTING, jobs.EXPORT, jobs.matching),
            partial(jobs.matching, limited=True),
        ),
        "staff": List("Staff", _P.STAFF_READ, staff.LISTING, staff.EXPORT, staff.matching),
        "audit": List(
            *("Audit log", _P.AUDIT_READ, audit.LISTING, audit.EXPORT, audit.matching),
            partial(audit.matching, limited=True),
        ),
    }
)
"""What can be exported, by the name in the address."""


async def export(actor: Actor, folder: Path, name: str, request: PageRequest) -> Exported:
    """Write what matches into a file without a name in ``folder``, and record that it was taken away.

    The caller closes the file.

    Raises:
        NotFound: there is no such list.
        TooSlow: the question ran into :data:`TIMEOUT`.
        Unavailable: the disk is full.
    """
    if name not in LISTS:
        raise NotFound("There is no such list.")
    wanted = LISTS[name]
    async with reading(actor, wanted.needs):
        pass  # who may not see the list is refused here, and the log tells which right was missing
    with ExitStack() as opened:
        file = opened.enter_context(await asyncio.to_thread(_blank, folder))
        pieces = _Pieces(file)
        async with writing(actor, Permission.LISTS_EXPORT, timeout=TIMEOUT) as work:
            limited, request = work.who.team_ids is not None, filters.allowed(work, request)
            ask = wanted.matching_limited if limited and wanted.matching_limited else wanted.matching
            query = ask(request)
            rows = await exports.copy(work, query, wanted.listing, wanted.columns, request, pieces.take)
            await pieces.flush()
            cut = rows == exports.MOST_ROWS and await exports.has_more(work, query, wanted.listing, request)
            subject = Subject("list", name, wanted.label, _only_team(work.who))
            work.record(Action.LIST_EXPORTED, subject, detail={"rows": rows, **_asked(request, cut=cut)})
        opened.pop_all()
    log.info("Exported %s: %s rows, %s bytes%s", name, rows, pieces.bytes, ", more matched" if cut else "")
    return Exported(file, _file_name(name, cut=cut), rows, pieces.bytes, cut)


class _Pieces:
    """Takes the file in. Large pieces go to the disk in a thread, so that the event loop never waits for it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._held = bytearray(_MARK)
        self.bytes = 0

    async def take(self, data: bytes) -> None:
        self._held += data
        if len(self._held) >= BUFFER:
            await self.flush()

    async def flush(self) -> None:
        full, self._held = self._held, bytearray()
        self.bytes += len(full)
        try:
            await asyncio.to_thread(self._write, full)
        except OSError as problem:
            raise _no_room() from problem

    def _write(self, data: bytearray) -> None:
        self._file.write(data)
        self._file.flush()


def _blank(folder: Path) -> IO[bytes]:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if shutil.disk_usage(folder).free < _SPARE:
            raise _no_room()
        return tempfile.TemporaryFile(dir=folder)
    except OSError as problem:
        raise _no_room() from problem


def _no_room() -> Unavailable:
    return Unavailable("The file could not be written: the disk does not take it. Tell an administrator.")


def _only_team(who: Who) -> Any:  # noqa: ANN401 - a team's id or None
    """Whose entry it is: of the only team that somebody sees, else of the console."""
    return who.team_ids[0] if who.team_ids is not None and len(who.team_ids) == 1 else None


def _asked(request: PageRequest, *, cut: bool) -> dict[str, Any]:
    """What left the rows that were taken away, for the log."""
    asked = {
        "filters": {name: ", ".join(values) for name, values in request.filters.items()},
        "search": request.search,
        "sort": request.sort.encode() if request.sort else "",
        "more_matched": cut,
    }
    return {key: value for key, value in asked.items() if value}


def _file_name(name: str, *, cut: bool) -> str:
    part = f"-first-{exports.MOST_ROWS}" if cut else ""
    return f"{name}-{clock.now():%Y-%m-%d}{part}.csv"
