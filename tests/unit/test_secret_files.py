"""Secrets on disk: made once, kept whole, closed to others."""

import stat
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from app.errors import StartupProblem
from app.storage.secret_files import SHORTEST, SecretFiles, new_secret


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    first = SecretFiles(tmp_path).get("session_key")
    assert len(first) >= SHORTEST
    assert SecretFiles(tmp_path).get("session_key") == first
    assert SecretFiles(tmp_path).get("other") != first
    assert mode(tmp_path / "secrets") == 0o700
    assert {mode(file) for file in (tmp_path / "secrets").iterdir()} == {0o600}


def test_modes_that_were_opened_are_closed_again(tmp_path: Path) -> None:
    files = SecretFiles(tmp_path)
    files.get("session_key")
    files.folder.chmod(0o755)
    (files.folder / "session_key").chmod(0o644)
    files.get("session_key")
    assert mode(files.folder) == 0o700
    assert mode(files.folder / "session_key") == 0o600


def test_many_at_once_agree_on_one_value(tmp_path: Path) -> None:
    made = count()

    def make() -> str:
        return f"{next(made)}-{new_secret()}"

    with ThreadPoolExecutor(8) as pool:
        values = set(pool.map(lambda _: SecretFiles(tmp_path).get("shared", make), range(32)))
    assert len(values) == 1
    assert next(made) == 1


def test_nothing_is_kept_when_making_fails(tmp_path: Path) -> None:
    files = SecretFiles(tmp_path)

    def fail() -> str:
        raise StartupProblem("The database does not answer.")

    with pytest.raises(StartupProblem, match="does not answer"):
        files.get("password", fail)
    assert list(files.folder.iterdir()) == []
    assert len(files.get("password")) >= SHORTEST


def test_a_cut_file_is_named(tmp_path: Path) -> None:
    files = SecretFiles(tmp_path)
    files.get("session_key")
    (files.folder / "session_key").write_text("short")
    with pytest.raises(StartupProblem, match=r"session_key is damaged"):
        files.get("session_key")


def test_an_impossible_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupProblem, match=r"cannot be read or made: Not a directory\."):
        SecretFiles(tmp_path / "file").get("session_key")


def test_a_value_is_changed_whole_and_by_one_at_a_time(tmp_path: Path) -> None:
    files = SecretFiles(tmp_path)
    first = files.get("session_key")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: SecretFiles(tmp_path).change("session_key", lambda older: f"{n} {older}"), range(16)))
    changed = files.get("session_key").split()
    assert changed[-1] == first
    assert {int(n) for n in changed[:-1]} == set(range(16))
    assert mode(files.folder / "session_key") == 0o600
    assert [file.name for file in files.folder.iterdir()] == ["session_key"]
