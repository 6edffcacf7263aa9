"""Runs the command line in processes of its own; ``up`` and all that it starts as people do."""

import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped] # it ships no types

from tests.ports import free_port
from tests.warm import Warm, unmeasured

COMMAND = [sys.executable, "-P", "-m", "app"]


ENVIRONMENT = unmeasured({name: value for name, value in os.environ.items() if not name.startswith("QUARTERDECK_")})


def quarterdeck(
    *arguments: str | Path, settings: Mapping[str, str] | None = None, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    words, variables = [str(word) for word in arguments], ENVIRONMENT | dict(settings or {})
    with tempfile.TemporaryDirectory() as folder:
        out, errors, said = (Path(folder, name) for name in ("out", "errors", "said"))
        said.write_text(text)
        code = Warm("app", *words, variables=variables, log=out, errors=errors, text=said).wait()
        return subprocess.CompletedProcess(words, code, out.read_text(), errors.read_text())


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a command which could not start has said."""
    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


@dataclass
class Up:
    """A running ``quarterdeck up``."""

    process: subprocess.Popen[str]
    port: int
    log: Path
    said: list[str] = field(default_factory=list)

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            if "is ready at" in line:
                return
        raise AssertionError("It ended before it was ready: " + self.log.read_text())

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def wait_until_answering(self) -> None:
        """Waits; the time limit of the test run is the only one."""
        while not self._answers():
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return self.get("/health/ready")[0] == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False

    def family(self) -> list[psutil.Process]:
        """Every process that it started, itself first."""
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]

    def child(self, command: str) -> psutil.Process:
        """Its child ``serve``, ``worker`` or ``postgres``; waits for it when it is just being started again."""
        while True:
            for process in psutil.Process(self.process.pid).children():
                words = process.cmdline()
                if command in words or any(word.endswith(f"/{command}") for word in words):
                    return process
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.said += self.process.stdout.read().splitlines()
        return code


@contextmanager
def up(data_dir: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> Iterator[Up]:
    """``quarterdeck up`` on a free port, ready; whatever the block leaves of it is killed."""
    port, log = free_port(), data_dir.with_name(f"{data_dir.name}.log")
    command = [*COMMAND, "up", "--port", str(port), "--data-dir", str(data_dir), *arguments]
    with (
        log.open("a") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
            env=ENVIRONMENT | dict(settings or {}),
        ) as process,
    ):
        started = Up(process, port, log)
        try:
            started.wait_until_ready()
            yield started
        finally:
            if process.poll() is None:
                for member in started.family():
                    member.kill()
