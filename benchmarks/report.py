"""What a benchmark found: one table for people, the same as a JSON list for machines."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_COLUMNS = ("measure", "value", "unit", "reference", "ratio", "aim", "met")


@dataclass(frozen=True, slots=True)
class Aim:
    """What a measure is to reach; every bound that is given counts. Ratios are value / reference."""

    least_ratio: float | None = None
    most_ratio: float | None = None
    most: float | None = None
    least: float | None = None

    def words(self, unit: str) -> str:
        """The aim as the table says it."""
        bounds = (
            *(("ratio ≥ ", self.least_ratio, ""), ("ratio ≤ ", self.most_ratio, "")),
            *(("≤ ", self.most, f" {unit}"), ("≥ ", self.least, f" {unit}")),
        )
        return ", ".join(f"{sign}{bound:g}{end}" for sign, bound, end in bounds if bound is not None)

    def is_met(self, value: float, ratio: float | None) -> bool:
        """Whether it is reached. A ratio that was not measured meets no bound."""
        if self.least_ratio is not None and (ratio is None or ratio < self.least_ratio):
            return False
        if self.most_ratio is not None and (ratio is None or ratio > self.most_ratio):
            return False
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)


@dataclass(frozen=True, slots=True)
class Measure:
    """One number, its reference in the same unit and run, and its aim."""

    measure: str
    value: float
    unit: str
    reference: float | None = None
    aim: Aim | None = None

    def row(self) -> dict[str, Any]:
        """As JSON; what was not measured or asked for is null."""
        ratio = self.value / self.reference if self.reference else None
        return {
            "measure": self.measure,
            "value": round(self.value, 3),
            "unit": self.unit,
            "reference": None if self.reference is None else round(self.reference, 3),
            "ratio": None if ratio is None else round(ratio, 3),
            "aim": self.aim.words(self.unit) if self.aim else None,
            "met": self.aim.is_met(self.value, ratio) if self.aim else None,
        }


def as_json(measures: Sequence[Measure]) -> str:
    """The measures as a JSON list."""
    return json.dumps([measure.row() for measure in measures], indent=2, ensure_ascii=False) + "\n"


def as_table(measures: Sequence[Measure]) -> str:
    """The measures as a table of text."""
    lines = [_COLUMNS, *(tuple(_cell(measure.row()[column]) for column in _COLUMNS) for measure in measures)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(_COLUMNS))]
    aligned = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    return "\n".join(line.rstrip() for line in aligned)


def _cell(value: Any) -> str:  # noqa: ANN401 - a JSON value
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"
    return str(value)
