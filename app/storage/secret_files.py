"""Secrets that the product makes for itself and keeps on disk: one file each, readable by their owner alone."""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import StartupProblem

SHORTEST = 43
"""Characters of 256 random bits in the url-safe alphabet; a shorter file was cut or tampered with."""


def new_secret() -> str:
    """A fresh url-safe secret of 256 random bits (43 characters)."""
    return secrets.token_urlsafe(32)


def give_to_owner_of(folder: Path, path: Path) -> None:
    """Let what root makes in somebody's folder belong to them, so that they can run without root the next time."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


class SecretFiles:
    """The folder ``DATA_DIR/secrets`` (0700) with a file (0600) for each secret."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "secrets"

    def get(self, name: str, make: Callable[[], str] = new_secret) -> str:
        """The secret of this name; made and kept when there is none yet.

        ``make`` is called at most once for all processes, and its value is kept whole or not at all.
        """
        path = self.folder / name
        try:
            with self._locked():
                if not path.exists():
                    self._keep(path, make())
                path.chmod(0o600)
                value = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise StartupProblem(f"The secret {path} cannot be read or made: {error.strerror}.") from error
        if len(value) < SHORTEST:
            raise StartupProblem(
                f"The secret {path} is damaged: it is shorter than {SHORTEST} characters."
                " Restore it, or delete it to have a new one made."
            )
        return value

    def change(self, name: str, to: Callable[[str], str]) -> str:
        """Keep another value, made from the present one; returns it. Nobody ever reads half of it."""
        self.get(name)  # made when there is none, and seen to be whole
        path = self.folder / name
        with self._locked():
            value = to(path.read_text(encoding="utf-8").strip())
            self._keep(path, value)
        return value

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if not self.folder.is_dir():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            give_to_owner_of(self.folder.parent, self.folder)
        self.folder.chmod(0o700)
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _keep(self, path: Path, value: str) -> None:
        draft = self.folder / f".{path.name}.{secrets.token_hex(8)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, f"{value}\n".encode())
            os.fsync(descriptor)
            give_to_owner_of(self.folder, draft)
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
