"""The parts of a worker that need no database: whose process lives, what a failure means, which function runs what."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import Invalid, TooSlow, Unavailable
from app.job_queue import TASKS, Task
from app.job_queue.tasks import Backoff
from app.worker import failures, host, registry
from app.worker.run import load_tasks


def test_this_process_and_the_first_one_live_and_an_ended_one_does_not() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert not host.alive(ended.pid)  # dead, but not collected yet
    ended.wait()
    assert not host.alive(ended.pid)
    assert host.alive(os.getpid())


def test_a_process_of_another_user_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert host.alive(1)


def test_a_host_is_its_name_and_a_fingerprint_even_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    full = host.host()
    assert full == host.host()

    def missing(*_: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setattr(Path, "readlink", missing)
    assert host.host().split("/")[0] == full.split("/")[0]
    assert host.host() != full
    assert host.alive(os.getpid())


def _fail(number: int) -> None:
    raise ValueError(f"row {number} is odd")


def test_a_signature_groups_alike_failures_without_their_numbers() -> None:
    seen = set()
    for number in (7, 42):
        with pytest.raises(ValueError, match="is odd") as caught:
            _fail(number)
        failure = failures.failure_of("test.kind2", caught.value)
        seen.add(failure.signature)
        assert failure.message == f"ValueError: row {number} is odd"
        assert "Traceback" in failure.error
    assert seen == {"test.kind2 ValueError tests/unit/test_worker.py:_fail row # is odd"}


def test_a_refusal_says_its_sentence_and_no_traceback() -> None:
    failure = failures.failure_of("test.kind", Invalid("The file is empty."))
    assert (failure.code, failure.error) == ("VALIDATION_ERROR", "The file is empty.")
    assert failure.signature == "test.kind Invalid - The file is empty."


def test_outages_may_pass_and_pauses_grow_as_the_task_wants_it() -> None:
    assert failures.can_help(Unavailable("Away."))
    assert failures.can_help(TooSlow("Slow."))
    assert not failures.can_help(Invalid("Wrong."))
    usual, patient = Backoff(), Backoff(first=60, factor=1, longest=60)
    pauses = [failures.pause(usual, attempt, 10) for attempt in (1, 2, 3, 20)]
    assert pauses == pytest.approx([10, 20, 40, 900], rel=0.1)
    assert [failures.pause(patient, attempt, 10) for attempt in (1, 9)] == pytest.approx([60, 60], rel=0.1)
    assert len({failures.pause(patient, 1, 10) for _ in range(9)}) > 1, "not all at the same moment"


def test_every_declared_task_has_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    load_tasks()
    monkeypatch.setattr(registry, "_runnables", dict(registry._runnables))
    assert {kind for kind in TASKS if registry.find(kind)} == set(TASKS)
    task = Task("test.unit", "Test")

    @registry.runs(task)
    async def first(_: object) -> None:
        return

    with pytest.raises(ValueError, match="Two functions"):
        registry.runs(task)(first)
