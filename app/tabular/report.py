"""The file of refused rows, made to be corrected and imported again."""

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from app.fields.types import NUMBER
from app.tabular.plan import BadRow
from app.values.spreadsheets import is_formula


class ErrorFile:
    """A CSV with the original columns, then the line, what is wrong, and the whole line where it had no columns."""

    def __init__(self, path: Path, labels: tuple[str, ...]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._width = len(labels)
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow([_harmless(label) for label in (*labels, "Line", "Errors", "Original line")])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, rows: Iterable[BadRow]) -> None:
        """Add refused rows."""
        for row in rows:
            whole = len(row.values) == self._width
            values = row.values if whole else ("",) * self._width
            said = "; ".join(
                f"{error.field}: {error.message}" if error.field else error.message for error in row.errors
            )
            original = "" if whole else "  ".join(row.values)
            self._writer.writerow([*map(_harmless, values), row.line, said, _harmless(original)])


def _harmless(value: str) -> str:
    """A spreadsheet would run a cell that begins like a formula; numbers keep their sign."""
    return f"'{value}" if is_formula(value) and not re.fullmatch(NUMBER, value) else value
