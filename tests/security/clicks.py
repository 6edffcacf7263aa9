"""Every event that a page listens to, with what a browser would send: found on the page, not in a list of buttons."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import Client, background_tasks
from nicegui.element import Element

from components.charts.chart import Chart
from components.forms.dialogs import _Dialog
from components.forms.form import Form
from components.forms.upload import FileDrop
from components.grid.grid import DataGrid
from components.lists.table import DataTable
from components.page.live import Live
from components.records.blocks import Block, Facts, PageHead
from components.records.comparison import Comparison
from components.records.side_pane import _Pane
from components.records.verification import Verified
from tests.pages.visitor import Visitor

BACKGROUND = ("live", "last seen", "heard", "recheck sessions", "outbox loop")
"""Tasks that nobody's click has started; they pause between two looks."""
QUIET = {"act", "again", "stop", "export", "close"}
"""Events without anything to say beside their name."""
HARMLESS = {"change", "sub_pages_open", "sub_pages_navigate", "locked", "proved"}
"""Events that ask nothing of any service: a preview of what the page holds already, another screen (which asks anew
for everything), and the question who somebody is.
"""
ACTING = {"submit", "edit", "done"}
"""Events that exist to change something: each must reach the door."""


@dataclass(frozen=True)
class Event:
    """One message that a browser could send to one element."""

    visitor: Visitor
    element: Element
    name: str
    args: Any = None
    needs: object = None
    """The permission that the screen declares for it, if it does."""

    def __str__(self) -> str:
        return f"{self.visitor.page and self.visitor.page.sub_pages_router.current_path} {self.label} {self.name}"

    @property
    def label(self) -> str:
        """What the element is, for a failure's message."""
        contents = getattr(self.element, "contents", None)
        said = contents.get("label") or contents.get("title") if isinstance(contents, Mapping) else None
        return f"{type(self.element).__name__} {said or ''} {self.args}"

    def fire(self) -> None:
        """Send it."""
        self.visitor.send(self.element, self.name, self.args)


@dataclass(frozen=True)
class Sent:
    """What a browser learns by HTTP and then sends over the wire: a cell that was edited, a file that was uploaded."""

    edit: Mapping[str, Any]
    done: Mapping[str, Any]


def events(visitor: Visitor, sent: Sent) -> list[Event]:
    """Everything that could be sent to an open page."""
    return [event for element in visitor.elements for event in _of(visitor, element, sent)]


def dialogs(visitor: Visitor) -> list[Element]:
    """The dialogs that stand open on a page."""
    return [element for element in visitor.elements if isinstance(element, _Dialog) and not element.is_deleted]


def _of(visitor: Visitor, element: Element, sent: Sent) -> Iterator[Event]:
    for name in dict.fromkeys(listener.type for listener in element._event_listeners.values()):
        for args, needs in _plausible(element, name, sent):
            yield Event(visitor, element, name, args, needs)


def _plausible(element: Any, name: str, sent: Sent) -> list[tuple[Any, object]]:
    """What a browser would send with this event, and the permission that the screen declares for it."""
    match element, name:
        case PageHead(), "act":
            return [(n, action.needs) for n, action in enumerate(element._actions) if action.run is not None]
        case Facts(), "act":
            return [(n, None) for n, fact in enumerate(element._facts) if fact.reveal is not None]
        case DataTable(), ("act" | "bulk"):
            return _acts(element, name)
        case ((Form() | _Dialog()), "submit"):
            return [(filled(element.contents["fields"]), None)]
        case DataGrid(), "edit":
            return [(sent.edit, None)]
        case FileDrop(), "done":
            return [(sent.done, None)]
        case _, _ if name in HARMLESS:
            return []
        case ((DataTable() | Live()), "hidden"):
            return [(False, None)]
        case (
            (Block() | DataTable() | Chart() | Comparison() | _Dialog() | _Pane() | Verified()),
            ("act" | "again" | "stop" | "export" | "close" | "look"),
        ):
            return [(None, None)]
        case _:
            raise AssertionError(
                f"{type(element).__name__} hears {name!r}: say in tests/security/clicks.py what it is sent"
            )


def _acts(table: DataTable, name: str) -> list[tuple[Any, object]]:
    """What can be done with one row, or with all that match."""
    if name == "bulk":
        return [([n, None], action.needs) for n, action in enumerate(table._bulk_actions)]
    rows = table.contents["rows"] or []
    return [([key, n], table._actions[n].needs) for key, _, _, acts, _ in rows for n in acts]


def filled(fields: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """A form filled in so that nothing about the values themselves is wrong."""
    return {field["name"]: _value(field) for field in fields}


def _value(field: Mapping[str, Any]) -> str:
    if field["must_equal"] or not field["required"]:
        return str(field["must_equal"])
    values = [value for value, _ in field["choices"]]
    match field["kind"]:
        case "choice":
            return str(next((value for value in reversed(values) if value != field["value"]), field["value"]))
        case "many":
            return ",".join(values)
        case "number":
            return "7"
        case "json":
            return '{"clicked": true}'
        case "email":
            return "clicked@example.com"
        case _:
            return "Clicked all the same"


def standing() -> frozenset[asyncio.Task[Any]]:
    """What runs as long as the application does."""
    return frozenset(background_tasks.running_tasks)


async def settled(but: Collection[asyncio.Task[Any]]) -> None:
    """Wait until nothing runs any more but what always does, and what waits for a person: a dialog's answer."""
    while busy := [task for task in background_tasks.running_tasks if task not in but and not _waits(task)]:
        await asyncio.wait(busy, timeout=0.01)


def _waits(task: asyncio.Task[Any]) -> bool:
    if task.get_name().startswith(BACKGROUND):
        return True
    waiter = getattr(task, "_fut_waiter", None)  # where the innermost await of a task stands
    return any(waiter is dialog.answer for dialog in _open_dialogs())


def _open_dialogs() -> Iterator[_Dialog | _Pane]:
    for client in Client.instances.values():
        yield from (element for element in client.elements.values() if isinstance(element, _Dialog | _Pane))
