"""Whether the audit log can be believed, for the people who read it. Sealing and verifying is the worker's."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO

from app import clock
from app.actor import Actor
from app.crypto.signing import Signer
from app.database import Subject, reading, writing
from app.errors import NotFound
from app.models import Action
from app.permissions import Permission
from app.repositories import seals as seals_table
from app.seals import exporting
from app.seals.damage import Problem, of_json

PATIENCE = timedelta(seconds=60)
"""How long an entry may wait to be sealed before somebody should look at it: a long transaction holds sealing up."""
_THE_LOG = Subject("audit_log", "audit_log", "the audit log")


@dataclass(frozen=True, slots=True)
class SealState:
    """How far the log was verified, when, and what was found."""

    up_to: int | None
    """The newest entry whose seal was looked at; None: none yet."""
    verified_at: datetime | None
    sealed: int
    """Entries that are sealed."""
    unsealed_for: timedelta
    """How long the oldest entry has waited to be sealed; zero when none waits."""
    problems: tuple[Problem, ...]
    checking: bool
    """Somebody asked to have the whole log verified, and that has not ended."""

    @property
    def is_good(self) -> bool:
        """Nothing is wrong, as far as anybody has looked."""
        return not self.problems

    @property
    def is_late(self) -> bool:
        """Entries wait longer to be sealed than they should."""
        return self.unsealed_for > PATIENCE


async def state(actor: Actor) -> SealState:
    """How far the log was verified, for everybody who may read some of it."""
    async with reading(actor, Permission.AUDIT_READ) as work:
        row = await seals_table.state(work)
    waiting = clock.now() - row.waiting_since if row.waiting_since else timedelta(0)
    checking = row.asked_at is not None and (row.whole_at is None or row.whole_at < row.asked_at)
    problems = tuple(of_json(problem) for problem in row.problems)
    return SealState(row.up_to, row.verified_at, row.sealed, max(waiting, timedelta(0)), problems, checking)


async def prove(actor: Actor, entry: int) -> bytes:
    """A file (JSON lines) that shows of one entry that it is sealed as it is, to whoever has the public key."""
    async with reading(actor, Permission.AUDIT_READ) as work:
        found = await exporting.proof(work, entry)
    if not found:
        raise NotFound("This entry does not exist, or you may not see it.")
    return b"".join(found)


async def export(actor: Actor, file: BinaryIO, signer: Signer | None) -> None:
    """Write all entries in sight to a file that proves itself. Taking them away is recorded."""
    async with writing(actor, Permission.LISTS_EXPORT) as work:
        async for line in exporting.lines(work, await seals_table.numbers(work), signer):
            file.write(line)
        work.record(Action.LIST_EXPORTED, _THE_LOG, detail={"format": "jsonl"})


async def verify_now(actor: Actor) -> None:
    """Ask the workers to verify the whole log. The topic ``seals`` tells when that has ended; asking is recorded."""
    async with writing(actor, Permission.AUDIT_READ) as work:
        await seals_table.ask(work)
        work.record(Action.AUDIT_VERIFICATION_ASKED, _THE_LOG)
