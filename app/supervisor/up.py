"""``quarterdeck up``: the database, its schema, the first administrator, the web process and a worker; one command."""

import getpass
import http.client
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import typer

from app.actor import Command
from app.config import Settings
from app.errors import Invalid, StartupProblem
from app.postgres.embedded import EmbeddedPostgres
from app.supervisor import demo as demo_company
from app.supervisor.address import check_listening
from app.supervisor.children import Child, end_all
from app.supervisor.outage import Outage, health
from app.supervisor.process_settings import bring_up_to_date, connected, environment, for_web, for_worker, resolve, talk

FIRST_ADMINISTRATOR = "admin@example.com"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Together below the ten seconds after which people and service managers lose patience.
_SECONDS_FOR_CHILDREN = 6
_SECONDS_FOR_DATABASE = 2
_SECONDS_TO_BE_READY = 120
_LOOK_EVERY = 0.2

log = logging.getLogger(__name__)


class Stopped(KeyboardInterrupt):
    """We were asked to stop. A KeyboardInterrupt, because event loops let nothing else through."""


def up(settings: Settings) -> None:
    """Run everything until Ctrl-C or SIGTERM, then stop it within ten seconds.

    Raises:
        StartupProblem: something cannot start; what had started is stopped again.
    """
    check_listening(settings)
    settings = settings.model_copy(update={"data_dir": settings.data_dir.absolute()})
    database = EmbeddedPostgres(settings.data_dir) if settings.database_url is None else None
    children: list[Child] = []
    with _stoppable():
        try:
            full = _prepare(settings, database)
            children.extend(children_for(full))
            run(children, database, full)
        except Stopped:
            typer.echo("Stopping.")
        finally:
            _ignore_signals()
            end_all(children, _SECONDS_FOR_CHILDREN)
            if database is not None:
                database.stop(_SECONDS_FOR_DATABASE)


def demo(settings: Settings, *, reset: bool) -> None:
    """Fill an empty database with the demo company; ``reset`` empties it first, if nobody has worked there.

    Raises:
        StartupProblem: the database is not empty, or may not be emptied.
    """
    with connected(settings) as full:
        database = EmbeddedPostgres(full.data_dir) if settings.database_url is None else None
        bring_up_to_date(full, database)
        if reset:
            demo_company.start_over(full)
        if not demo_company.load(full):
            raise StartupProblem(
                "The database is not empty, so the demo company was not loaded. `quarterdeck demo --reset` starts over"
                " as long as nobody has worked there; otherwise choose another folder with --data-dir."
            )
        talk(_first_administrator(full))


def children_for(settings: Settings) -> list[Child]:
    """The web process, first, and a worker; each is given only what it may know."""
    children = [Child("web", _ourselves("serve"), environment(for_web(settings)))]
    if not settings.no_worker:
        maintenance = settings.migration_url is not None
        command = _ourselves("worker", *(["--maintenance"] if maintenance else []))
        children.append(Child("worker", command, environment(for_worker(settings, maintenance=maintenance))))
    return children


def run(children: Sequence[Child], database: EmbeddedPostgres | None, settings: Settings) -> None:
    """Start the children, say when the first of them answers, and keep all of them and the database alive."""
    for child in children:
        child.start()
    _wait_until_ready(children[0], settings)
    typer.echo(f"Quarterdeck is ready at {settings.browser_origin}/ (Ctrl-C stops it)")
    outage = Outage(settings)
    while True:
        for child in children:
            child.keep()
        if database is None:
            outage.look()
        elif not database.is_alive:
            log.warning("The database ended. It starts again.")
            database.start()
        time.sleep(_LOOK_EVERY)


def account_name() -> str:
    """The operating system's name for who runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _prepare(settings: Settings, database: EmbeddedPostgres | None) -> Settings:
    if database is not None:
        database.start()
    full = resolve(settings)
    bring_up_to_date(full, database)
    if full.demo:
        demo_company.load(full)
    talk(_first_administrator(full))
    return full


async def _first_administrator(settings: Settings) -> None:
    """Make somebody who can sign in, on the first start only. The password is shown now and never again."""
    from app.database import engine
    from app.services import staff

    email = settings.admin_email or FIRST_ADMINISTRATOR
    chosen = settings.admin_password.get_secret_value() if settings.admin_password else None
    engine.configure(settings)
    try:
        made = await staff.ensure_first_administrator(Command(account_name()), email, chosen)
    except Invalid as refusal:
        raise StartupProblem(f"The first administrator cannot be made. {refusal.message}", exit_code=2) from None
    finally:
        await engine.dispose()
    if made is not None:
        shown = f"{made.password} (shown only this once)" if made.password else "the one in QUARTERDECK_ADMIN_PASSWORD"
        typer.echo(f"First administrator\n  E-mail:   {made.email}\n  Password: {shown}")


def _ourselves(*arguments: str) -> list[str]:
    # -P: a folder named app where we were started must not be taken for ours.
    return [sys.executable, "-P", "-m", "app", *arguments, "--supervised"]


def _wait_until_ready(web: Child, settings: Settings) -> None:
    deadline = time.monotonic() + _SECONDS_TO_BE_READY
    while health(settings)[0] != http.HTTPStatus.OK:
        code = web.exit_code
        if code is not None and code > 0:
            # It has said why itself.
            raise SystemExit(code)
        if code is not None or time.monotonic() > deadline:
            how = "did not become ready in time" if code is None else f"ended while starting ({code})"
            raise StartupProblem(f"The web process {how}. Its log is above.")
        time.sleep(_LOOK_EVERY / 2)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Within the block a signal to stop raises :class:`Stopped`, once; afterwards they do what they did before."""
    # nohup has SIGHUP ignored, on purpose.
    ours = [n for n in _SIGNALS if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, _stop) for number in ours}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(_number: int, _frame: FrameType | None) -> None:
    _ignore_signals()
    raise Stopped


def _ignore_signals() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
