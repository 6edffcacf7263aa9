"""What the audit log costs whoever writes: the same acts with triggers, entries and sealing, and without any of it."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from statistics import median
from unittest import mock

from app.database.recording import Recording
from app.services import teams, users
from app.services.teams import Limits
from app.worker.sealer import SEAL_SECONDS, Sealer
from benchmarks.database import Bench
from benchmarks.report import Aim, Measure

PEOPLE = 4
"""Who write at the same time, each their own records."""
ROUNDS = 9
SECONDS = 3.0
WARM_UP = 1.0
LEAST = 0.8
_ON, _OFF = "ENABLE ALWAYS", "DISABLE"
_TRIGGERS = """
    SELECT format('ALTER TABLE %s {} TRIGGER %I', t.tgrelid::regclass, t.tgname) FROM pg_trigger t
    JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND NOT c.relispartition AND (t.tgname LIKE 'watch%' OR t.tgname = 'refer_personal')
"""
Act = Callable[[], Awaitable[object]]


async def measured(at: Bench, sealer: Sealer) -> Measure:
    """Acts a second as they are, and as they would be without a log; in turns, the medians of which count."""
    acts = [await _acts(at, n) for n in range(PEOPLE)]
    rates: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(ROUNDS):
        for logged in (True, False):
            async with _log(at, sealer) if logged else _no_log(at):
                await _rate(acts, WARM_UP)
                rates[logged].append(await _rate(acts, SECONDS))
    return Measure(
        "audit/write_cost", median(rates[True]), "acts/s", reference=median(rates[False]), aim=Aim(least_ratio=LEAST)
    )


async def _acts(at: Bench, n: int) -> Iterator[Act]:
    """What one person does again and again. Each act has a reason; half of them tell of a customer's person."""
    team = await teams.create(at.ann, f"Team {n}")
    user = await users.create(at.ann, team.id, f"Ada Lovelace {n}", f"ada{n}@example.com")
    few, many = Limits(50, 50), Limits(60, 60)
    await teams.limit(at.ann, team.id, few, Limits(), "To begin with")
    return itertools.cycle(
        [
            lambda: users.change_plan(at.ann, user.id, "premium", "Ordered by phone"),
            lambda: teams.limit(at.ann, team.id, many, few, "Ordered by phone"),
            lambda: users.change_plan(at.ann, user.id, "free", "Cancelled by phone"),
            lambda: teams.limit(at.ann, team.id, few, many, "Cancelled by phone"),
        ]
    )


async def _rate(people: Sequence[Iterator[Act]], seconds: float) -> float:
    """How many acts a second all of them do together."""
    began = time.perf_counter()

    async def go_on(acts: Iterator[Act]) -> int:
        n = 0
        while time.perf_counter() - began < seconds:
            await next(acts)()
            n += 1
        return n

    done = sum(await asyncio.gather(*(go_on(acts) for acts in people)))
    return done / (time.perf_counter() - began)


@asynccontextmanager
async def _log(at: Bench, sealer: Sealer) -> AsyncIterator[None]:
    """As it is: every trigger, every entry, and what is written is sealed each second meanwhile."""
    await _switch(at, _ON)

    async def seal() -> None:
        while True:
            await sealer.seal()
            await asyncio.sleep(SEAL_SECONDS)

    async with asyncio.TaskGroup() as group:
        sealing = group.create_task(seal())
        yield
        sealing.cancel()


@asynccontextmanager
async def _no_log(at: Bench) -> AsyncIterator[None]:
    """Without any of it."""

    async def nothing(*_: object) -> bool:
        return False

    await _switch(at, _OFF)
    with mock.patch.object(Recording, "write", nothing):
        yield


async def _switch(at: Bench, how: str) -> None:
    for row in await at.admin.fetch(_TRIGGERS.format(how)):
        await at.admin.execute(row[0])
