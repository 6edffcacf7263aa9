"""The command line: ``quarterdeck up | serve | worker | migrate | staff …``. Every option is also a setting."""

import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from app import __version__
from app.actor import Command
from app.cli.audit import cli as audit_cli
from app.config import Settings
from app.errors import AppError, Invalid
from app.permissions import Role
from app.startup import StartupProblem
from app.storage.key_rings import Ring, rotate

cli = typer.Typer(
    help="The staff console of a company that sells AI work.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
staff_cli = typer.Typer(help="The people who may sign in.", no_args_is_help=True, rich_markup_mode=None)
cli.add_typer(staff_cli, name="staff")
keys_cli = typer.Typer(
    help="The keys of sessions, second factors and seals.", no_args_is_help=True, rich_markup_mode=None
)
cli.add_typer(keys_cli, name="keys")
cli.add_typer(audit_cli, name="audit")

Host = Annotated[str | None, typer.Option(help="Address to listen on. Setting: QUARTERDECK_HOST.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on. Setting: QUARTERDECK_PORT.")]
DataDir = Annotated[
    Path | None, typer.Option(help="Where database, files and secrets live. Setting: QUARTERDECK_DATA_DIR.")
]
Supervised = Annotated[bool, typer.Option("--supervised", hidden=True)]
Email = Annotated[str, typer.Argument(help="Their e-mail address.")]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
Generate = Annotated[bool, typer.Option("--generate", help="Make a strong password and print it once.")]


def main() -> None:
    """Run the command; whatever a person can do something about is one sentence, without a traceback."""
    try:
        cli()
    except ValidationError as error:
        sys.exit(_complain(_settings_sentence(error), 2))
    except StartupProblem as problem:
        sys.exit(_complain(problem.sentence, problem.exit_code))
    except AppError as refusal:
        sys.exit(_complain(refusal.message, 2 if isinstance(refusal, Invalid) else 1))
    except KeyboardInterrupt:
        sys.exit(130)


@cli.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    """The staff console of a company that sells AI work."""
    if show:
        typer.echo(__version__)
        raise typer.Exit


@cli.command()
def up(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    no_worker: Annotated[
        bool | None, typer.Option("--no-worker", help="Start no worker. Setting: QUARTERDECK_NO_WORKER.")
    ] = None,
    demo: Annotated[
        bool | None,
        typer.Option("--demo", help="Load the demo company into an empty database. Setting: QUARTERDECK_DEMO."),
    ] = None,
) -> None:
    """Start everything: the database, its schema, the web process and a worker."""
    from app.supervisor.up import up as run_all

    run_all(_settings(host=host, port=port, data_dir=data_dir, no_worker=no_worker, demo=demo))


@cli.command()
def serve(host: Host = None, port: Port = None, data_dir: DataDir = None, supervised: Supervised = False) -> None:
    """Start a web process only."""
    settings = _settings(host=host, port=port, data_dir=data_dir)
    _watch_supervisor(supervised)
    from app.supervisor.address import check_listening
    from app.supervisor.process_settings import for_web, running

    check_listening(settings)
    settings = for_web(running(settings, supervised=supervised, web=True))
    from app import main as web

    web.serve(settings)


@cli.command()
def worker(
    maintenance: Annotated[
        bool, typer.Option("--maintenance", help="Also do what needs the owner's connection; at most one worker does.")
    ] = False,
    concurrency: Annotated[
        int | None, typer.Option(help="Jobs at the same time. Setting: QUARTERDECK_WORKER_CONCURRENCY.")
    ] = None,
    queues: Annotated[
        str | None,
        typer.Option(help="Take jobs only from these queues, by commas. Setting: QUARTERDECK_WORKER_QUEUES."),
    ] = None,
    data_dir: DataDir = None,
    supervised: Supervised = False,
) -> None:
    """Start a worker only."""
    settings = _settings(worker_concurrency=concurrency, worker_queues=queues, data_dir=data_dir)
    _watch_supervisor(supervised)
    from app.supervisor.process_settings import for_worker, running

    settings = for_worker(running(settings, supervised=supervised), maintenance=maintenance)
    from app.worker import run

    run.main(settings, maintenance=maintenance)


@cli.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database's schema to this version."""
    from app.postgres.embedded import EmbeddedPostgres
    from app.postgres.external import RightsMissing
    from app.supervisor.process_settings import bring_up_to_date, connected

    settings = _settings(data_dir=data_dir)
    with connected(settings) as full:
        if full.migration_url is None:
            raise StartupProblem("Set QUARTERDECK_MIGRATION_URL, the connection of who may migrate.", exit_code=2)
        try:
            bring_up_to_date(full, EmbeddedPostgres(full.data_dir) if settings.database_url is None else None)
        except RightsMissing as refusal:
            typer.echo(refusal.script)
            raise
    typer.echo("The database is up to date.")


@cli.command()
def demo(
    reset: Annotated[bool, typer.Option("--reset", help="Start over, while nobody has worked with it.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Fill an empty database with an invented company."""
    from app.supervisor.up import demo as fill

    fill(_settings(data_dir=data_dir), reset=reset)


@cli.command()
def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False, data_dir: DataDir = None
) -> None:
    """Look at everything that has to be right, change nothing, and say what to do."""
    import asyncio

    from app.doctor import examine, refused, report
    from app.doctor.findings import Level
    from app.supervisor.up import account_name

    try:
        settings = _settings(data_dir=data_dir)
    except ValidationError as error:
        findings = refused(error)
    else:
        findings = asyncio.run(examine(settings, account_name()))
    typer.echo(report.as_json(findings) if json else report.as_text(findings))
    raise typer.Exit(1 if report.worst(findings) is Level.PROBLEM else 0)


@staff_cli.command("create")
def create_staff(
    email: Email,
    name: Annotated[str, typer.Option(help="Their name.")],
    role: Annotated[Role, typer.Option(help="What they may do.")],
    password_stdin: FromInput = False,
    generate: Generate = False,
    data_dir: DataDir = None,
) -> None:
    """Let a person sign in."""
    from app.services import staff

    settings = _settings(data_dir=data_dir)
    password = _password(password_stdin, generate)
    _act(settings, lambda actor: staff.create(actor, email, name, role, password))
    typer.echo(f"{name} may sign in as {email}.")
    _show(password, generate)


@staff_cli.command("password")
def set_staff_password(
    email: Email, password_stdin: FromInput = False, generate: Generate = False, data_dir: DataDir = None
) -> None:
    """Give a person a new password."""
    from app.services import staff

    settings = _settings(data_dir=data_dir)
    password = _password(password_stdin, generate)
    _act(settings, lambda actor: staff.set_password(actor, email, password))
    typer.echo(f"{email} has a new password.")
    _show(password, generate)


@staff_cli.command("link")
def make_staff_link(
    email: Email,
    reason: Annotated[str, typer.Option(help="Why; it goes into the audit log.")] = "Asked for on the command line",
    data_dir: DataDir = None,
) -> None:
    """Make a one-time link by which a person chooses a password; links before it stop working."""
    from app.services import staff

    settings = _settings(data_dir=data_dir)
    made: list[staff.OneTimeLink] = []

    async def make(actor: Command) -> None:
        made.append(await staff.make_link_for(actor, email, reason))

    _act(settings, make)
    typer.echo(f"{settings.browser_origin}{made[0].path}")
    typer.echo("Shown only this once. It works once, for 72 hours.", err=True)


@staff_cli.command("remove-second-factor")
def remove_second_factor(
    email: Email,
    reason: Annotated[str, typer.Option(help="Why; it goes into the audit log.")] = "Asked for on the command line",
    data_dir: DataDir = None,
) -> None:
    """Take away the second factor of a person who lost it, and end their sessions."""
    from app.services import staff

    _act(_settings(data_dir=data_dir), lambda actor: staff.remove_second_factor(actor, email, reason))
    typer.echo(f"{email} signs in by the password alone, until a second factor is set up anew.")


@keys_cli.command("rotate")
def rotate_keys(
    ring: Annotated[Ring, typer.Argument(help="Which keys.")],
    forget: Annotated[bool, typer.Option("--forget", help="Forget the older ones: everybody signs in again.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Put a new key in front; the older ones still count."""
    count = rotate(_settings(data_dir=data_dir), ring, forget=forget)
    typer.echo(f"The newest of {count} keys counts from the next start on." if count > 1 else "One key is left.")
    typer.echo("Restart Quarterdeck, so that it is used.")


def _settings(**options: Any) -> Settings:  # noqa: ANN401 - pydantic checks them
    settings = Settings(**{name: value for name, value in options.items() if value is not None})
    from app import logs

    logs.configure(settings.log_level, settings.log_format)
    return settings


def _settings_sentence(error: ValidationError) -> str:
    wrong = [f"QUARTERDECK_{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors()]
    return f"These settings (or the options of the same names) cannot be used: {'; '.join(wrong)}."


def _complain(sentence: str, code: int) -> int:
    typer.echo(sentence, err=True)
    return code


def _watch_supervisor(supervised: bool) -> None:
    if supervised:
        from app.supervisor.lifeline import end_with_supervisor

        end_with_supervisor()


def _password(from_input: bool, generate: bool) -> str:
    if generate:
        return secrets.token_urlsafe(18)
    if from_input or not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt="Repeat the password")
    return typed


def _show(password: str, generated: bool) -> None:
    if generated:
        typer.echo(f"Password: {password} (shown only this once)")


def _act(settings: Settings, verb: Callable[[Command], Awaitable[Any]]) -> None:
    """Do it as the operating system's user, with the database that runs, or started for this."""
    from app.database import engine
    from app.supervisor.process_settings import connected, talk
    from app.supervisor.up import account_name

    async def act() -> None:
        engine.configure(full)
        try:
            await verb(Command(account_name()))
        finally:
            await engine.dispose()

    with connected(settings) as full:
        talk(act())


if __name__ == "__main__":
    main()
