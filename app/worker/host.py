"""Where a worker runs: machine and process, so that another worker of the same machine can tell that it is gone."""

import hashlib
import os
import socket
from pathlib import Path


def host() -> str:
    """The machine's name and a fingerprint of what gives process numbers their meaning: the boot and the namespace.

    Two containers may share a name but not their numbers, and after a restart of the machine numbers start anew.
    """
    parts = []
    for read in (_boot, _namespace):
        try:
            parts.append(read())
        except OSError:  # not Linux: the name has to do
            parts.append("")
    return f"{socket.gethostname()}/{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:8]}"


def alive(pid: int) -> bool:
    """Whether a process with this number exists here. A reused number counts as alive: then the lease decides."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text()


def _namespace() -> str:
    return str(Path("/proc/self/ns/pid").readlink())


def _is_zombie(pid: int) -> bool:
    """Dead, and only not yet collected by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1] == "Z"
    except OSError:
        return False
