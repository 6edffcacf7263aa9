"""The data directory: made, named, and held by one running process at a time."""

import contextlib
import fcntl
import hashlib
import os
import re
import stat
import time
from pathlib import Path

from app.errors import StartupProblem
from app.postgres.account import Account
from app.storage.secret_files import give_to_owner_of

_LONGEST_SOCKET_FOLDER = 100
"""Bytes; a socket's whole path must stay below 108 on Linux, 104 on macOS."""
_SECONDS_OF_LOOKING = 0.5
"""Somebody who only looks whether it is held has the lock for a moment."""
_SAFE_FOLDER = re.compile(r"[\w./+-]+", re.ASCII)
"""Other characters mean something in connection strings."""


class DataFolder:
    """A data directory, with its lock and the folder of the database's socket."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._lock: int | None = None

    @property
    def cluster(self) -> str:
        """The server's name in lists of processes; proves whose it is where their folders may not be read."""
        return "quarterdeck-" + hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]

    @property
    def socket_dir(self) -> Path:
        """``socket`` below it, or a short folder when that is too long for a socket."""
        folder = self.path / "socket"
        if len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER and _SAFE_FOLDER.fullmatch(str(folder)):
            return folder
        return Path("/tmp") / self.cluster  # noqa: S108 - ours alone (0700, owner checked), and TMPDIR may be long

    def make(self) -> None:
        """Make it when there is none. As root the server's account must be able to pass, though not to look around."""
        if not self.path.is_dir():
            self.path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True)

    def make_socket_dir(self, account: Account) -> None:
        """A folder that only the server's account (and root) may enter."""
        folder = self.socket_dir
        if not folder.exists():
            folder.mkdir(mode=0o700)
            account.own(folder)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != account.uid:
            raise StartupProblem(f"The folder {folder} belongs to somebody else. Remove it, then start again.")
        folder.chmod(0o700)

    def hold(self) -> None:
        """Take the lock, which ends with this process at the latest.

        Raises:
            StartupProblem: another process has it.
        """
        path = self.path / "lock"
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        give_to_owner_of(self.path, path)
        if not self._lock_within(_SECONDS_OF_LOOKING):
            holder = os.read(self._lock, 20).decode(errors="replace").strip()
            raise StartupProblem(
                f"Quarterdeck is already running on the data directory {self.path} (process {holder or 'unknown'})."
                " Stop it first, or choose another one with --data-dir."
            )
        os.ftruncate(self._lock, 0)
        os.write(self._lock, f"{os.getpid()}\n".encode())

    def _lock_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._lock is not None:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return False

    def release(self) -> None:
        """Let another process hold it, and leave no socket folder outside."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                if self.socket_dir.parent != self.path:
                    self.socket_dir.rmdir()
            os.close(self._lock)
            self._lock = None

    @property
    def is_held(self) -> bool:
        """Whether some process, perhaps this one, holds it."""
        if self._lock is not None:
            return True
        with contextlib.suppress(OSError), (self.path / "lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False
