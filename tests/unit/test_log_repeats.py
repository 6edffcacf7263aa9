"""A flood of the same line is counted; nothing else is ever held back, and nothing is lost."""

import asyncio
import io
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from app import logs, trace
from app.logs.repeats import FIRST, MINUTE, MOST, CountedHandler
from app.privacy import job_secrets


@dataclass
class Time:
    """The clock of a handler, and what it wants to be woken for."""

    now: float = 0.0
    wakes: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def later(self, seconds: float, callback: Callable[[], None]) -> "Time":
        self.wakes.append((self.now + seconds, callback))
        return self

    def cancel(self) -> None:
        self.wakes.clear()

    def passes(self, seconds: float) -> None:
        self.now += seconds
        due = [wake for wake in self.wakes if wake[0] <= self.now]
        self.wakes = [wake for wake in self.wakes if wake not in due]
        for _, callback in due:
            callback()


class Log:
    """A root logger with nothing but our handler."""

    def __init__(self, root: logging.Logger) -> None:
        self.time, self.out, self.root = Time(), io.StringIO(), root
        self.handler = CountedHandler(self.out, clock=lambda: self.time.now, later=self.time.later)
        root.handlers[:] = [self.handler]

    @property
    def lines(self) -> list[str]:
        return self.out.getvalue().splitlines()


@pytest.fixture
def log() -> Iterator[Log]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.setLevel(logging.INFO)
    yield Log(root)
    root.handlers[:] = before
    root.setLevel(level)


def _fail(logger: str, words: str = "Flush failed", error: type[Exception] = ValueError) -> None:
    try:
        raise error(words)
    except error:
        logging.getLogger(logger).exception("It failed: %s", words)


@pytest.mark.parametrize("logger", ["app.worker", "asyncio", "uvicorn.error", "pgqueuer", "nicegui"])
def test_a_flood_is_a_few_lines_and_one_that_counts_the_others(log: Log, logger: str) -> None:
    for n in range(1_000):
        _fail(logger, f"connection {n} is closed")
    assert log.out.getvalue().count("Traceback") == FIRST
    log.time.passes(MINUTE)
    assert log.out.getvalue().count("Traceback") == FIRST
    assert "This came 995 times more within a minute: It failed: %s (ValueError test_log_repeats.py:" in log.lines[-1]
    assert not log.time.wakes, "nothing is waited for once all is told"
    _fail(logger)
    assert log.out.getvalue().count("Traceback") == FIRST + 1, "a new minute"


def test_the_first_of_another_kind_is_never_held_back(log: Log) -> None:
    for _ in range(FIRST + 1):
        _fail("app.one")
    _fail("app.two")
    _fail("app.one", error=KeyError)
    try:
        int("x")
    except ValueError:
        logging.getLogger("app.one").exception("It failed: %s", "elsewhere")
    logging.getLogger("app.one").warning("It failed: %s", "Flush failed")
    logging.getLogger("app.one").error("It failed: %s", "Flush failed")
    assert log.out.getvalue().count("Traceback") == FIRST + 3
    assert log.lines[-2:] == ["It failed: Flush failed"] * 2


def test_lines_of_what_went_well_are_all_written(log: Log) -> None:
    for _ in range(3 * FIRST):
        logging.getLogger("app.web.guard").info("GET / 200 3 ms")
    assert len(log.lines) == 3 * FIRST
    for n in range(3 * FIRST):
        logging.getLogger("app.web.guard").warning("GET /%s 500 %s ms", "abcdefghijklmno"[n], n)
    assert len(log.lines) == 6 * FIRST, "what is asked for differs"
    for n in range(3 * FIRST):
        logging.getLogger("app.web.guard").warning("GET /a 500 %s ms", n)
    assert len(log.lines) == 7 * FIRST - 1, "but for numbers they are the same, and one stood there already"


def test_what_was_held_back_is_told_by_the_next_line_and_at_the_end(log: Log) -> None:
    warn = logging.getLogger("app.x").warning
    for _ in range(FIRST + 2):
        warn("Again")
    log.time.now += MINUTE
    logging.getLogger("app.y").info("Something else")
    assert log.lines[FIRST:] == ["This came 2 times more within a minute: Again", "Something else"]
    for _ in range(FIRST + 1):
        warn("Again")
    log.handler.close()
    assert log.lines[-1] == "This came once more within a minute: Again"
    assert not log.time.wakes


def test_memory_has_a_bound_and_what_is_forgotten_is_told(log: Log) -> None:
    for _ in range(FIRST + 3):
        logging.getLogger("app.x").warning("The oldest")
    names = ["".join(chr(97 + int(digit)) for digit in str(n)) for n in range(3 * MOST)]
    for name in names:
        logging.getLogger("app.x").warning("Kind %s", name)
    assert len(log.handler._kinds) == MOST
    assert log.lines.count("This came 3 times more within a minute: The oldest") == 1
    assert len(log.lines) == FIRST + 1 + len(names)


def test_the_count_belongs_to_no_click_and_tells_no_secret(monkeypatch: pytest.MonkeyPatch, log: Log) -> None:
    logs.configure("INFO", "json")
    configured = logging.getLogger().handlers[0]
    assert isinstance(configured, CountedHandler)
    log.handler.setFormatter(configured.formatter)
    logging.getLogger().handlers[:] = [log.handler]
    with trace.referenced("7F3K-Q2"), job_secrets.hiding({"password": "hunter-two"}, "test.try"):
        for _ in range(FIRST + 1):
            logging.getLogger("app.x").warning("It said hunter-two")
        log.time.passes(MINUTE)
    assert "hunter-two" not in log.out.getvalue()
    assert [line.count("7F3K-Q2") for line in log.lines] == [1] * FIRST + [0]
    logging.captureWarnings(False)


async def test_what_asyncio_says_of_a_callback_is_counted_too(log: Log) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(10 * FIRST):
        loop.call_exception_handler({"message": "A callback failed", "exception": ValueError("no")})
    assert log.out.getvalue().count("A callback failed") == FIRST
    log.handler.close()
    assert log.out.getvalue().count("45 times more") == 1
