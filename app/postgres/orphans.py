"""What a killed run left behind: a database server without its keeper, and files that name a dead process."""

import contextlib
import signal
from collections.abc import Iterable
from pathlib import Path

import psutil  # type: ignore[import-untyped] # it ships no types

from app.errors import StartupProblem

_FAST_SHUTDOWN_SECONDS = 30
_ORPHANS_SECONDS = 2
"""Without their postmaster the others notice and end by themselves."""
_KILL_SECONDS = 5


def end_leftover_servers(pgdata: Path, cluster: str, uid: int) -> None:
    """End every PostgreSQL process that still serves this folder, so that a new server may open it."""
    found = [process for process in psutil.process_iter() if _serves(process, pgdata, cluster, uid)]
    if not found:
        return
    postmaster = pid_in(pgdata / "postmaster.pid")
    keeper = next((process for process in found if process.pid == postmaster), None)
    if keeper is not None:
        _send(keeper, signal.SIGINT)
    _, alive = psutil.wait_procs(found, timeout=_FAST_SHUTDOWN_SECONDS if keeper else _ORPHANS_SECONDS)
    for process in alive:
        _send(process, signal.SIGKILL)
    _, alive = psutil.wait_procs(alive, timeout=_KILL_SECONDS)
    if alive:
        raise StartupProblem(
            f"A database server of an earlier run (process {alive[0].pid}) still uses {pgdata} and does not end."
            " End it, then start again."
        )


def forget_stale_locks(files: Iterable[Path], uid: int) -> None:
    """Remove lock files whose process number belongs to some other program by now.

    Call it after :func:`end_leftover_servers`. A dead number is left to PostgreSQL, which checks for shared memory
    still in use before it goes on.
    """
    for file in files:
        pid = pid_in(file)
        if pid is None or not psutil.pid_exists(pid):
            continue
        if _is_unknown_server(pid, uid):
            raise StartupProblem(
                f"Another PostgreSQL server (process {pid}) may be using {file.parent}. End it, then start again."
            )
        file.unlink(missing_ok=True)


def pid_in(file: Path) -> int | None:
    """The process number on the first line of a PostgreSQL lock file."""
    try:
        return abs(int(file.read_text().splitlines()[0]))
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _serves(process: psutil.Process, pgdata: Path, cluster: str, uid: int) -> bool:
    """The working directory proves it; where we may not read that, the cluster's name in the command line does."""
    try:
        if not _is_server(process, uid):
            return False
        folder = _working_directory(process)
        if folder is not None and folder.exists():
            return pgdata.exists() and folder.samefile(pgdata)
        return cluster in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _is_unknown_server(pid: int, uid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return _is_server(process, uid) and _working_directory(process) is None
    except psutil.Error:
        return False


def _is_server(process: psutil.Process, uid: int) -> bool:
    return bool(
        process.name().startswith("postgres")
        and process.uids().effective == uid
        and process.status() != psutil.STATUS_ZOMBIE
    )


def _working_directory(process: psutil.Process) -> Path | None:
    try:
        folder = process.cwd()
    except psutil.AccessDenied:
        return None
    return Path(folder) if folder else None


def _send(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
