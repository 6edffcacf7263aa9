"""What a browser sends with an event: taken only in the shape that its handler expects, checked here and nowhere else.

::

    self.on("act", taking(tuple[str, int], self._act))    # _act gets ("018f…", 2)
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any, TypeVar, cast

import orjson
from nicegui.events import GenericEventArguments
from pydantic import TypeAdapter, ValidationError

from app.errors import Invalid

T = TypeVar("T")
R = TypeVar("R")


def taking(shape: type[T], handler: Callable[[T], R]) -> Callable[[GenericEventArguments], R]:
    """A listener that hands what was sent to ``handler``.

    Raises:
        Invalid: it has another shape. The person who sees the page is told.
    """
    checked = shaped(shape, handler)
    return lambda event: checked(event.args)


def once(
    handler: Callable[[GenericEventArguments], Awaitable[None] | None], *, per_args: bool = False
) -> Callable[[GenericEventArguments], Awaitable[None]]:
    """A handler that runs once at a time: what is sent again meanwhile is dropped, whoever sends it. With ``per_args``
    other arguments are another thing to do, such as another button of the same element.
    """
    running: set[bytes] = set()

    async def run(event: GenericEventArguments) -> None:
        asked = _key(event.args) if per_args else b""
        if asked in running:
            return
        running.add(asked)
        try:
            answer = handler(event)
            if inspect.isawaitable(answer):
                await answer
        finally:
            running.discard(asked)

    return run


def _key(args: object) -> bytes:
    try:
        return orjson.dumps(args)
    except orjson.JSONEncodeError:  # deeper than anything of ours: its handler refuses it
        return b""


def shaped(shape: type[T], handler: Callable[[T], R]) -> Callable[[Any], R]:
    """The same for a function that gets what was sent itself."""
    return lambda sent: handler(_read(shape, sent))


def chosen(options: Sequence[T], index: int) -> T:
    """The one of several that a browser named by its place."""
    if not 0 <= index < len(options):
        raise _damaged()
    return options[index]


def _read(shape: type[T], sent: object) -> T:
    try:
        # As JSON once more, because only JSON's strictness takes a list for a tuple and nothing else for anything.
        found: T = _adapter(cast("Any", shape)).validate_json(orjson.dumps(sent), strict=True)
    except (ValidationError, orjson.JSONEncodeError):  # another shape, or deeper than anything of ours
        raise _damaged() from None
    return found


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - any type
    return TypeAdapter(shape)


def _damaged() -> Invalid:
    return Invalid("This page sent something that cannot be read. Reload it, and try again.")
