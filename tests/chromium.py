"""The browser of the tests: which Chromium to drive, and how to get one.

``python -m tests.chromium`` prints the path of a Chromium that starts, installing one if there is none.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Error, Playwright, sync_playwright

LAUNCH_ARGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
ON_THE_PATH = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("chromium-headless-shell", "chromium")
"""Debian's, the best first: the shell alone draws the same pages with two thirds of the processor time."""
MISSING = (
    "The browser tests need Chromium, and none was found or could be installed. "
    "Install one with this command and try again: {command}"
)
INSTALL_SECONDS = 900


def find() -> Path | None:
    """The first Chromium that really starts: Playwright's own, the one that QUARTERDECK_CHROMIUM names, the PATH's."""
    with sync_playwright() as playwright:
        return next((path for path in _candidates(playwright) if _starts(playwright, path)), None)


def find_or_install() -> Path | None:
    """Like :func:`find`; if there is none, Playwright's download, then (as root) the system's package."""
    path = find()
    for install in (_download, _from_the_system):
        if path is None and install():
            path = find()
    return path


def advice() -> str:
    """What to tell a person when there is no browser: one sentence that names the command."""
    command = (
        "sudo apt-get install chromium" if shutil.which("apt-get") else f"{_python()} -m playwright install chromium"
    )
    return MISSING.format(command=command)


def _candidates(playwright: Playwright) -> Iterator[Path]:
    yield Path(playwright.chromium.executable_path)
    if named := os.environ.get("QUARTERDECK_CHROMIUM"):
        yield Path(named)
    yield from (Path(path) for name in ON_THE_PATH if (path := shutil.which(name)))


def _starts(playwright: Playwright, path: Path) -> bool:
    """A file alone proves little: libraries may be missing, and Ubuntu's chromium-browser may be an empty shell."""
    if not path.is_file():
        return False
    try:
        playwright.chromium.launch(executable_path=path, args=LAUNCH_ARGS).close()
    except Error as error:
        _say(f"{path} does not start: {error.message.splitlines()[0]}")
        return False
    return True


def _download() -> bool:
    _say("Downloading Chromium for the browser tests.")
    return _run(sys.executable, "-m", "playwright", "install", "chromium")


def _from_the_system() -> bool:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    _say("Installing the system's Chromium for the browser tests.")
    install = ("apt-get", "install", "--quiet", "--yes", "--no-install-recommends", "fonts-liberation")
    return _run("apt-get", "update", "--quiet") and any(_run(*install, package) for package in PACKAGES)


def _run(*command: str) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        ended = subprocess.run(command, env=environment, stdout=sys.stderr, timeout=INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        _say(str(error))
        return False
    return ended.returncode == 0


def _python() -> str:
    return os.path.relpath(sys.executable)


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - a command's own words


def main() -> int:
    """Exit code 0 and the path, or 1 and what to do."""
    path = find_or_install()
    if path is None:
        _say(advice())
        return 1
    print(f"Browser tests use {path}")  # noqa: T201 - a command's own words
    return 0


if __name__ == "__main__":
    sys.exit(main())
