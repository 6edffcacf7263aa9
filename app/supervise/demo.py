"""The demo company in the database of these settings: loaded when it is empty, started over on demand."""

import typer

from app import clock
from app.config import Settings
from app.startup import StartupProblem
from app.supervise.connections import bring_up_to_date, talk


def load(settings: Settings) -> bool:
    """Load the demo company, and say so. False: the database is not empty, and stays as it is.

    Raises:
        StartupProblem: the owner's connection is not known.
    """
    from app.demo import loading

    if not talk(loading.load(_owner_url(settings), settings.data_dir, clock.now())):
        return False
    typer.echo("The demo company is loaded: invented teams, users, payments, jobs and datasets of ninety days.")
    return True


def start_over(settings: Settings) -> None:
    """Remove everything from the database, and make its schema anew.

    Raises:
        StartupProblem: somebody has worked here, Quarterdeck runs, or the owner's connection is not known.
    """
    from app.demo import loading

    talk(loading.clear(_owner_url(settings)))
    bring_up_to_date(settings, None)


def _owner_url(settings: Settings) -> str:
    if settings.migration_url is None:
        raise StartupProblem(
            "Set QUARTERDECK_MIGRATION_URL: the demo company is written by the owner of the tables.", exit_code=2
        )
    return settings.migration_url.get_secret_value()
