"""While eight people write, take long and change their minds, and sealers die at any moment: no gap, nothing twice."""

import asyncio
import contextlib
import random
import signal
import sys
from pathlib import Path

import asyncpg
import pytest

from app.config import Settings
from app.errors import AppError
from app.seals import chain, sealing
from tests.conftest import Database
from tests.services.sealed import ENTRY, KEY, Log, log_of

WRITERS, EACH = 8, 30
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
async def log(bound: Settings, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> Log:
    monkeypatch.setattr(sealing, "BATCH", 7)
    return log_of(bound, admin)


def dice_of(seed: str) -> random.Random:
    return random.Random(seed)  # noqa: S311 - dice


async def write(url: str, dice: random.Random) -> None:
    """Transactions of one to three entries; some wait before they end, some end in a rollback."""
    connection = await asyncpg.connect(url)
    for number in range(EACH):
        transaction = connection.transaction()
        await transaction.start()
        for part in range(dice.randint(1, 3)):
            await connection.execute(ENTRY, f"{number}.{part}")
            if dice.random() < 0.1:
                await asyncio.sleep(dice.uniform(0, 0.05))
        await (transaction.rollback() if dice.random() < 0.25 else transaction.commit())
    await connection.close()


async def seal_until(log: Log, done: asyncio.Event) -> None:
    while not done.is_set():
        with contextlib.suppress(AppError):  # the connection was killed under it
            await log.sealer.seal()
        await asyncio.sleep(0)


async def kill_sealers(admin: asyncpg.Connection, dice: random.Random, done: asyncio.Event) -> None:
    """For the database it is the same whether the process or its connection dies."""
    query = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = 'quarterdeck_app' AND state <> 'idle'"
    )
    while not done.is_set():
        await asyncio.sleep(dice.uniform(0.01, 0.1))
        await admin.execute(query)


async def check(log: Log) -> None:
    """Each entry is in exactly one seal, and nothing else is."""
    while await log.sealer.seal():
        pass
    written = [row["id"] for row in await log.admin.fetch("SELECT id FROM audit_entries ORDER BY id")]
    rows = await log.admin.fetch(f"SELECT {chain.COLUMNS} FROM audit_seals ORDER BY seq")
    sealed = sorted(id_ for row in rows for id_ in chain.numbers(chain.of_row(row).ranges))
    assert sealed == written
    assert await log.verified() == []


async def test_eight_writers_two_sealers_and_somebody_who_kills_them(log: Log, database: Database) -> None:
    dice, done = dice_of("sealed"), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(seal_until(log, done))
        killer = group.create_task(kill_sealers(log.admin, dice, done))
        async with asyncio.TaskGroup() as writers:
            for number in range(WRITERS):
                writers.create_task(write(database.admin_url, dice_of(f"writer {number}")))
        done.set()
        await killer
    await check(log)
    assert await log.admin.fetchval("SELECT count(*) FROM audit_seals") > 20


async def test_a_sealer_that_is_killed_leaves_whole_seals(log: Log, database: Database, bound: Settings) -> None:
    assert bound.database_url is not None
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.services.endless_sealer", bound.database_url.get_secret_value(), KEY),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    await log.write(1)
    assert await child.stdout.readline() == b"sealed\n"
    async with asyncio.TaskGroup() as writers:
        for number in range(WRITERS):
            writers.create_task(write(database.admin_url, dice_of(f"writer {number}")))
        for _ in range(5):
            assert await child.stdout.readline() == b"sealed\n"
        child.kill()
    assert await child.wait() == -signal.SIGKILL
    assert await log.admin.fetchval("SELECT max(seq) FROM audit_seals") > 0, "it sealed while they wrote"
    await check(log)
