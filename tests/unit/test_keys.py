"""Rings of keys: the newest signs, the older ones count until they are forgotten."""

from datetime import timedelta
from pathlib import Path

import pytest

from app import clock
from app.config import Settings
from app.crypto import tokens
from app.errors import StartupProblem
from app.ids import uuid7
from app.storage.key_rings import Ring, rotate
from app.supervisor.process_settings import for_web, resolve


def started(data_dir: Path) -> tuple[str, ...]:
    """The keys of a web process that starts now."""
    return for_web(resolve(Settings(data_dir=data_dir))).session_keys


def token(keys: tuple[str, ...]) -> str:
    now = clock.now()
    return tokens.sign(tokens.Claims(uuid7(), uuid7(), now, now + timedelta(hours=1)), keys[0])


def test_sessions_outlive_a_new_key_and_end_with_a_forgotten_one(tmp_path: Path) -> None:
    first = started(tmp_path)
    old = token(first)
    assert rotate(Settings(data_dir=tmp_path), Ring.SESSION) == 2
    second = started(tmp_path)
    assert (len(second), second[1:]) == (2, first)
    assert tokens.read(old, *second)
    assert tokens.read(token(second), *first) is None, "new ones are signed with the new key"
    assert rotate(Settings(data_dir=tmp_path), Ring.SESSION, forget=True) == 1
    third = started(tmp_path)
    assert not {*third} & {*second}
    assert tokens.read(old, *third) is None


def test_keys_of_second_factors_are_kept(tmp_path: Path) -> None:
    before = resolve(Settings(data_dir=tmp_path)).totp_keys
    assert rotate(Settings(data_dir=tmp_path), Ring.TOTP) == 2
    assert resolve(Settings(data_dir=tmp_path)).totp_keys[1:] == before
    with pytest.raises(StartupProblem, match="nobody could use theirs"):
        rotate(Settings(data_dir=tmp_path), Ring.TOTP, forget=True)


@pytest.mark.parametrize("ring", Ring)
def test_a_ring_of_the_settings_is_changed_there(tmp_path: Path, ring: Ring) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path / "data", f"{ring}_key": "k" * 43})
    with pytest.raises(StartupProblem, match=f"QUARTERDECK_{ring.upper()}_KEY is set"):
        rotate(settings, ring)
    assert not (tmp_path / "data").exists()
