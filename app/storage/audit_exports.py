"""Where files of the audit log are kept that jobs made."""

from pathlib import Path
from uuid import UUID


def path(data_dir: Path, job_id: UUID, format_: str) -> Path:
    """The file of one job; ``format_`` "jsonl" or "csv"."""
    return data_dir / "audit" / f"{job_id}.{format_}"
