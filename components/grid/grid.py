"""The grid of a dataset: millions of rows behind one scroll bar, edited cell by cell.

Rows come by fetch from a plain GET route, not over the socket, so that they pass the guard and the door like any
request. **The route** is asked ``GET {rows_url}?from=A&to=B&{query}``: the rows at the indices A ≤ i < B (from 0) of
the order and the filters which ``query`` names (``sort=-dep_delay`` and ``f=…`` as in :mod:`app.fields.filters`,
nothing else). It answers 200 and JSON::

    {"rows": [[id, position, version, status, [value, …]], …],   values in the order of the fields
     "total": 336776,                                            rows that can be reached by index
     "total_kind": "exact" | "at_least",                         at_least: "the first 10,000 of more"
     "scan": false,                                              true: the question read every row
     "took_ms": 3.1}                                             time in the database

``id`` is the row's UUID as text, ``position`` the number that people see, ``version`` a number or null, ``status`` a
word or null. Values: null is missing; boolean true/false; integer and number a JSON number, or its digits as a string
where JavaScript would round them; date ``2013-09-10``; datetime ISO 8601; multi_choice a list of strings; json any
value; everything else a string. Refusals are ``{"code", "message"}`` with their status: 401 leads to the sign-in, 504
is the "too slow" state, the rest an error card with the sentence. Cancel aborts the request, and so does a newer view:
the route should stop its question when the browser goes away.

**An edit** reaches Python as :class:`Edit`; the page saves and calls :meth:`DataGrid.answer`. Until then the cell says
"saving". What was typed stays in the cell (and in the tab's session storage) until it is saved or discarded.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from nicegui.element import Element
from nicegui.elements import aggrid

import components.page.element  # noqa: F401 - the script imports what this registers as "quarterdeck"
from app.errors import AppError, Conflict, Invalid
from app.fields.filters import parse_filters
from app.values.exact_json import for_browser
from components.page.wire import taking

Tone = Literal["ok", "warn", "bad", "info", "idle"]
AnswerState = Literal["saved", "refused", "failed", "conflict", "discarded"]
_ESM = str(Path(str(aggrid.__file__)).parent / "dist")


@dataclass(frozen=True, slots=True)
class GridField:
    """One column. ``type`` is a field type's name (text, long_text, integer, … json)."""

    key: str
    label: str
    type: str
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    editable: bool = True


@dataclass(frozen=True, slots=True)
class Edit:
    """A cell that somebody changed: what they saw, and what they want. Nothing in it has been checked yet."""

    row_id: str
    field: str
    seen: Any = None
    value: Any = None


OnEdit = Callable[[Edit], Awaitable[None]]


class DataGrid(
    Element,
    component="grid.js",
    dependencies=[f"grid_{part}.js" for part in ("source", "cells", "editors", "edits", "states", "theme", "window")],
    esm={"nicegui-aggrid": _ESM},
):
    """A grid over the rows of a dataset. It fills the height that its container leaves."""

    def __init__(
        self,
        label: str,
        rows_url: str,
        fields: Sequence[GridField],
        total: int,
        *,
        editable: bool = False,
        on_edit: OnEdit | None = None,
        row_link: str = "",
        statuses: Mapping[str, tuple[str, Tone]] | None = None,
        query: str = "",
        scan: bool = False,
    ) -> None:
        """Show the rows of ``rows_url``.

        Args:
            label: the accessible name.
            rows_url: path of the route; see the module's docstring.
            fields: the columns, in the order of a row's values.
            total: rows without any filter, so that the scroll bar is right before the first answer.
            editable: whether cells open an editor.
            on_edit: saves an edit and calls :meth:`answer`. A refusal that it raises is told to the cell.
            row_link: path of the page of a row, such as ``/datasets/7/rows/{row_id}``; empty for none.
            statuses: word and tone of each row status; without it the grid has no status column.
            query: the query string of the page (only ``sort`` and ``f`` are used).
            scan: whether the first question has no index and reads every row.
        """
        super().__init__()
        self._fields = tuple(fields)
        self._on_edit = on_edit
        self._props["label"] = label
        self._props["rows-url"] = rows_url
        self._props["fields"] = _compact([asdict(field) for field in self._fields])
        self._props["total"] = total
        self._props["editable"] = editable
        self._props["row-link"] = row_link
        self._props["statuses"] = _compact(statuses or {})
        self._set_view(query, scan=scan)
        self.on("edit", taking(Edit, self._edited))

    def show(self, query: str, *, scan: bool = False) -> None:
        """Show another view: the page's URL changed. Repeating the present query changes nothing.

        Args:
            query: the query string of the page.
            scan: whether the question has no index and reads every row; the grid says so while it waits.
        """
        self._set_view(query, scan=scan)
        self.update()

    def answer(self, row_id: str, field: str, value: object, state: AnswerState, message: str = "") -> None:
        """Answer an edit.

        Args:
            row_id: the row of the edit.
            field: the field's key.
            value: what the database holds now (saved: the new value; conflict: theirs; otherwise the old one).
            state: ``saved`` and ``discarded`` end the edit. ``refused``, ``failed`` and ``conflict`` keep what was
                typed in the cell, marked as not saved; ``failed`` and ``conflict`` offer to try again.
            message: the sentence for the person, unless saved.
        """
        self.run_method("answer", row_id, field, for_browser(value), state, message)

    def changed(self, row_id: str, field: str, value: object) -> None:
        """Somebody else saved a cell: show it if the row is loaded, without moving anything."""
        self.run_method("changed", row_id, field, for_browser(value))

    def reload(self) -> None:
        """Ask for the visible rows anew (rows came or went); the place stays."""
        self.run_method("reload")

    def go_to(self, row: int) -> None:
        """Scroll to a row, counted from 1 in the order on screen."""
        self.run_method("goTo", row - 1)

    def _set_view(self, query: str, *, scan: bool) -> None:
        labels = {field.key: field.label for field in self._fields}
        try:
            words = [condition.words(labels.get(condition.field)) for condition in parse_filters(query)]
        except Invalid:
            # The route refuses the same query with the same sentence, and the grid shows that with a way out of it.
            words = ["this filter"]
        self._props["view"] = _compact({"query": query.removeprefix("?"), "words": words, "scan": scan})

    async def _edited(self, edit: Edit) -> None:
        if self._on_edit is None:
            self.answer(edit.row_id, edit.field, edit.seen, "refused", "These rows cannot be edited here.")
            return
        try:
            await self._on_edit(edit)
        except Invalid as refusal:
            self.answer(edit.row_id, edit.field, edit.seen, "refused", refusal.message)
        except Conflict as conflict:
            self.answer(edit.row_id, edit.field, conflict.theirs, "conflict", conflict.message)
            raise
        except AppError as refusal:
            self.answer(edit.row_id, edit.field, edit.seen, "failed", refusal.message)
            raise
        except Exception:
            self.answer(edit.row_id, edit.field, edit.seen, "failed", "Something went wrong on our side.")
            raise

    def _displayed_contents(self, *, only_visible: bool) -> list[Any]:
        shown: list[Any] = super()._displayed_contents(only_visible=only_visible)
        return [*shown, *(field.label for field in self._fields)]


def _compact(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """JSON as one string: the browser parses it as data, and no key of it is ever taken for a property."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
