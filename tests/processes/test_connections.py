"""Each process is told only what it may know, and a place to listen is judged before anything starts."""

import re
import socket
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.config import Settings
from app.errors import StartupProblem
from app.supervisor.address import check_listening
from app.supervisor.process_settings import environment, for_web, for_worker, resolve, running
from tests.ports import free_port


def settings(data_dir: Path, **values: object) -> Settings:
    return Settings.model_validate({"data_dir": data_dir, **values})


def test_the_embedded_database_fills_in_three_ways_in(tmp_path: Path) -> None:
    full = resolve(settings(tmp_path))
    users = {
        "database_url": "quarterdeck_app",
        "engine_url": "quarterdeck_worker",
        "migration_url": "quarterdeck_owner",
    }
    for field, user in users.items():
        url = getattr(full, field).get_secret_value()
        assert url.startswith(f"postgresql://{user}:")
        assert url.endswith(f"@/quarterdeck?host={tmp_path}/socket")
    assert full.session_key
    assert full.totp_key
    assert len({*full.session_keys, *full.totp_keys}) == 2
    assert resolve(settings(tmp_path)) == full


def test_a_database_of_ones_own_is_left_as_it_is(tmp_path: Path) -> None:
    full = resolve(settings(tmp_path, database_url="postgresql://somewhere/x", session_key="k" * 43))
    assert full.database_url == SecretStr("postgresql://somewhere/x")
    assert full.migration_url is None
    assert full.session_key == SecretStr("k" * 43)


def test_the_web_process_learns_neither_the_owners_connection_nor_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUARTERDECK_DATABASE_URL", "postgresql://quarterdeck_app:known@/x")
    monkeypatch.setenv("QUARTERDECK_MIGRATION_URL", "postgresql://quarterdeck_owner:secret@/x")
    monkeypatch.setenv("QUARTERDECK_ADMIN_PASSWORD", "the first password of all")
    full = resolve(settings(tmp_path, port=18080, insecure_http=True))
    web = environment(for_web(full))
    assert "quarterdeck_app" in web["QUARTERDECK_DATABASE_URL"]
    assert (web["QUARTERDECK_PORT"], web["QUARTERDECK_INSECURE_HTTP"]) == ("18080", "True")
    assert "quarterdeck_owner" not in str(web)
    assert "quarterdeck_worker" not in str(web)
    assert "the first password of all" not in str(web)


@pytest.mark.parametrize("keys", ["", "short", f"{'k' * 43},short", "a passphrase of many words is several keys"])
@pytest.mark.parametrize("name", ["session_key", "totp_key"])
def test_a_key_that_might_be_guessed_signs_nothing(tmp_path: Path, name: str, keys: str) -> None:
    with pytest.raises(StartupProblem, match=f"QUARTERDECK_{name.upper()} needs at least 32 characters") as refusal:
        for_web(resolve(settings(tmp_path, **{name: keys})))
    assert refusal.value.exit_code == 2


def test_keys_come_newest_first(tmp_path: Path) -> None:
    ring = settings(tmp_path, session_key=f"{'n' * 43}, {'o' * 43}\n{'v' * 43}", totp_key="t" * 43)
    assert ring.session_keys == ("n" * 43, "o" * 43, "v" * 43)
    assert ring.totp_keys == ("t" * 43,)


def test_only_maintenance_learns_the_owners_connection(tmp_path: Path) -> None:
    full = resolve(settings(tmp_path))
    assert "quarterdeck_owner" in environment(for_worker(full, maintenance=True))["QUARTERDECK_MIGRATION_URL"]
    plain = environment(for_worker(full, maintenance=False))
    assert "quarterdeck_owner" not in str(plain)
    assert "quarterdeck_worker" in plain["QUARTERDECK_ENGINE_URL"]
    assert not {"QUARTERDECK_SESSION_KEY", "QUARTERDECK_TOTP_KEY"} & plain.keys()


def test_workers_have_a_login_of_their_own_in_a_database_of_ones_own_too(tmp_path: Path) -> None:
    url = "postgresql://quarterdeck_app:p%40ss@db.example.com:6543/console?sslmode=require"
    first, second = (resolve(settings(tmp_path / name, database_url=url)).engine_url for name in "ab")
    assert first is not None
    assert first == second  # on every machine
    address = first.get_secret_value()
    assert re.fullmatch(
        r"postgresql://quarterdeck_worker:[\w-]{43}@db\.example\.com:6543/console\?sslmode=require", address
    )
    other = resolve(settings(tmp_path, database_url=url.replace("p%40ss", "another"))).engine_url
    assert other != first
    given = resolve(settings(tmp_path, database_url=url, engine_url="postgresql://quarterdeck_worker:x@/console"))
    assert given.engine_url == SecretStr("postgresql://quarterdeck_worker:x@/console")


@pytest.mark.parametrize("name", ["engine_url", "migration_url"])
def test_a_part_of_an_own_database_does_not_end_in_the_embedded_one(tmp_path: Path, name: str) -> None:
    half = settings(tmp_path / "data", **{name: "postgresql://somebody:secret@/x"})
    with pytest.raises(StartupProblem, match=f"QUARTERDECK_{name.upper()} is set.*DATABASE_URL") as refusal:
        resolve(half)
    assert refusal.value.exit_code == 2
    assert not (tmp_path / "data").exists()


def test_a_worker_without_its_connection_is_one_sentence(tmp_path: Path) -> None:
    full = settings(tmp_path, database_url="postgresql://somewhere/x")
    with pytest.raises(StartupProblem, match="Set QUARTERDECK_ENGINE_URL too") as refusal:
        for_worker(full, maintenance=False)
    assert refusal.value.exit_code == 2


def test_a_database_that_nobody_runs_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StartupProblem, match="No database runs in the data directory"):
        running(settings(tmp_path))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "console.example.com"])  # noqa: S104 - refused here
def test_passwords_in_the_clear_are_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(StartupProblem, match="QUARTERDECK_INSECURE_HTTP=1") as refusal:
        check_listening(settings(tmp_path, host=host, port=free_port()))
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    "values",
    [
        {"host": "127.0.0.1"},
        {"host": "localhost"},
        {"host": "0.0.0.0", "origin": "https://console.example.com"},  # noqa: S104 - only looked at
        {"host": "0.0.0.0", "insecure_http": True},  # noqa: S104 - only looked at
    ],
)
def test_this_machine_a_proxy_and_an_explicit_wish_are_fine(tmp_path: Path, values: dict[str, object]) -> None:
    check_listening(settings(tmp_path, port=free_port(), **values))


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartupProblem, match=f"Port {port} on 127.0.0.1 is taken by another program.*--port"):
            check_listening(settings(tmp_path, port=port))


@pytest.mark.parametrize(
    ("host", "sentence"), [("192.0.2.1", "cannot be opened"), ("no.such.host.invalid", "is unknown.*--host")]
)
def test_an_address_that_is_not_ours_is_named(tmp_path: Path, host: str, sentence: str) -> None:
    with pytest.raises(StartupProblem, match=sentence):
        check_listening(settings(tmp_path, host=host, insecure_http=True))
