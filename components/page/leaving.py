"""What was removed from a page is freed at once, by counting references alone: left to Python's collector of garbage,
the screens that people leave would make it stop the whole process, for everybody, again and again.
"""

import asyncio
from collections.abc import Iterable
from functools import partial
from types import FunctionType, MethodType

from nicegui import Client
from nicegui.element import Element

_CALLS = (FunctionType, MethodType, partial, asyncio.Task)
_remove = Client.remove_elements


def _remove_and_let_go(client: Client, elements: Iterable[Element]) -> None:
    """NiceGUI's ``remove_elements``; then nothing of theirs leads back to them any more."""
    removed = list(elements)
    _remove(client, removed)
    for element in removed:
        for looks in (element._props, element._classes, element._style):  # noqa: SLF001 - each calls itself; tested
            looks._change_handlers.clear()  # noqa: SLF001 - same
        if not type(element).__module__.startswith("nicegui."):
            _let_go(element)


def _let_go(element: Element) -> None:
    """Drop what a page gave an element to call, and the tasks it began: they lead back to it. Data stays, because a
    click may go on when its element is gone.
    """
    for name, value in vars(element).items():
        if type(value) in {list, tuple}:
            setattr(element, name, type(value)())
        elif isinstance(value, _CALLS):
            setattr(element, name, None)


def free_what_is_removed() -> None:
    """All removals pass one function of NiceGUI; call at start-up."""
    Client.remove_elements = _remove_and_let_go  # type: ignore[assignment, method-assign]  # ends as it did
