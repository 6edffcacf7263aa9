"""The embedded PostgreSQL, with real processes: its life, its deaths, and where it may stand."""

import asyncio
import os
import pwd
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil  # type: ignore[import-untyped] # it ships no types
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from app.errors import StartupProblem
from app.postgres.embedded import EmbeddedPostgres

KEEPER = """
import sys, time
from pathlib import Path
from app.postgres.embedded import EmbeddedPostgres
EmbeddedPostgres(Path(sys.argv[1]), durable=False).start()
print("ready", flush=True)
time.sleep(600)
"""

AS_NOBODY = """
import asyncio, os, sys
from pathlib import Path
import asyncpg
from app.postgres.embedded import EmbeddedPostgres
# Rights are given up after the imports: the interpreter itself may stand in a folder closed to others.
os.setgroups([]), os.setgid(int(sys.argv[2])), os.setuid(int(sys.argv[2]))
async def who(url):
    connection = await asyncpg.connect(url)
    print(await connection.fetchval("SELECT current_user"), os.geteuid())
    await connection.close()
for _ in range(2):
    with EmbeddedPostgres(Path(sys.argv[1]), durable=False) as database:
        asyncio.run(who(database.superuser_url()))
"""


def query(database: EmbeddedPostgres, statement: str) -> Any:
    async def ask() -> Any:
        connection = await asyncpg.connect(database.superuser_url())
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(ask())


def postmaster_of(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0]))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def database(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(data_dir, durable=False) as database:
        yield database


@pytest.fixture
def orphan(data_dir: Path) -> Iterator[psutil.Process]:
    """A server whose keeper was killed."""
    with subprocess.Popen([sys.executable, "-c", KEEPER, str(data_dir)], stdout=subprocess.PIPE, text=True) as keeper:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == "ready\n"
        keeper.kill()
    server = postmaster_of(data_dir)
    assert server.is_running()
    yield server
    if server.is_running():
        server.kill()


def test_it_starts_stops_and_keeps_what_was_written(data_dir: Path) -> None:
    database = EmbeddedPostgres(data_dir)
    assert not database.ready
    with database:
        query(database, "CREATE TABLE kept AS SELECT 42 AS answer")
        assert database.ready
        assert EmbeddedPostgres(data_dir).ready
        database.start()
        server = postmaster_of(data_dir)
    assert not database.ready
    assert not server.is_running()
    with database:
        assert query(database, "SELECT answer FROM kept") == 42
        assert query(database, "SHOW fsync") == "on"
        assert query(database, "SHOW server_version").split(".")[0] == "18"
        assert query(database, "SELECT datlocale FROM pg_database WHERE datname = 'postgres'") == "C.UTF-8"


async def test_sqlalchemy_understands_the_url(database: EmbeddedPostgres) -> None:
    engine = create_async_engine(database.superuser_url().replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as connection:
        assert (await connection.exec_driver_sql("SHOW timezone")).scalar() == "UTC"
    await engine.dispose()


async def test_passwords_of_any_characters_pass_and_wrong_ones_do_not(database: EmbeddedPostgres) -> None:
    awkward = "p@ss:/?#[]%&=+ 'ü"
    connection = await asyncpg.connect(database.superuser_url())
    await connection.execute("CREATE ROLE ann LOGIN PASSWORD 'p@ss:/?#[]%&=+ ''ü'")
    await connection.close()
    connection = await asyncpg.connect(database.url("ann", awkward, "postgres"))
    assert await connection.fetchval("SELECT current_user") == "ann"
    await connection.close()
    engine = create_async_engine(database.url("ann", awkward, "postgres").replace("://", "+asyncpg://", 1))
    async with engine.connect() as session:
        assert (await session.exec_driver_sql("SELECT current_user")).scalar() == "ann"
    await engine.dispose()
    for user in ("ann", "postgres"):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(database.url(user, "wrong", "postgres"))


def test_nobody_else_can_reach_it(database: EmbeddedPostgres) -> None:
    assert stat.S_IMODE(database.socket_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(database.pgdata.stat().st_mode) == 0o700
    assert query(database, "SHOW listen_addresses") == ""
    assert (database.pgdata / "pg_hba.conf").read_text() == "local all all scram-sha-256\n"
    server = postmaster_of(database.data_dir)
    assert "PASSWORD" not in " ".join(server.cmdline()).upper()


def test_two_stand_side_by_side(database: EmbeddedPostgres, tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "other", durable=False) as other:
        query(other, "CREATE TABLE mine (id int)")
        assert query(database, "SELECT to_regclass('mine')") is None
        assert query(database, "SHOW fsync") == "off"


def test_a_second_keeper_is_refused_in_one_sentence(database: EmbeddedPostgres) -> None:
    with pytest.raises(StartupProblem, match=rf"already running on .* \(process {os.getpid()}\)\. Stop it first"):
        EmbeddedPostgres(database.data_dir).start()
    assert query(database, "SELECT 1") == 1


def test_it_recovers_when_every_process_of_it_was_killed(data_dir: Path) -> None:
    database = EmbeddedPostgres(data_dir)
    with database:
        query(database, "CREATE TABLE kept AS SELECT 42 AS answer")
        server = postmaster_of(data_dir)
        family = [server, *server.children()]
        for process in family:
            process.kill()
        psutil.wait_procs(family, timeout=30)
        assert not database.is_alive
        database.start()
        assert query(database, "SELECT answer FROM kept") == 42


def test_it_recovers_when_only_the_postmaster_was_killed(data_dir: Path) -> None:
    database = EmbeddedPostgres(data_dir)
    with database:
        query(database, "CREATE TABLE kept AS SELECT 42 AS answer")
        postmaster_of(data_dir).kill()
    with database:
        assert query(database, "SELECT answer FROM kept") == 42


def test_a_server_without_its_keeper_is_taken_over(data_dir: Path, orphan: psutil.Process) -> None:
    assert not EmbeddedPostgres(data_dir).ready
    with EmbeddedPostgres(data_dir, durable=False) as database:
        assert query(database, "SELECT 1") == 1
        assert not orphan.is_running()


def test_a_server_of_another_folder_is_left_alone(tmp_path: Path, orphan: psutil.Process) -> None:
    with EmbeddedPostgres(tmp_path / "other", durable=False) as database:
        assert query(database, "SELECT 1") == 1
        assert orphan.is_running()


def test_a_lock_file_with_a_number_used_again_does_not_block(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, durable=False) as database:
        server = postmaster_of(data_dir)
        lock = (database.pgdata / "postmaster.pid").read_text()
    account: dict[str, Any] = {"user": server_uid(data_dir)} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "600"], **account) as stranger:
        text = lock.replace(str(server.pid), str(stranger.pid), 1)
        (database.pgdata / "postmaster.pid").write_text(text)
        (database.socket_dir / ".s.PGSQL.5432.lock").write_text(text)
        with database:
            assert query(database, "SELECT 1") == 1
        assert stranger.poll() is None
        stranger.kill()


def server_uid(data_dir: Path) -> int:
    return (data_dir / "postgres").stat().st_uid


def test_a_lost_password_is_made_anew(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, durable=False) as database:
        old = database.superuser_url()
    (data_dir / "secrets" / "database_postgres").unlink()
    with pytest.raises(StartupProblem, match="Start Quarterdeck once"):
        database.superuser_url()
    with database:
        assert database.superuser_url() != old
        assert query(database, "SELECT 1") == 1


@pytest.mark.parametrize("name", ["o'ne two, 100% ü:x", "n" * 120])
def test_awkward_and_long_folders_get_a_short_socket_folder(tmp_path: Path, name: str) -> None:
    with EmbeddedPostgres(tmp_path / name, durable=False) as database:
        assert query(database, "SELECT 1") == 1
        assert database.socket_dir.parent == Path("/tmp")  # noqa: S108 - short on every system
        assert stat.S_IMODE(database.socket_dir.stat().st_mode) == 0o700
    assert not database.socket_dir.exists()


def test_a_foreign_version_is_one_sentence(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, durable=False) as database:
        pass
    (database.pgdata / "PG_VERSION").write_text("17\n")
    with pytest.raises(StartupProblem, match=r"made by another PostgreSQL \(version 17, not 18\)"):
        database.start()


def test_a_broken_database_is_one_sentence_with_its_reason(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, durable=False) as database:
        pass
    (database.pgdata / "global" / "pg_control").unlink()
    with pytest.raises(StartupProblem, match=r"does not start: .*pg_control") as refusal:
        database.start()
    assert "\n" not in str(refusal.value)


def test_a_half_made_database_is_made_again(data_dir: Path) -> None:
    (data_dir / "postgres.new" / "base").mkdir(parents=True)
    with EmbeddedPostgres(data_dir, durable=False) as database:
        assert query(database, "SELECT 1") == 1


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupProblem, match=r"cannot be used: Not a directory\. Choose another one with --data-dir"):
        EmbeddedPostgres(tmp_path / "file" / "data").start()


@pytest.mark.parametrize(
    "output",
    [
        "initdb: error: could not write: No space left on device",
        "FATAL:  could not extend file\nHINT:  Check free disk space.\nPANIC:  cannot abort transaction 1",
    ],
)
def test_a_full_disk_is_one_sentence(data_dir: Path, monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    def run(*_: Any, **__: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", output)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(StartupProblem, match="No space is left on the disk"):
        EmbeddedPostgres(data_dir).start()
    assert not (data_dir / "postgres.new").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user has been through all the tests above as themselves")
class TestAsRoot:
    """What differs for root: PostgreSQL runs as somebody else, and ordinary users must still do."""

    def test_folders_closed_to_others_stay_closed(self) -> None:
        with tempfile.TemporaryDirectory() as closed:
            data_dir = Path(closed) / "deeper" / "data"
            (Path(closed) / "deeper").mkdir(mode=0o700)
            with EmbeddedPostgres(data_dir, durable=False) as database:
                assert query(database, "SELECT 1") == 1
                assert postmaster_of(data_dir).uids().effective == server_uid(data_dir) != 0
            assert stat.S_IMODE(Path(closed).stat().st_mode) == 0o700
            assert stat.S_IMODE((Path(closed) / "deeper").stat().st_mode) == 0o700

    def test_without_the_capability_a_closed_folder_is_one_sentence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shutil.which", lambda _: None)
        with tempfile.TemporaryDirectory() as closed, pytest.raises(StartupProblem) as refusal:
            EmbeddedPostgres(Path(closed) / "data", durable=False).start()
        assert f"may not enter {closed}. Start Quarterdeck as an ordinary user" in str(refusal.value)

    def test_open_folders_need_no_capability(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            with EmbeddedPostgres(Path(folder) / "data", durable=False) as database:
                status = Path(f"/proc/{postmaster_of(database.data_dir).pid}/status").read_text()
                assert "CapEff:\t0000000000000000" in status

    def test_an_ordinary_user_starts_it_and_root_runs_it_as_them(self) -> None:
        nobody = pwd.getpwnam("nobody").pw_uid
        with tempfile.TemporaryDirectory() as folder:
            os.chown(folder, nobody, nobody)
            data_dir = Path(folder) / "data"
            command = [sys.executable, "-c", AS_NOBODY, str(data_dir), str(nobody)]
            # Who is nobody cannot write the measurements of this run where root keeps them.
            env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
            for _ in range(2):
                done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
                assert (done.stdout, done.stderr) == (f"postgres {nobody}\n" * 2, "")
                with EmbeddedPostgres(data_dir, durable=False) as database:
                    assert query(database, "SELECT 1") == 1
                    assert postmaster_of(data_dir).uids().effective == nobody

    def test_a_folder_that_an_ordinary_user_may_not_write_is_one_sentence(self) -> None:
        nobody = pwd.getpwnam("nobody").pw_uid
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            command = [sys.executable, "-c", AS_NOBODY, folder, str(nobody)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert f"The data directory {folder} cannot be used: Permission denied." in done.stderr


async def test_open_connections_do_not_keep_it_from_stopping(data_dir: Path) -> None:
    database = EmbeddedPostgres(data_dir, durable=False)
    database.start()
    server = postmaster_of(data_dir)
    connection = await asyncpg.connect(database.superuser_url())
    await connection.execute("BEGIN")
    database.stop(timeout=100)
    assert not server.is_running()
    connection.terminate()


def test_a_frozen_server_is_ended_all_the_same(data_dir: Path) -> None:
    database = EmbeddedPostgres(data_dir, durable=False)
    database.start()
    server = postmaster_of(data_dir)
    server.send_signal(signal.SIGSTOP)
    database.stop(timeout=0.1)
    assert not server.is_running()
    with database:
        assert query(database, "SELECT 1") == 1
