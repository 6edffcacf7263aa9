"""What people take away: links that download, and lists as CSV."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlencode

from nicegui import ui

from app.paging import EXPORT_CAP, PLACE, SORT, Count, CountKind, Sort
from components.page.screen import Query


class Download(ui.element):
    """A link to a plain route whose answer becomes a file called ``filename``. The frame takes over other links."""

    def __init__(self, text: str, address: str, filename: str) -> None:
        super().__init__("a")
        self.classes("btn")
        self._props["href"] = address
        self._props["download"] = filename
        self._text = text  # NiceGUI's own way to give an element text; escaped by Vue


@dataclass(frozen=True, slots=True)
class Export:
    """A list that can be taken away: its name among the exports, and the filters that the screen itself sets."""

    name: str
    fixed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def address(self, query: Query, sort: Sort | None) -> str:
        """Where to ask for the file; ``query`` is the list's own, ``sort`` its order when the query names none."""
        order = {SORT: (sort.encode(),)} if sort else {}
        asked = {**order, **query, **{name: (value,) for name, value in self.fixed.items()}}
        said = urlencode({name: values for name, values in sorted(asked.items()) if name != PLACE}, doseq=True)
        return f"/export/{self.name}.csv" + (f"?{said}" if said else "")


def plan(count: Count) -> list[str]:
    """What an export of so many rows does, one sentence a line."""
    some = f"the first {EXPORT_CAP:,} in the order of the list"
    if count.kind is not CountKind.EXACT and count.value <= EXPORT_CAP:
        rows = f"{count} rows match. The file holds them all, or {some}."
    elif count.value > EXPORT_CAP:
        rows = f"{count} rows match. The file holds {some}; narrow the list down to get the others."
    else:
        rows = f"{count} row matches." if count.value == 1 else f"All {count} rows that match go into the file."
    return [rows, "Times are in UTC.", "The audit log keeps that you took them away, and which filters were set."]
