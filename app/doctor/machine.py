"""This machine: the data directory, what is in it, who may look into it, and the space on its disk."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from app.config import Settings
from app.doctor.findings import Finding, counted, ok, problem, warning
from app.postgres.embedded import MAJOR

CHECK, DISK = "Data directory", "Disk"
_LEAST_FREE = 500_000_000
_GIGABYTE = 1e9
_OTHERS = 0o077


def examine(settings: Settings) -> list[Finding]:
    """The data directory and its disk. Makes and changes nothing."""
    folder = settings.data_dir.absolute()
    found = list(_folder(folder, embedded=settings.database_url is None))
    return [*(found or [ok(CHECK, f"{folder} is there and ours alone.")]), _disk(folder, settings)]


def _folder(folder: Path, *, embedded: bool) -> Iterator[Finding]:
    if not folder.exists():
        above = _existing(folder)
        if os.access(above, os.W_OK | os.X_OK):
            yield ok(CHECK, f"{folder} is not there yet; the first start makes it.")
        else:
            yield problem(CHECK, f"{folder} is not there, and we may not make it in {above}.", _CHOOSE)
    elif not folder.is_dir():
        yield problem(CHECK, f"{folder} is a file.", _CHOOSE)
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield problem(
            CHECK,
            f"{folder} belongs to somebody else.",
            "Run this as the user who starts Quarterdeck, or choose another.",
        )
    else:
        yield from _secrets(folder / "secrets")
        if embedded:
            yield from _version(folder / "postgres" / "PG_VERSION")


_CHOOSE = "Choose another one with --data-dir or QUARTERDECK_DATA_DIR."


def _secrets(folder: Path) -> Iterator[Finding]:
    try:
        paths = [folder, *folder.iterdir()] if folder.is_dir() else []
        loose = [path for path in paths if path.stat().st_mode & _OTHERS]
    except OSError as error:
        yield problem(
            CHECK, f"{folder} cannot be read: {error.strerror}.", "Run this as the user who starts Quarterdeck."
        )
        return
    if loose:
        yield problem(
            CHECK,
            f"Others on this machine may look at {counted(len(loose), 'thing', 'things')} in {folder}.",
            f"chmod -R go= {folder}",
        )


def _version(file: Path) -> Iterator[Finding]:
    try:
        version = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return
    except OSError as error:
        yield warning(
            CHECK, f"{file} cannot be read: {error.strerror}.", "Run this as the user who starts Quarterdeck."
        )
        return
    if version != MAJOR:
        yield problem(
            CHECK,
            f"The database in it was made by PostgreSQL {version}, not {MAJOR}.",
            "Move the data with pg_dump and pg_restore, or choose another data directory.",
        )


def _disk(folder: Path, settings: Settings) -> Finding:
    free = shutil.disk_usage(_existing(folder)).free
    space = f"{free / _GIGABYTE:,.1f} GB free on the disk of {folder}"
    if free < _LEAST_FREE:
        return problem(DISK, f"Only {space}: PostgreSQL stops when it is full.", "Free some space now.")
    if free < settings.upload_max_bytes:
        return warning(
            DISK,
            f"Only {space}: the largest file that may be uploaded would not fit.",
            "Free some space, or lower QUARTERDECK_UPLOAD_MAX_BYTES.",
        )
    return ok(DISK, f"{space}.")


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
