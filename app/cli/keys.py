"""``quarterdeck keys …``: the keys of sessions, second factors and seals."""

from typing import Annotated

import typer

from app.cli.common import DataDir, settings_of
from app.storage.key_rings import Ring, rotate

cli = typer.Typer(help="The keys of sessions, second factors and seals.", no_args_is_help=True, rich_markup_mode=None)


@cli.callback()
def keys() -> None:
    """The keys of sessions, second factors and seals."""


@cli.command("rotate")
def rotate_keys(
    ring: Annotated[Ring, typer.Argument(help="Which keys.")],
    forget: Annotated[
        bool, typer.Option("--forget", help='Forget the older ones of "session": everybody signs in again.')
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Put a new key in front; the older ones still count."""
    count = rotate(settings_of(data_dir=data_dir), ring, forget=forget)
    typer.echo(f"The newest of {count} keys counts from the next start on." if count > 1 else "One key is left.")
    typer.echo("Restart Quarterdeck, so that it is used.")
