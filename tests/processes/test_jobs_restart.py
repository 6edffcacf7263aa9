"""The database restarts under a worker, or is killed: nothing is lost, and work goes on."""

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from app.config import Settings
from app.database import engine
from app.postgres.embedded import EmbeddedPostgres
from app.postgres.migrate import LOGINS, prepare, upgrade
from tests.conftest import PASSWORD, Database, settings_for
from tests.people import found_company
from tests.processes.contracts import Jobs, Workers, eventually, lines_of, stepped
from tests.processes.worker_tasks import COPY, NOOP, STEPS

pytestmark = pytest.mark.processes


@dataclass
class Restarting:
    """A company on a server of its own."""

    database: Database
    settings: Settings
    jobs: Jobs

    async def restart(self) -> None:
        """End the server in the middle of everything, and start it again: it recovers as after a crash."""
        await asyncio.to_thread(self.database.server.stop, 0)
        await asyncio.to_thread(self.database.server.start)
        await engine.dispose()
        engine.configure(self.settings)
        self.jobs.admin.terminate()
        self.jobs.admin = await asyncpg.connect(self.database.admin_url)


@pytest.fixture
async def restarting(tmp_path: Path) -> AsyncIterator[Restarting]:
    with (
        tempfile.TemporaryDirectory(prefix="quarterdeck-") as folder,
        EmbeddedPostgres(Path(folder) / "data") as server,
    ):
        await prepare(server.superuser_url("postgres"), dict.fromkeys(LOGINS, PASSWORD))
        database = Database(server, "quarterdeck")
        await upgrade(database.url("quarterdeck_owner"))
        settings = settings_for(database, tmp_path)
        engine.configure(settings)
        admin = await asyncpg.connect(database.admin_url)
        made = Restarting(database, settings, Jobs(await found_company(admin), admin))
        yield made
        await engine.dispose()
        made.jobs.admin.terminate()


async def test_t8_the_database_restarts_in_the_middle(restarting: Restarting, tmp_path: Path) -> None:
    jobs, workers, log = restarting.jobs, Workers(restarting.settings), tmp_path / "steps"
    long = await jobs.submit(STEPS, steps=12, pause=0.1, log=str(log))
    worker = workers.start(lease_seconds=5.0, redeliver_seconds=1.0)  # what was lost is found within seconds
    try:
        await stepped(log, 5)
        waiting = await jobs.submit(NOOP, delay=1)
        await restarting.restart()
        asked_after = await jobs.submit(NOOP)
        for job_id in (long, waiting, asked_after):
            await jobs.status(job_id, "succeeded")
            assert (await jobs.kinds(job_id)).count("succeeded") == 1
        assert worker.poll() is None, "the same process goes on"
    finally:
        workers.end()
    done, row = lines_of(log), await jobs.row(long)
    assert sorted(set(done)) == list(range(12))
    assert len(done) <= 13  # only the step between its line and its checkpoint may be there twice
    assert json.loads(row["result"]) == {"steps": 12}


async def test_t8_the_database_is_killed_in_the_middle_of_a_copy(restarting: Restarting, tmp_path: Path) -> None:
    """While it does not read: what writes to it waits then, and would not see by itself that nobody is there."""
    jobs, workers, log, seen = restarting.jobs, Workers(restarting.settings), tmp_path / "pieces", [-1]

    async def stands_still() -> bool:
        seen.append(len(lines_of(log)))
        return 0 < seen[-1] == seen[-2]

    copying = await jobs.submit(COPY, log=str(log))
    worker = workers.start(lease_seconds=5.0, redeliver_seconds=1.0)
    try:
        busy = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY copied%' OR query LIKE 'COPY \"copied\"%'"
        backend: int = await eventually(lambda: jobs.admin.fetchval(busy), "the COPY")
        os.kill(backend, signal.SIGSTOP)
        await eventually(stands_still, "a full socket")
        waiting = await jobs.submit(NOOP)
        os.kill(backend, signal.SIGKILL)
        await restarting.restart()
        asked_after = await jobs.submit(NOOP)
        for job_id in (copying, waiting, asked_after):
            await jobs.status(job_id, "succeeded")
            assert (await jobs.kinds(job_id)).count("succeeded") == 1
        assert worker.poll() is None, "the same process goes on"
    finally:
        workers.end()
    row = await jobs.row(copying)
    assert (json.loads(row["result"]), row["attempts"]) == ({"told": "COPY 768"}, 2)
