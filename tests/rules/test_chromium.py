"""The browser is found or refused in one sentence; it is never skipped."""

from pathlib import Path

import pytest

from tests import chromium


@pytest.fixture
def no_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine where nothing can be found, downloaded or installed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    monkeypatch.delenv("QUARTERDECK_CHROMIUM", raising=False)
    monkeypatch.setattr(chromium, "_run", lambda *_: False)
    return tmp_path


def test_without_a_browser_the_command_is_named(no_browser: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert chromium.main() == 1
    assert "playwright install chromium" in capsys.readouterr().err


def test_a_program_that_does_not_start_is_passed_over(no_browser: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = no_browser / "chromium"
    shell.write_text("#!/bin/sh\necho 'This needs another package.' >&2\nexit 1\n")
    shell.chmod(0o755)
    monkeypatch.setenv("QUARTERDECK_CHROMIUM", str(shell))
    assert chromium.find() is None


def test_the_setting_names_a_browser(no_browser: Path, monkeypatch: pytest.MonkeyPatch, real_chromium: Path) -> None:
    monkeypatch.setenv("QUARTERDECK_CHROMIUM", str(real_chromium))
    assert chromium.find() == real_chromium


@pytest.fixture(scope="module")
def real_chromium() -> Path:
    path = chromium.find()
    assert path is not None, chromium.advice()
    return path
