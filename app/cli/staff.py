"""``quarterdeck staff …``: the people who may sign in."""

import secrets
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from app.actor import Command
from app.cli.common import DataDir, operator, settings_of, with_database
from app.config import Settings
from app.permissions import Role

cli = typer.Typer(help="The people who may sign in.", no_args_is_help=True, rich_markup_mode=None)

Email = Annotated[str, typer.Argument(help="Their e-mail address.")]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
Generate = Annotated[bool, typer.Option("--generate", help="Make a strong password and print it once.")]


@cli.command("create")
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

    settings = settings_of(data_dir=data_dir)
    password = _password(password_stdin, generate)
    _act(settings, lambda actor: staff.create(actor, email, name, role, password))
    typer.echo(f"{name} may sign in as {email}.")
    _show(password, generate)


@cli.command("password")
def set_staff_password(
    email: Email, password_stdin: FromInput = False, generate: Generate = False, data_dir: DataDir = None
) -> None:
    """Give a person a new password."""
    from app.services import staff

    settings = settings_of(data_dir=data_dir)
    password = _password(password_stdin, generate)
    _act(settings, lambda actor: staff.set_password(actor, email, password))
    typer.echo(f"{email} has a new password.")
    _show(password, generate)


@cli.command("link")
def make_staff_link(
    email: Email,
    reason: Annotated[str, typer.Option(help="Why; it goes into the audit log.")] = "Asked for on the command line",
    data_dir: DataDir = None,
) -> None:
    """Make a one-time link by which a person chooses a password; links before it stop working."""
    from app.services import staff

    settings = settings_of(data_dir=data_dir)
    made: list[staff.OneTimeLink] = []

    async def make(actor: Command) -> None:
        made.append(await staff.make_link_for(actor, email, reason))

    _act(settings, make)
    typer.echo(f"{settings.browser_origin}{made[0].path}")
    typer.echo("Shown only this once. It works once, for 72 hours.", err=True)


@cli.command("remove-second-factor")
def remove_second_factor(
    email: Email,
    reason: Annotated[str, typer.Option(help="Why; it goes into the audit log.")] = "Asked for on the command line",
    data_dir: DataDir = None,
) -> None:
    """Take away the second factor of a person who lost it, and end their sessions."""
    from app.services import staff

    _act(settings_of(data_dir=data_dir), lambda actor: staff.remove_second_factor(actor, email, reason))
    typer.echo(f"{email} signs in by the password alone, until a second factor is set up anew.")


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
    """Do it as the operating system's user."""

    async def act(_full: Settings) -> None:
        await verb(operator())

    with_database(settings, act)
