"""Log lines: structlog over the standard library's logging, so that libraries' lines look like ours, and a flood
of one of them is counted (``app.logs.repeats``).

The reference of what is going on (``app.trace``) stands on every line, with whatever is bound by :func:`bound`.
"""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor

from app import trace
from app.errors import AppError
from app.logs.repeats import CountedHandler
from app.privacy import job_secrets

# These say at INFO what concerns only their own makers, or repeat what the guard says better.
_TALKATIVE = (
    *("asyncio", "engineio.server", "socketio", "socketio.server", "uvicorn.access", "uvicorn.error", "alembic"),
    *("httpx", "stripe"),
)

_NOT_FOUND = re.compile(r"https?://\S+ not found$")


class ExpectedRefusals(logging.Filter):
    """Turns an :class:`AppError` that was logged as an ERROR (NiceGUI does, for every exception) into an INFO line.

    A refusal is the product working; its sentence goes to the person, and no traceback to the log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the line pass, turned down; or not, when INFO is not wanted."""
        if record.name == "nicegui" and _NOT_FOUND.match(str(record.msg)):
            return False  # it holds the whole query string, and what people search for; the guard says it without
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, AppError):
            return True
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.msg, record.args = f"Refused: {error.code}: {error.message}", ()
        record.exc_info = record.exc_text = None
        return logging.getLogger(record.name).isEnabledFor(logging.INFO)


def configure(level: str = "INFO", form: Literal["console", "json"] = "console") -> None:
    """Set up logging for this process: everything to standard error, one line an event."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _reference,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = CountedHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_last_steps(form)))
    handler.addFilter(ExpectedRefusals())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    for name in ("uvicorn", "uvicorn.error"):  # uvicorn brings handlers of its own, which would say everything twice
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    expect_refusals()


def expect_refusals() -> None:
    """Put the filter on NiceGUI's logger too, for handlers that others attach (a test's capture)."""
    nicegui = logging.getLogger("nicegui")
    if not any(isinstance(kept, ExpectedRefusals) for kept in nicegui.filters):
        nicegui.addFilter(ExpectedRefusals())


@contextmanager
def bound(**values: object) -> Iterator[None]:
    """Every line inside the block carries these values."""
    with structlog.contextvars.bound_contextvars(**values):
        yield


def _reference(_: object, __: str, event: EventDict) -> EventDict:
    if reference := trace.request_reference():
        event.setdefault("reference", reference)
    return event


def _last_steps(form: Literal["console", "json"]) -> list[Processor]:
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if form == "json":
        # Without the values of local variables: among them are passwords and cookies.
        traceback = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        render: list[Processor] = [
            structlog.processors.ExceptionRenderer(traceback),
            structlog.processors.JSONRenderer(),
        ]
        return [clean, *render, _without_secrets]
    return [
        clean,
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback),
        _without_secrets,
    ]


def _without_secrets(_: object, __: str, line: Any) -> Any:  # noqa: ANN401 - the finished line
    """A run's lines, tracebacks too, without what its job was given in confidence."""
    return job_secrets.redacted(line)
