"""Where uploads lie: a file is named by its id only, and its facts lie beside it (``ID.json``)."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from uuid import UUID

from app.config import Settings
from app.errors import NotFound, Unavailable
from app.ids import uuid7


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that arrived whole."""

    id: UUID
    name: str
    bytes: int
    sha256: str
    staff_id: UUID


@dataclass(frozen=True, slots=True)
class Store:
    """Where uploads lie, and how large one may be."""

    folder: Path
    max_bytes: int

    def path(self, upload_id: UUID) -> Path:
        """The file itself."""
        return self.folder / f"{upload_id}.data"

    def facts(self, upload_id: UUID) -> Path:
        """What is known about it."""
        return self.folder / f"{upload_id}.json"

    def errors(self, import_id: UUID) -> Path:
        """The bad rows of an import, as CSV."""
        return self.folder / f"{import_id}.errors.csv"

    def reopen(self, kept: Upload, owner: UUID) -> Upload:
        """A file that an import has kept as an upload of ``owner``, without its bytes being sent anew.

        Raises:
            NotFound: the file is not kept any more.
        """
        if not self.path(kept.id).exists():
            raise NotFound("The file of this import is not kept any more. Choose it again.")
        upload = replace(kept, id=uuid7(), staff_id=owner)
        self.facts(upload.id).write_text(json.dumps(asdict(upload), default=str))
        self.path(upload.id).hardlink_to(self.path(kept.id))
        return upload


class _Bound:
    """Filled once by :func:`bind`."""

    store: Store | None = None


def bind(settings: Settings) -> None:
    """Set once at start-up where this installation keeps uploads."""
    _Bound.store = Store(settings.data_dir / "uploads", settings.upload_max_bytes)


def bound() -> Store:
    """Where this installation keeps uploads."""
    if _Bound.store is None:
        raise Unavailable("Uploads are not ready yet. Try again in a moment.")
    return _Bound.store
