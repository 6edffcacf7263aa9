"""Files that nobody will come back for: broken uploads, those that no import took, halves of what was being written.

Files of imports have lost their facts (``ID.json``) when their import took them, so they are never taken for leftovers.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from app import clock

KEPT = timedelta(hours=24)
"""How long a leftover is left alone: somebody may still be at work with it."""
REFUSED_KEPT = timedelta(days=7)
"""How long the file of a refused import is kept, for whoever corrects its columns."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(self.files + other.files, self.bytes + other.bytes)


def remove_uploads(folder: Path) -> Removed:
    """Remove old leftovers of uploads."""
    found = (*folder.glob("*.part"), *folder.glob("*.json"), *folder.glob("chunk-*.csv"))
    return _remove((leftover.with_suffix(".data"), leftover) for leftover in found)


def remove_halves(folder: Path) -> Removed:
    """Remove old files that were never written to their end."""
    return _remove((half,) for half in folder.glob("*.part"))


def remove_refused(folder: Path, files: Iterable[UUID]) -> Removed:
    """Remove these files of imports, which were refused long ago."""
    removed = Removed()
    for file_id in files:
        removed += _unlink(folder / f"{file_id}.data")
    return removed


def _remove(groups: Iterable[tuple[Path, ...]]) -> Removed:
    """Remove files that belong together, by the age of the last of each group."""
    oldest, removed = clock.now() - KEPT, Removed()
    for group in groups:
        with contextlib.suppress(FileNotFoundError):  # somebody else tidies up at the same time, or is done
            if group[-1].stat().st_mtime < oldest.timestamp():
                for file in group:
                    removed += _unlink(file)
    return removed


def _unlink(file: Path) -> Removed:
    try:
        size = file.stat().st_size
        file.unlink()
    except FileNotFoundError:
        return Removed()
    return Removed(1, size)
