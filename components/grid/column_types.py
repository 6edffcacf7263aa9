"""The table in which a person checks the proposed columns of a file before it is imported.

In comes one JSON text, ``columns_json``::

    {"types": ["text", "integer", …],                      types that can be chosen
     "columns": [{"key": "dep_time", "label": "dep_time",  the header's words are the label
                  "type": "integer",                       proposed
                  "required": false,
                  "missing": [{"token": "NA", "count": 8255, "on": true}, …],    "" is an empty cell
                  "samples": ["517", "533", "542"],
                  "note": "9,430 empty or NA"}, …],
     "preview": {"rows": [["517", null, …], …],            cells as they stand in the file, null is missing
                 "rejected": [[row, column, "sentence"], …]}}    indices from 0

Out comes :attr:`ColumnTypes.value` and, at each change, ``on_change``.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nicegui.element import Element

from app.errors import Invalid
from components.page.wire import taking


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """What a person decided about one column. ``missing`` are the words that stand for "no value"."""

    key: str
    label: str
    type: str
    missing: tuple[str, ...]
    required: bool


OnChange = Callable[[tuple[ColumnChoice, ...]], Awaitable[None] | None]


class ColumnTypes(Element, component="column_types.js"):
    """Two tables, "Columns" and "Preview"."""

    def __init__(self, columns_json: str, on_change: OnChange | None = None) -> None:
        """Propose columns (the form is in the module's docstring); ``on_change`` hears the whole choice each time."""
        super().__init__()
        self._on_change = on_change
        self._types: frozenset[str] = frozenset()
        self._value: tuple[ColumnChoice, ...] = ()
        self._labels: dict[str, str] = {}
        self._tokens: dict[str, frozenset[str]] = {}
        self._propose(columns_json)
        self.on("change", taking(list[dict[str, Any]], self._changed))

    @property
    def value(self) -> tuple[ColumnChoice, ...]:
        """The choice as it stands, in the order of the file."""
        return self._value

    def show(self, columns_json: str) -> None:
        """Propose anew; what was chosen before is forgotten."""
        self._propose(columns_json)
        self.update()

    def show_preview(self, preview: Mapping[str, Any]) -> None:
        """Show other preview rows or rejected cells (``{"rows", "rejected"}``); the choice stays."""
        self._props["preview"] = json.dumps(preview, ensure_ascii=False)
        self.update()

    def _propose(self, columns_json: str) -> None:
        proposal = json.loads(columns_json)
        columns = proposal["columns"]
        self._types = frozenset(proposal["types"])
        self._labels = {column["key"]: column["label"] for column in columns}
        self._tokens = {c["key"]: frozenset(found["token"] for found in c["missing"]) for c in columns}
        self._value = tuple(
            ColumnChoice(
                key=column["key"],
                label=column["label"],
                type=column["type"],
                missing=tuple(found["token"] for found in column["missing"] if found["on"]),
                required=bool(column["required"]),
            )
            for column in columns
        )
        self._props["columns"] = json.dumps({"types": proposal["types"], "columns": columns}, ensure_ascii=False)
        self._props["preview"] = json.dumps(proposal["preview"], ensure_ascii=False)

    async def _changed(self, sent: list[dict[str, Any]]) -> None:
        self._value = self._read(sent)
        answer = self._on_change(self._value) if self._on_change else None
        if answer is not None:
            await answer

    def _read(self, args: list[dict[str, Any]]) -> tuple[ColumnChoice, ...]:
        """The browser may send anything: only known columns, types and words are taken."""
        if len(args) != len(self._value):
            raise Invalid("These columns could not be read. Reload the page.")
        return tuple(self._read_one(choice, now.key) for choice, now in zip(args, self._value, strict=True))

    def _read_one(self, choice: object, key: str) -> ColumnChoice:
        match choice:
            case {"key": str(k), "type": str(kind), "missing": list(tokens), "required": bool(required)} if (
                k == key and kind in self._types and all(isinstance(token, str) for token in tokens)
            ):
                if self._tokens[key].issuperset(tokens):
                    return ColumnChoice(key, self._labels[key], kind, tuple(tokens), required)
        raise Invalid("These columns could not be read. Reload the page.")

    def _displayed_contents(self, *, only_visible: bool) -> list[Any]:
        shown: list[Any] = super()._displayed_contents(only_visible=only_visible)
        return [*shown, "Columns", "Preview", *(column.label for column in self._value)]
