"""Who may do what: a table of marks, which on a narrow screen says in words who has each."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.page.element import JsonElement


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """Something that can be done: its words, a quiet name beside it, for each head whether they may, and what else
    is to be known of it.
    """

    words: str
    name: str
    marks: Sequence[bool]
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class MatrixGroup:
    """Rows that belong together."""

    title: str
    rows: Sequence[MatrixRow]


class Matrix(JsonElement, component="permission_matrix.js"):
    """A table of groups of rows, with a mark under each of ``heads`` that may. ``own`` is the head of the reader."""

    def __init__(self, label: str, heads: Sequence[str], groups: Sequence[MatrixGroup], *, own: str = "") -> None:
        super().__init__(
            {
                "label": label,
                "heads": list(heads),
                "own": own,
                "groups": [
                    [g.title, [[r.words, r.name, list(r.marks), list(r.notes)] for r in g.rows]] for g in groups
                ],
            }
        )


def _row(row: MatrixRow) -> list[object]:
    return [row.words, row.name, list(row.marks), list(row.notes)]
