"""Under which account PostgreSQL runs. It refuses to be root, so root starts it as somebody with fewer rights."""

import os
import pwd
import shutil
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.errors import StartupProblem

_FALLBACK_ACCOUNTS = ("postgres", "nobody")
_CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}
"""By name, with the bit of each in /proc/self/status; the weaker one first. Containers often have the second alone."""


@dataclass(frozen=True)
class Account:
    """An account, and how a command is started under it: a prefix for its words, and options for ``Popen``."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def own(self, path: Path) -> None:
        """Let the account own a file or folder that we made."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_for(data_dir: Path, pgdata: Path, programs: Path) -> Account:
    """Ourselves; or, as root, whoever owns the database already, who owns its folder, ``postgres`` or ``nobody``.

    Folders above that the account may not enter stay as they are: the server gets the one capability to pass them.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    uid, gid = _owner(data_dir, pgdata)
    folders = [folder for path in (pgdata, programs) for folder in reversed(path.parents)]
    closed = [folder for folder in folders if not _may_enter(folder, uid, gid)]
    if not closed:
        return Account(uid, gid, options={"user": uid, "group": gid, "extra_groups": ()})
    return Account(uid, gid, prefix=_with_capability(uid, gid, closed[0]))


def _owner(data_dir: Path, pgdata: Path) -> tuple[int, int]:
    if pgdata.is_dir() and (owner := pgdata.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    accounts = {entry.pw_uid: entry for entry in pwd.getpwall()}
    if (uid := data_dir.stat().st_uid) != 0 and uid in accounts:
        return uid, accounts[uid].pw_gid
    for name in _FALLBACK_ACCOUNTS:
        for entry in accounts.values():
            if entry.pw_name == name and entry.pw_uid != 0:
                return entry.pw_uid, entry.pw_gid
    raise StartupProblem(
        "PostgreSQL refuses to run as root, and this machine has neither an account postgres nor nobody."
        " Start Quarterdeck as an ordinary user."
    )


def _may_enter(folder: Path, uid: int, gid: int) -> bool:
    status = folder.stat()
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _with_capability(uid: int, gid: int, closed: Path) -> tuple[str, ...]:
    setpriv, capability = shutil.which("setpriv"), _available_capability()
    if setpriv is None or capability is None:
        raise StartupProblem(
            f"PostgreSQL refuses to run as root, and the account with the number {uid} may not enter {closed}."
            " Start Quarterdeck as an ordinary user, or choose a data directory and a virtual environment"
            " that everybody may enter."
        )
    return (
        setpriv,
        f"--reuid={uid}",
        f"--regid={gid}",
        "--clear-groups",
        # Without it access(2) leaves capabilities out, and PostgreSQL cannot find its own programs.
        "--securebits=+no_setuid_fixup",
        f"--inh-caps=+{capability}",
        f"--ambient-caps=+{capability}",
    )


def _available_capability() -> str | None:
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    held = next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)
    return next((name for name, bit in _CAPABILITIES.items() if held >> bit & 1), None)
