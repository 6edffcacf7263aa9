"""What a person asked of a benchmark."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """``rows``: how many to make, None for the benchmark's own number; ``file``: use this one instead."""

    rows: int | None = None
    file: Path | None = None
