"""``quarterdeck demo`` and ``up --demo`` as people start them."""

import asyncio
import re
from pathlib import Path

import asyncpg
import pytest

from app.config import Settings
from app.errors import StartupProblem
from app.postgres.embedded import EmbeddedPostgres
from app.supervisor.up import demo
from tests.processes.running import quarterdeck, up

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

PASSWORD = re.compile(r"  Password: \S{20,} \(shown only this once\)")


def ask(data_dir: Path, question: str) -> int:
    async def run() -> int:
        connection = await asyncpg.connect(EmbeddedPostgres(data_dir).superuser_url("quarterdeck"))
        try:
            found: int = await connection.fetchval(question)
            return found
        finally:
            await connection.close()

    return asyncio.run(run())


def test_the_demo_is_loaded_at_the_first_start_left_alone_while_it_runs_and_started_over(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with up(data_dir, "--demo", "--no-worker") as started:
        check_words(started.said)
        assert started.get("/static/pictures/leaf-oak-rust.svg")[0] == 200
        assert ask(data_dir, "SELECT count(*) FROM staff") == 7
        assert ask(data_dir, "SELECT count(*) FROM stats_deltas WHERE metric = 'payments'") == 0, "added up already"
        for reset, sentence in ((False, "The database is not empty"), (True, "Quarterdeck is running. Stop it first")):
            with pytest.raises(StartupProblem, match=sentence):
                demo(Settings(data_dir=data_dir), reset=reset)
        assert ask(data_dir, "SELECT count(*) FROM teams") == 40
        assert started.stop() == 0
    done = quarterdeck("demo", "--reset", "--data-dir", data_dir)
    assert done.returncode == 0, done.stderr
    check_words(done.stdout.splitlines())


def check_words(said: list[str]) -> None:
    """The demo, then the one account that can sign in."""
    assert said[0].startswith("The demo company is loaded")
    assert said[1:3] == ["First administrator", "  E-mail:   admin@example.com"]
    assert PASSWORD.fullmatch(said[3])
