"""Whom the door may ask to prove again who they are: the person who acts on an open page just now, if anybody.

A click waits at the door meanwhile, outside of any transaction, so nothing that it has done is done twice. What no
person does (a request of a program, a page that hears of a change) carries nobody to ask: the door just refuses it.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from app.errors import StepUpRequired

Ask = Callable[[StepUpRequired], Awaitable[bool]]
"""Asks the person; tells whether they have proved it."""

_ask: ContextVar[Ask | None] = ContextVar("ask", default=None)


@contextmanager
def may_ask(ask: Ask) -> Iterator[None]:
    """Everything inside, and every task that it starts, is an act of a person who can be asked so."""
    token = _ask.set(ask)
    try:
        yield
    finally:
        _ask.reset(token)


async def proved(refusal: StepUpRequired) -> bool:
    """Ask whoever acts just now. False: there is nobody, as nobody acts.

    Raises:
        NotProved: they would not.
    """
    ask = _ask.get()
    return ask is not None and await ask(refusal)
