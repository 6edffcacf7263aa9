"""Starts programs of ours as ``python -m …`` does, without waiting for their imports.

Importing the product takes a process seconds of work, at each of some fifty starts. So a run of tests keeps one
process that has imported everything and does nothing else; a start is a fork of it. ``tests/processes/test_up.py``
starts the product as people do.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from multiprocessing import forkserver
from pathlib import Path
from types import ModuleType
from unittest import mock

PRELOADED = ["tests.warm", "app.main", "app.postgres.migrate", "app.supervisor.up", "app.worker.run", "pages"]


class Warm:
    """A process that was started, in the words of :class:`subprocess.Popen`."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        variables: Mapping[str, str] = os.environ,
        log: Path | None = None,
        errors: Path | None = None,
        text: Path | None = None,
    ) -> None:
        """``variables`` are all that it finds in its environment. It writes to our own output unless to ``log``, its
        errors to the same unless to ``errors``, and reads nothing unless ``text``.
        """
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        self._process = context.Process(
            target=_run, args=(module, arguments, _ordinary(variables), log, errors or log, text)
        )
        with ExitStack() as hidden:
            # It would import what runs the tests, and then behave as it does under pytest.
            hidden.enter_context(mock.patch.dict(sys.modules, __main__=ModuleType("__main__")))
            hidden.enter_context(mock.patch.dict(os.environ, _ordinary(os.environ), clear=True))
            forkserver.ensure_running()
            self._process.start()
        self.pid = self._process.ident or 0

    def poll(self) -> int | None:
        """How it ended, negative for a signal; nothing while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait ``timeout`` seconds at most for its end."""
        self._process.join(timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()


def unmeasured(variables: Mapping[str, str]) -> dict[str, str]:
    """Without the measurement of coverage, which makes whatever a test starts and waits for twice as slow."""
    return {name: value for name, value in variables.items() if not name.startswith("COVERAGE")}


def _ordinary(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in unmeasured(variables).items() if not name.startswith("PYTEST")}


def _run(module: str, arguments: tuple[str, ...], variables: dict[str, str], *files: Path | None) -> None:
    os.environ.clear()
    os.environ.update(variables)
    for number, path in zip((1, 2, 0), files, strict=True):
        if path is not None:
            with path.open("ab" if number else "rb") as file:
                os.dup2(file.fileno(), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - open as long as the process
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
