"""The command line: ``quarterdeck up | serve | worker | migrate | staff …``. Every option is also a setting."""

import sys
from typing import Annotated

import typer
from pydantic import ValidationError

from app import __version__
from app.cli.audit import cli as audit_cli
from app.cli.common import DataDir, settings_of
from app.cli.keys import cli as keys_cli
from app.cli.staff import cli as staff_cli
from app.errors import AppError, Invalid, StartupProblem

cli = typer.Typer(
    help="The staff console of a company that sells AI work.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
cli.add_typer(staff_cli, name="staff")
cli.add_typer(keys_cli, name="keys")
cli.add_typer(audit_cli, name="audit")

Host = Annotated[str | None, typer.Option(help="Address to listen on. Setting: QUARTERDECK_HOST.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on. Setting: QUARTERDECK_PORT.")]
Supervised = Annotated[bool, typer.Option("--supervised", hidden=True)]


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

    run_all(settings_of(host=host, port=port, data_dir=data_dir, no_worker=no_worker, demo=demo))


@cli.command()
def serve(host: Host = None, port: Port = None, data_dir: DataDir = None, supervised: Supervised = False) -> None:
    """Start a web process only."""
    settings = settings_of(host=host, port=port, data_dir=data_dir)
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
    settings = settings_of(worker_concurrency=concurrency, worker_queues=queues, data_dir=data_dir)
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

    settings = settings_of(data_dir=data_dir)
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

    fill(settings_of(data_dir=data_dir), reset=reset)


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
        settings = settings_of(data_dir=data_dir)
    except ValidationError as error:
        findings = refused(error)
    else:
        findings = asyncio.run(examine(settings, account_name()))
    typer.echo(report.as_json(findings) if json else report.as_text(findings))
    raise typer.Exit(1 if report.worst(findings) is Level.PROBLEM else 0)


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
