"""``quarterdeck up`` with real processes: it gets ready, it stops, and it recovers from every death."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped] # it ships no types
import pytest

from app.postgres.embedded import EmbeddedPostgres
from tests.ports import free_port
from tests.processes.running import Up, quarterdeck, refusal, up

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

PASSWORD = re.compile(r"  Password: (\S{20,}) \(shown only this once\)")


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that went through ``migrate`` and is at rest; tests leave it usable."""
    data_dir = tmp_path_factory.mktemp("up") / "data"
    done = quarterdeck("migrate", "--data-dir", data_dir)
    assert done.returncode == 0, done.stderr
    return data_dir


@pytest.fixture(scope="module")
def bereft(migrated: Path) -> list[psutil.Process]:
    """The children of an ``up`` of which only the supervisor was killed."""
    with up(migrated) as started:
        children = [started.child("serve"), started.child("worker")]
        started.process.kill()
        psutil.wait_procs(children, timeout=60)
    return children


@pytest.fixture(scope="module")
def running(migrated: Path, bereft: list[psutil.Process]) -> Iterator[Up]:
    """One ``up``, the next after that, for the tests that leave it running."""
    with up(migrated) as started:
        yield started
        assert started.stop() == 0


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def ask(database: EmbeddedPostgres, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(database.superuser_url("quarterdeck"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def test_a_fresh_start_shows_the_administrator_once_stops_and_recovers_from_a_kill_of_everything(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "data"
    with up(data_dir) as first:
        assert first.said[:2] == ["First administrator", "  E-mail:   admin@example.com"]
        assert PASSWORD.fullmatch(first.said[2])
        assert first.said[3] == f"Quarterdeck is ready at http://127.0.0.1:{first.port}/ (Ctrl-C stops it)"
        assert first.get("/health/ready")[0] == 200
        status, page = first.get("/login")
        assert status == 200
        assert "Sign in" in page
        family = first.family()
        assert first.stop() == 0
        assert first.said[4:] == ["Stopping."]
        assert all(has_ended(process) for process in family)
        assert not re.findall("was killed|nanobind|leaked", first.log.read_text()), "a calm end"
    with up(data_dir) as second:
        assert not any("Password" in line for line in second.said)
        family = second.family()
        for process in family:
            process.kill()
        psutil.wait_procs(family, timeout=60)
    with up(data_dir) as third:
        assert third.get("/health/ready")[0] == 200
        assert not any("Password" in line for line in third.said)
        # As a terminal does: Ctrl-C reaches everything in the foreground.
        os.killpg(third.process.pid, signal.SIGINT)
        assert third.process.wait(60) == 0
    assert "Traceback" not in first.log.read_text()


def test_a_chosen_administrator_is_made_and_their_password_not_shown(tmp_path: Path) -> None:
    chosen = {
        "QUARTERDECK_ADMIN_EMAIL": "ann@example.com",
        "QUARTERDECK_ADMIN_PASSWORD": "a long sentence, hard to guess",
    }
    with up(tmp_path / "data", "--no-worker", settings=chosen) as started:
        assert "  E-mail:   ann@example.com" in started.said
        assert "hard to guess" not in "".join(started.said) + started.log.read_text()
        assert not any("worker" in process.cmdline() for process in started.family())
        assert started.stop() == 0


def test_children_end_when_only_the_supervisor_is_killed_and_the_next_up_recovers(
    bereft: list[psutil.Process], running: Up
) -> None:
    assert all(has_ended(child) for child in bereft)
    assert running.get("/health/ready")[0] == 200


@pytest.mark.parametrize("part", ["worker", "serve", "postgres"])
def test_a_part_that_dies_is_started_again(running: Up, part: str) -> None:
    before = running.child(part)
    before.kill()
    psutil.wait_procs([before], timeout=60)
    assert running.child(part).pid != before.pid
    running.wait_until_answering()


def test_the_web_process_has_neither_the_owners_nor_the_workers_connection(running: Up) -> None:
    web = str(running.child("serve").environ())
    assert "quarterdeck_app:" in web
    assert "quarterdeck_owner:" not in web
    assert "quarterdeck_worker:" not in web
    assert "quarterdeck_owner:" in str(running.child("worker").environ())


def test_a_second_up_on_the_same_data_is_refused(running: Up, migrated: Path) -> None:
    sentence = refusal(quarterdeck("up", "--data-dir", migrated, "--port", str(free_port())))
    assert re.match(r"Quarterdeck is already running on the data directory .* Stop it first", sentence)


@pytest.mark.usefixtures("running")
def test_staff_are_made_and_given_passwords_while_it_runs(migrated: Path) -> None:
    made = quarterdeck(
        "staff", "create", "vic@example.com", "--name", "Vic", "--role", "viewer", "--generate", "--data-dir", migrated
    )
    assert (made.returncode, made.stderr) == (0, "")
    assert re.fullmatch(
        r"Vic may sign in as vic@example\.com\.\nPassword: \S{20,} \(shown only this once\)\n", made.stdout
    )
    changed = quarterdeck(
        "staff", "password", "vic@example.com", "--data-dir", migrated, text="another long sentence to guess\n"
    )
    assert (changed.returncode, changed.stdout) == (0, "vic@example.com has a new password.\n")
    weak = quarterdeck("staff", "password", "vic@example.com", "--data-dir", migrated, text="short\n")
    assert refusal(weak) == "Use at least 12 characters."


def test_staff_can_be_made_before_anything_ran(tmp_path: Path) -> None:
    done = quarterdeck(
        "staff", "create", "ann@example.com", "--name", "Ann", "--role", "super_admin", "--generate",
        "--data-dir", tmp_path / "data",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not EmbeddedPostgres(tmp_path / "data").ready


def test_a_taken_port_is_one_sentence_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = quarterdeck("up", "--data-dir", tmp_path / "data", settings={"QUARTERDECK_PORT": str(port)})
    assert refusal(done) == f"Port {port} on 127.0.0.1 is taken by another program. Choose another one with --port."
    assert not (tmp_path / "data").exists()


def test_an_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sentence = refusal(quarterdeck("up", "--data-dir", tmp_path / "file" / "data", "--port", str(free_port())))
    assert "cannot be used: Not a directory. Choose another one with --data-dir." in sentence


def test_listening_in_the_clear_is_one_sentence(tmp_path: Path) -> None:
    done = quarterdeck("up", "--data-dir", tmp_path / "data", "--host", "0.0.0.0")  # noqa: S104 - it is refused
    assert "would send passwords in the clear" in refusal(done)
    assert done.returncode == 2


def test_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    done = quarterdeck("up", "--data-dir", tmp_path / "data", settings={"QUARTERDECK_PORT": "ninety"})
    assert "QUARTERDECK_PORT: Input should be a valid integer" in refusal(done)
    assert done.returncode == 2


def test_a_database_elsewhere_that_does_not_answer_is_one_sentence(tmp_path: Path) -> None:
    nowhere = f"postgresql://quarterdeck_owner:secret@/quarterdeck?host={tmp_path}"
    settings = {"QUARTERDECK_DATABASE_URL": nowhere, "QUARTERDECK_MIGRATION_URL": nowhere}
    sentence = refusal(quarterdeck("migrate", "--data-dir", tmp_path, settings=settings))
    assert sentence == (
        "QUARTERDECK_DATABASE_URL signs in as quarterdeck_owner. It has to be quarterdeck_app, a login with no more"
        " rights than it needs; `quarterdeck migrate` makes it."
    )
    settings["QUARTERDECK_DATABASE_URL"] = nowhere.replace("_owner", "_app")
    sentence = refusal(quarterdeck("migrate", "--data-dir", tmp_path, settings=settings))
    assert sentence.startswith(f"No PostgreSQL can be reached at {tmp_path} (QUARTERDECK_MIGRATION_URL): No such file")
    assert "secret" not in sentence


DAMAGES = (
    (
        "UPDATE alembic_version SET version_num = '9' || version_num",
        "UPDATE alembic_version SET version_num = substr(version_num, 2)",
        "newer version of Quarterdeck",
    ),
    ("ALTER TABLE jobs RENAME TO lost", "ALTER TABLE lost RENAME TO jobs", "is damaged: jobs missing"),
)


def test_a_newer_or_broken_schema_is_one_sentence(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    assert quarterdeck("migrate", "--data-dir", data_dir).returncode == 0
    for damage, repair, expected in DAMAGES:
        with EmbeddedPostgres(data_dir) as database:
            ask(database, damage)
        assert expected in refusal(quarterdeck("up", "--data-dir", data_dir, "--port", str(free_port())))
        with EmbeddedPostgres(data_dir) as database:
            ask(database, repair)
        assert quarterdeck("migrate", "--data-dir", data_dir).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "socket").mkdir()
    os.chown(tmp_path / "socket", 2, 2)
    sentence = refusal(quarterdeck("up", "--data-dir", tmp_path, "--port", str(free_port())))
    assert sentence == f"The folder {tmp_path}/socket belongs to somebody else. Remove it, then start again."
