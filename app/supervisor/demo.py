"""The demo company in the database of these settings: loaded when it is empty, started over on demand."""

import typer

from app import clock
from app.config import Settings
from app.errors import StartupProblem
from app.supervisor.process_settings import bring_up_to_date, talk


def load(settings: Settings) -> bool:
    """Load the demo company, and say so. False: the database is not empty, and stays as it is.

    Raises:
        StartupProblem: the owner's connection is not known.
    """
    if not talk(_load(settings)):
        return False
    typer.echo("The demo company is loaded: invented teams, users, payments, jobs and datasets of ninety days.")
    return True


async def _load(settings: Settings) -> bool:
    """Load, and add up the numbers at once, so that the first look at them is quick."""
    from app.database import engine
    from app.demo import loading
    from app.worker import stats

    loaded = await loading.load(_owner_url(settings), settings.data_dir, clock.now())
    if loaded:
        engine.configure(settings)
        try:
            await stats.add_up()
        finally:
            await engine.dispose()
    return loaded


def start_over(settings: Settings) -> None:
    """Remove everything from the database, and make its schema anew.

    Raises:
        StartupProblem: somebody has worked here, Quarterdeck runs, or the owner's connection is not known.
    """
    from app.demo import loading
    from app.seals import checkpoints

    talk(loading.clear(_owner_url(settings)))
    checkpoints.forget(settings.data_dir / "checkpoints")
    bring_up_to_date(settings, None)


def _owner_url(settings: Settings) -> str:
    if settings.migration_url is None:
        raise StartupProblem(
            "Set QUARTERDECK_MIGRATION_URL: the demo company is written by the owner of the tables.", exit_code=2
        )
    return settings.migration_url.get_secret_value()
