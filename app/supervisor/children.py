"""Child processes: started, started again with growing pauses when they end, and ended within a bound."""

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

LONGEST_PAUSE = 30.0
_STEADY_SECONDS = 60.0
"""Who ran this long has recovered: the next pause is short again."""

log = logging.getLogger(__name__)


@dataclass
class Child:
    """A process that is to run always. Its standard input is the lifeline (see ``app.supervisor.lifeline``)."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    first_pause: float = 1.0
    """Seconds before the second start; doubled at each further one, up to :data:`LONGEST_PAUSE`."""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _failures: int = field(default=0, init=False)
    _started_at: float = field(default=0, init=False)
    _again_at: float | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        """The number of the process, running or just ended."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """How it ended, negative for a signal; nothing while it runs."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        self._close()
        self._again_at = None
        self._started_at = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - our own programs
            self.command, env=self.environment, stdin=subprocess.PIPE, start_new_session=True
        )

    def keep(self) -> None:
        """Start it again when it has ended and its pause is over. Call it several times a second."""
        if self.exit_code is None:
            return
        now = time.monotonic()
        if self._again_at is None:
            pause = self._next_pause(now - self._started_at)
            self._again_at = now + pause
            log.warning("The %s process ended (%s). It starts again in %g s.", self.name, self.exit_code, pause)
        elif now >= self._again_at:
            self.start()

    def _next_pause(self, ran: float) -> float:
        self._failures = 0 if ran > _STEADY_SECONDS else self._failures
        pause = min(self.first_pause * 2.0**self._failures, LONGEST_PAUSE)
        self._failures += 1
        return pause

    def ask_to_end(self) -> None:
        """Send SIGTERM."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def end_by(self, deadline: float) -> None:
        """Wait until ``deadline`` (of ``time.monotonic``), then kill it and whatever it started."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("The %s process did not end in time and was killed.", self.name)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._close()

    def _close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()


def end_all(children: Iterable[Child], seconds: float) -> None:
    """Ask all to end at once; kill those who have not after ``seconds``."""
    children = list(children)
    deadline = time.monotonic() + seconds
    for child in children:
        child.ask_to_end()
    for child in children:
        child.end_by(deadline)
