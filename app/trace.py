"""The reference of what is going on now (a request, a click, a job): on every log line and audit entry."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_reference: ContextVar[str | None] = ContextVar("reference", default=None)


def request_reference() -> str | None:
    """The reference of the request, click or job that runs now, if any."""
    return _reference.get()


@contextmanager
def referenced(reference: str) -> Iterator[str]:
    """Everything inside carries ``reference``."""
    token = _reference.set(reference)
    try:
        yield reference
    finally:
        _reference.reset(token)
