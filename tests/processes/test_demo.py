"""``quarterdeck demo`` and ``up --demo`` as people start them."""

import asyncio
import re
from pathlib import Path

import asyncpg
import pytest

from app.embedded import EmbeddedPostgres
from tests.processes.running import quarterdeck, refusal, up

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


def test_the_demo_is_loaded_once_and_left_alone_while_it_runs(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    done = quarterdeck("demo", "--reset", "--data-dir", data_dir)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0].startswith("The demo company is loaded")
    assert said[1:3] == ["First administrator", "  E-mail:   admin@example.com"]
    assert PASSWORD.fullmatch(said[3])
    with up(data_dir, "--demo", "--no-worker") as started:
        assert len(started.said) == 1, "a database with data is left as it is"
        assert started.get("/static/pictures/leaf-oak-rust.svg")[0] == 200
        assert ask(data_dir, "SELECT count(*) FROM staff") == 7
        assert refusal(quarterdeck("demo", "--data-dir", data_dir)).startswith("The database is not empty")
        running = refusal(quarterdeck("demo", "--reset", "--data-dir", data_dir))
        assert running == "Quarterdeck is running. Stop it first, then run this again."
        assert ask(data_dir, "SELECT count(*) FROM teams") == 40
        assert started.stop() == 0


def test_the_first_start_with_the_demo_shows_the_administrator(tmp_path: Path) -> None:
    with up(tmp_path / "data", "--no-worker", settings={"QUARTERDECK_DEMO": "true"}) as started:
        assert started.said[0].startswith("The demo company is loaded")
        assert PASSWORD.fullmatch(started.said[3])
        assert started.stop() == 0
