"""Children are started again, ended within a bound, and end by themselves when their supervisor is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped] # it ships no types
import pytest

from app.supervisor.children import Child, end_all

pytestmark = pytest.mark.processes

COUNTS_ITS_STARTS = "import sys; open(sys.argv[1], 'a').write('x'); sys.exit(3)"
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen(["sleep", "600"])
open(sys.argv[1], "w").write(str(grandchild.pid))
time.sleep(600)
"""
POLITE = """
import signal, sys, time
def end(*_):
    open(sys.argv[1], "w").write("ended")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
open(sys.argv[1], "w").write("started")
time.sleep(600)
"""
SUPERVISED = "from app.supervisor.lifeline import end_with_supervisor; end_with_supervisor();" + POLITE
SUPERVISOR = """
import os, sys, time
from app.supervisor.children import Child
child = Child("web", [sys.executable, "-c", sys.argv[1], sys.argv[2]], os.environ)
child.start()
print(child.pid, flush=True)
time.sleep(600)
"""


def python(code: str, *arguments: str | Path, **options: float) -> Child:
    return Child("fake", [sys.executable, "-c", code, *map(str, arguments)], os.environ, **options)


def eventually(claim: Callable[[], bool]) -> None:
    """Waits; the time limit of the test run is the only one."""
    while not claim():
        time.sleep(0.02)


def text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def test_a_child_that_ended_is_started_again_with_growing_pauses(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    starts = tmp_path / "starts"
    child = python(COUNTS_ITS_STARTS, starts, first_pause=0.01)
    child.start()

    def has_started_three_times() -> bool:
        child.keep()
        return len(text(starts)) >= 3

    eventually(has_started_three_times)
    end_all([child], 10)
    assert [record.getMessage() for record in caplog.records[:2]] == [
        "The fake process ended (3). It starts again in 0.01 s.",
        "The fake process ended (3). It starts again in 0.02 s.",
    ]


def test_a_child_that_runs_is_left_alone(tmp_path: Path) -> None:
    child = python(POLITE, tmp_path / "state")
    child.start()
    eventually(lambda: text(tmp_path / "state") == "started")
    pid = child.pid
    child.keep()
    assert child.pid == pid
    assert child.exit_code is None
    end_all([child], 60)
    assert text(tmp_path / "state") == "ended"
    assert child.exit_code == 0


def test_the_stubborn_are_killed_with_all_they_started(tmp_path: Path) -> None:
    child = python(STUBBORN, tmp_path / "pid")
    child.start()
    eventually(lambda: text(tmp_path / "pid") != "")
    grandchild = psutil.Process(int(text(tmp_path / "pid")))
    end_all([child], 0.1)
    assert child.exit_code == -signal.SIGKILL
    eventually(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


def test_ending_what_never_started_is_nothing() -> None:
    child = python("")
    end_all([child], 0)
    assert child.exit_code is None


def test_a_child_ends_gracefully_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    command = [sys.executable, "-c", SUPERVISOR, SUPERVISED, str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        child = psutil.Process(int(supervisor.stdout.readline()))
        eventually(lambda: text(state) == "started")
        supervisor.kill()
    eventually(lambda: text(state) == "ended")
    eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
