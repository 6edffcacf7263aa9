"""What commands have in common: where the data are, the settings, and acting with the database."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from app.actor import Command
from app.config import Settings

DataDir = Annotated[
    Path | None, typer.Option(help="Where database, files and secrets live. Setting: QUARTERDECK_DATA_DIR.")
]


def settings_of(**options: Any) -> Settings:  # noqa: ANN401 - pydantic checks them
    """The settings, with the options that were given in front; logs are written as they say from now on."""
    from app import logs

    settings = Settings(**{name: value for name, value in options.items() if value is not None})
    logs.configure(settings.log_level, settings.log_format)
    return settings


def operator() -> Command:
    """The operating system's user, who acts on the command line."""
    from app.supervisor.up import account_name

    return Command(account_name())


def with_database(settings: Settings, act: Callable[[Settings], Awaitable[None]]) -> None:
    """Act with the database that runs, or that is started for this; ``act`` gets the settings that reach it."""
    from app.database import engine
    from app.supervisor.process_settings import connected, talk

    async def acting() -> None:
        engine.configure(full)
        try:
            await act(full)
        finally:
            await engine.dispose()

    with connected(settings) as full:
        talk(acting())
