"""Where documents lie that jobs have made."""

from pathlib import Path
from uuid import UUID


def document_file(data_dir: Path, job_id: UUID) -> Path:
    """Where the document that a job made is kept."""
    return data_dir / "documents" / f"{job_id}.txt"
