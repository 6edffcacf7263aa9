"""The product as people start it, on a data directory of its own, and a worker that can be stopped in its middle."""

import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped] # it ships no types

from tests.people import PASSWORD
from tests.ports import free_port
from tests.processes.running import COMMAND, ENVIRONMENT, quarterdeck

STAFF = {
    "ana": ("Ana Kovács", "super_admin"),
    "tom": ("Tom Reyes", "admin"),
    "vic": ("Vic Vale", "viewer"),
    "nil": ("Nil Noor", "none"),
}


@dataclass
class Stage:
    """A running product without a worker, unless one is started."""

    settings: Mapping[str, str]
    log: Path
    worker: "subprocess.Popen[bytes] | None" = None

    @property
    def origin(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.settings['QUARTERDECK_PORT']}"

    def hire(self, *people: str) -> None:
        """Make people of the pictures, as an administrator would."""
        for short in people:
            name, role = STAFF[short]
            arguments = ("staff", "create", f"{short}@example.com", "--name", name, "--role", role, "--password-stdin")
            done = quarterdeck(*arguments, settings=self.settings, text=f"{PASSWORD}\n")
            assert done.returncode == 0, done.stderr

    def start_worker(self) -> None:
        """Let waiting jobs run."""
        self.worker = _start(["worker"], self.settings, self.log)

    def stop_worker(self) -> None:
        """Let new jobs wait; a running one is handed back."""
        if self.worker is not None:
            _end(self.worker)
            self.worker = None

    def freeze(self) -> None:
        """Hold the worker and its children in the middle of what they do."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self.worker is not None
        process = psutil.Process(self.worker.pid)
        for each in (process, *process.children(recursive=True)):
            each.send_signal(number)


@contextmanager
def stage(folder: Path, *, demo: bool = False) -> Iterator[Stage]:
    """Start it on an empty data directory in ``folder``, or with the demo company, and stop it again."""
    settings = {
        "QUARTERDECK_PORT": str(free_port()),
        "QUARTERDECK_DATA_DIR": str(folder / "data"),
        "QUARTERDECK_ADMIN_EMAIL": "admin@example.com",
        "QUARTERDECK_ADMIN_PASSWORD": PASSWORD,
        # A frozen worker shall not be taken for a lost one while it is photographed.
        "QUARTERDECK_LEASE_SECONDS": "900",
        "QUARTERDECK_HEARTBEAT_SECONDS": "0.5",
    }
    log = folder / "log"
    process = _start(["up", "--demo"] if demo else ["up", "--no-worker"], settings, log)
    running = Stage(settings, log)
    try:
        while "is ready at" not in log.read_text():
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        running.hire(*(["ana"] if demo else STAFF))  # the demo has staff of its own
        yield running
    finally:
        running.stop_worker()
        _end(process)


def _start(arguments: list[str], settings: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as out:
        environment = ENVIRONMENT | {"PYTHONUNBUFFERED": "1"} | dict(settings)
        return subprocess.Popen(
            [*COMMAND, *arguments], env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(30)
