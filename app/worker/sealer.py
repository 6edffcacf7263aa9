"""The worker's part in the audit log: it seals, keeps looking at what is sealed, leaves checkpoints outside the
database, and has the next months made.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import func, select

from app.config import Settings
from app.database import Work, keeping
from app.errors import AppError
from app.integrations import checkpoint_webhook
from app.seals import checkpoints, guards, partitions, sealing, state, verifying
from app.seals.checkpoints import Checkpoint
from app.seals.damage import Damage, Problem
from app.seals.keys import Keys, of_settings
from app.seals.verifying import Looked

SEAL_SECONDS = 1.0
LOOK_SECONDS = 10.0
CHECKPOINT_SECONDS = 60.0
MONTHS_SECONDS = 3_600.0
AT_A_TIME = 20_000
"""Old entries that are looked at again each time: a small part of what one processor can in ten seconds."""

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Sealer:
    """One worker's keeper of the log. Several may run: the database lets one of them seal, and one look, at a time."""

    settings: Settings
    keys: Keys = field(init=False)
    _seen: Checkpoint | None = field(default=None, init=False)
    """The newest seal that this worker knows of. What it denies is not sealed over."""

    def __post_init__(self) -> None:
        self.keys = of_settings(self.settings)

    @property
    def folder(self) -> Path:
        """Where checkpoints lie."""
        return self.settings.data_dir / "checkpoints"

    def loops(self, *, maintenance: bool) -> list[tuple[float, Callable[[], Awaitable[object]]]]:
        """What is to be done all the time: seconds between, and the act. Nothing where there is no key."""
        if self.keys.signer is None:
            return []
        acts: list[tuple[float, Callable[[], Awaitable[object]]]] = [
            (SEAL_SECONDS, self.seal),
            (LOOK_SECONDS, self.look),
            (CHECKPOINT_SECONDS, self.mark),
        ]
        return [*acts, (MONTHS_SECONDS, self.make_months)] if maintenance else acts

    async def seal(self) -> int:
        """Seal what is certain; returns how many entries. A log whose end was cut, or sealed anew, is left as it is:
        else we would sign what somebody made of it.
        """
        if (signer := self.keys.signer) is None:
            return 0
        known = self._seen or await asyncio.to_thread(self._latest)
        async with keeping("audit log: the last seal") as work:
            problems = await checkpoints.compared(await work.raw(), [known] if known else [], self.keys.public)
        if problems:
            log.error("The audit log is not sealed any more. %s", problems[0].sentence)
            return 0
        if sealed := await sealing.seal_all(signer):
            async with keeping("audit log: the last seal") as work:
                newest = await sealing.newest(await work.raw())
            self._seen = checkpoints.made_of(newest, signer) if newest else None
        return sealed

    async def look(self) -> bool:
        """Look at what guards the log, at the newest seals and at some older ones in turn; at all of them when somebody
        asked for it. False: another worker is at it.
        """
        async with keeping("audit log: one verifier at a time") as turn:
            if not await turn.scalar(_ALONE):
                return False
            async with keeping("audit log: verify") as work:
                before = await state.current(work)
            looked, check = await (self._all(before, turn) if before.is_asked else self._some(before))
            async with keeping("audit log: verified") as work:
                strays = await verifying.nowhere(work) if check.turn == 0 else _strays(before.problems)
                unguarded = await guards.compared_in(await work.raw())
                outside = [*unguarded, *strays, *await self._compared(work)]
                found = state.merged(() if before.is_asked else before.problems, looked, outside=outside)
                await state.keep(work, replace(check, problems=found), before)
            for problem in set(found) - set(before.problems):
                log.error("The audit log was tampered with, or damaged: %s", problem.sentence)
        return True

    async def _some(self, before: state.Check) -> tuple[list[Looked], state.Check]:
        fresh = await self._windows(before.seen + 1)
        seen = next((look.last for look in reversed(fresh) if look.last is not None), before.seen)
        older = await self._windows(before.turn) if before.turn <= before.seen else []
        turn = older[-1].last + 1 if older and older[-1].last is not None else 0
        up_to = max((look.up_to for look in fresh if look.up_to is not None), default=before.up_to)
        return [*fresh, *older], replace(before, seen=seen, turn=turn if turn <= seen else 0, up_to=up_to)

    async def _all(self, before: state.Check, turn: Work) -> tuple[list[Looked], state.Check]:
        looked = []
        async for look in verifying.whole(self.keys.public):
            looked.append(look)
            await turn.scalar(_STILL_HERE)
        seen = next((look.last for look in reversed(looked) if look.last is not None), -1)
        up_to = max((look.up_to for look in looked if look.up_to is not None), default=None)
        return looked, replace(before, seen=seen, turn=0, up_to=up_to, whole_at=before.asked_at)

    async def _windows(self, start: int) -> list[Looked]:
        found: list[Looked] = []
        while sum(look.entries for look in found) < AT_A_TIME:
            async with keeping("audit log: verify") as work:
                look = await verifying.look(work, self.keys.public, start)
            if look.last is None:
                break
            found.append(look)
            start = look.last + 1
        return found

    async def _compared(self, work: Work) -> list[Problem]:
        kept = await asyncio.to_thread(self._checkpoints)
        kept += [self._seen] if self._seen else []
        return await checkpoints.compared(await work.raw(), kept, self.keys.public)

    def _checkpoints(self) -> list[Checkpoint]:
        found = []
        for path in checkpoints.kept(self.folder):
            try:
                found.append(checkpoints.read(path))
            except checkpoints.Unreadable as problem:
                log.warning("%s", problem)
        return found

    async def mark(self) -> Checkpoint | None:
        """Leave a checkpoint where the log has grown since the last one. One that it denies is never written over."""
        try:
            return await self._mark()
        except OSError as problem:
            log.warning("No checkpoint of the audit log could be left: %s", problem)
            return None

    async def _mark(self) -> Checkpoint | None:
        if self.keys.signer is None:
            return None
        async with keeping("audit log: checkpoint") as work:
            newest = await sealing.newest(await work.raw())
            denied = {problem.kind for problem in await self._compared(work)} & {Damage.CUT, Damage.CHECKPOINT}
        latest = await asyncio.to_thread(self._latest)
        if newest is None or denied or (latest is not None and latest.hash == newest.hash.hex()):
            return None
        return await self._leave(checkpoints.made_of(newest, self.keys.signer))

    def _latest(self) -> Checkpoint | None:
        """The newest that can be read: a spoilt file neither stops the sealing nor takes the others' word."""
        for path in reversed(checkpoints.kept(self.folder)):
            try:
                return checkpoints.read(path)
            except checkpoints.Unreadable as problem:
                log.warning("%s", problem)
        return None

    async def _leave(self, checkpoint: Checkpoint) -> Checkpoint:
        if (address := self.settings.checkpoint_webhook) is not None:
            try:
                await checkpoint_webhook.send(address.get_secret_value(), checkpoint.as_text())
            except AppError as problem:
                log.warning("A checkpoint of the audit log could not be sent: %s", problem)
        await asyncio.to_thread(checkpoints.keep, self.folder, checkpoint)
        return checkpoint

    async def make_months(self) -> int:
        """Have the partitions of the next months made; returns how many were."""
        if (url := self.settings.migration_url) is None:
            return 0
        try:
            return await partitions.make_ahead(url.get_secret_value())
        except (OSError, TimeoutError) as problem:
            log.warning("The next months of the audit log could not be made: %s. Trying again.", problem)
            return 0


def _strays(problems: Sequence[Problem]) -> list[Problem]:
    """What was found nowhere; that is looked for each time that the round begins anew."""
    return [problem for problem in problems if problem.seal is None and problem.kind is Damage.UNSEALED]


_ALONE = select(func.pg_try_advisory_xact_lock(func.hashtext("quarterdeck: audit log, verify")))
_STILL_HERE = select(1)
"""Looking at everything takes long, and the database ends whoever is silent in the middle of a transaction."""
