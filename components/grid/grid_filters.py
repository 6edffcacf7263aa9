"""The filter bar above a grid: each filter a chip, each chip in the URL (the form is :mod:`app.fields.filters`)."""

import json
from collections.abc import Sequence
from typing import Any

from nicegui.element import Element

from app.fields.filters import FITTING, OPERATORS, Condition
from components.grid.grid import GridField


class FilterBar(Element, component="grid_filters.js"):
    """Chips and a "+ Filter" button. It changes the URL by itself; the page then calls :meth:`show`."""

    def __init__(self, fields: Sequence[GridField], conditions: Sequence[Condition] = ()) -> None:
        """Offer filters on ``fields``; show ``conditions`` as chips."""
        super().__init__()
        self._labels = {field.key: field.label for field in fields}
        self._props["fields"] = json.dumps(
            [{"key": f.key, "label": f.label, "type": f.type, "choices": f.choices} for f in fields], ensure_ascii=False
        )
        self._props["operators"] = json.dumps(
            {
                kind: [{"code": code, "words": OPERATORS[code].words, "takes": OPERATORS[code].takes} for code in codes]
                for kind, codes in FITTING.items()
            }
        )
        self._words: list[str] = []
        self._set(conditions)

    def show(self, conditions: Sequence[Condition]) -> None:
        """The URL changed: show these chips."""
        self._set(conditions)
        self.update()

    def _set(self, conditions: Sequence[Condition]) -> None:
        chips = [
            {
                "f": condition.encode(),
                "field": condition.field,
                "op": condition.op,
                "values": condition.values,
                "words": condition.words(self._labels.get(condition.field)),
            }
            for condition in conditions
        ]
        self._words = [str(chip["words"]) for chip in chips]
        self._props["chips"] = json.dumps(chips, ensure_ascii=False)

    def _displayed_contents(self, *, only_visible: bool) -> list[Any]:
        shown: list[Any] = super()._displayed_contents(only_visible=only_visible)
        return [*shown, "+ Filter", *self._words]
