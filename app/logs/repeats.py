"""A flood of the same log line is counted, not repeated: the first few of a minute are written, then one line says how
many more there were.

Only warnings, errors and tracebacks: lines of what went well differ, and each counts. Who writes them, we or a library,
makes no difference.
"""

import contextvars
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, TextIO

from app.privacy import job_secrets

FIRST = 5
"""Lines of a kind that are written within a minute."""
MINUTE = 60.0
MOST = 1_000
"""Kinds that are remembered; of more, the oldest is told and forgotten."""
_NUMBER = re.compile(r"\d+")
_LONGEST = 200

Kind = tuple[str, int, str, str]


class Timer(Protocol):
    """What calls back later, unless it is cancelled."""

    def cancel(self) -> None:
        """Do not call back any more."""


def _later(seconds: float, callback: Callable[[], None]) -> Timer:
    timer = threading.Timer(seconds, callback)
    timer.daemon = True
    timer.start()
    return timer


@dataclass
class _Seen:
    """One kind of line within its minute."""

    name: str
    level: int
    words: str
    until: float
    written: int = 0
    held: int = 0

    def told(self) -> logging.LogRecord:
        """The line that stands for those that were held back."""
        times = "once" if self.held == 1 else f"{self.held:,} times"
        message = f"This came {times} more within a minute: {self.words}"
        return logging.LogRecord(self.name, self.level, "", 0, message, None, None)


class CountedHandler(logging.StreamHandler[TextIO]):
    """Writes lines, and counts what repeats. ``clock`` and ``later`` are the time, which tests move."""

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], Timer] = _later,
    ) -> None:
        super().__init__(stream or sys.stderr)
        self._clock, self._later = clock, later
        self._kinds: dict[Kind, _Seen] = {}  # in the order in which their minutes end
        self._timer: Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write it, or count it; and tell first what is due."""
        self._tell(self._due())
        if self._passes(record):
            super().emit(record)

    def close(self) -> None:
        """Tell what was held back: nothing comes after."""
        with self.lock or threading.RLock():
            kinds, self._kinds = list(self._kinds.values()), {}
            self._tell(iter(kinds))
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        super().close()

    def _passes(self, record: logging.LogRecord) -> bool:
        error = _error_of(record)
        if record.levelno < logging.WARNING and error is None:
            return True
        kind = _kind(record, error)
        seen = self._kinds.get(kind)
        if seen is None:
            if len(self._kinds) >= MOST:
                self._tell(iter([self._kinds.pop(next(iter(self._kinds)))]))
            words = str(job_secrets.redacted(" ".join(part for part in kind[2:] if part)))
            seen = self._kinds[kind] = _Seen(record.name, record.levelno, words, self._clock() + MINUTE)
        if seen.written < FIRST:
            seen.written += 1
            return True
        seen.held += 1
        if self._timer is None:
            self._timer = self._later(max(0.0, seen.until - self._clock()), self._tick)
        return False

    def _tick(self) -> None:
        """The minute of something that was held back is over."""
        with self.lock or threading.RLock():
            self._timer = None
            self._tell(self._due())
            waits = [seen.until for seen in self._kinds.values() if seen.held]
            if waits:
                self._timer = self._later(max(0.0, waits[0] - self._clock()), self._tick)

    def _due(self) -> Iterator[_Seen]:
        now = self._clock()
        while self._kinds:
            kind, seen = next(iter(self._kinds.items()))
            if seen.until > now:
                return
            del self._kinds[kind]
            yield seen

    def _tell(self, ended: Iterator[_Seen]) -> None:
        for seen in ended:
            if seen.held:  # in a context of its own: it belongs to no click and no job
                contextvars.Context().run(super().emit, seen.told())


def _kind(record: logging.LogRecord, error: BaseException | None) -> Kind:
    """What lines of a kind have in common: logger, level, what is said without its numbers, where an error arose."""
    if error is None:
        said, where = record.getMessage() if not isinstance(record.msg, dict) else _said(record), ""
    else:  # the sentence as it stands in the source: what is put into it differs each time
        said, where = _said(record), f"({type(error).__qualname__} {_place(error.__traceback__)})"
    return record.name, record.levelno, _NUMBER.sub("#", said.partition("\n")[0][:_LONGEST]), where


def _said(record: logging.LogRecord) -> str:
    said = record.msg.get("event") if isinstance(record.msg, dict) else record.msg
    return "" if isinstance(said, BaseException) else str(said)


def _error_of(record: logging.LogRecord) -> BaseException | None:
    info = record.msg.get("exc_info") if isinstance(record.msg, dict) else record.exc_info
    error = info[1] if isinstance(info, tuple) else sys.exc_info()[1] if info is True else info
    return error if isinstance(error, BaseException) else None


def _place(trace: TracebackType | None) -> str:
    """The innermost place of an error."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else "-"
