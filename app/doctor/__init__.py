"""``quarterdeck doctor``: looks at everything that has to be right, changes nothing, and says what to do."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar

from pydantic import SecretStr, ValidationError

from app.config import Settings
from app.doctor import audit, database, machine, outside, workers
from app.doctor import settings as of_settings
from app.doctor.findings import Finding, problem, warning
from app.errors import AppError, StartupProblem
from app.postgres.embedded import EmbeddedPostgres
from app.supervisor.process_settings import resolve

_UNUSED_KEY = SecretStr("nobody signs in here, so no key has to be made")

Result = TypeVar("Result")
log = logging.getLogger(__name__)


async def examine(settings: Settings, user: str) -> list[Finding]:
    """Look at all of it, as ``user`` of this machine. Raises nothing: what cannot be looked at is a finding."""
    found: list[Finding] = []
    for check, look in (
        ("Settings", _settings(settings)),
        ("Data directory", _machine(settings)),
        ("Database", _database(settings, user)),
        ("Stripe", _stripe(settings)),
    ):
        found += await _guarded(check, look)
    return found


def refused(error: ValidationError) -> list[Finding]:
    """What is found when the settings cannot even be read."""
    return of_settings.invalid(error)


async def _guarded(check: str, look: Awaitable[list[Finding]]) -> list[Finding]:
    try:
        return await look
    except StartupProblem as refusal:
        return [problem(check, refusal.sentence)]
    except AppError as refusal:
        return [problem(check, refusal.message)]
    except Exception as error:
        log.debug("A check failed.", exc_info=True)
        return [
            problem(
                check,
                f"This could not be looked at ({type(error).__name__}).",
                "Run it again with QUARTERDECK_LOG_LEVEL=DEBUG to see why.",
            )
        ]


async def _settings(settings: Settings) -> list[Finding]:
    return of_settings.examine(settings)


async def _machine(settings: Settings) -> list[Finding]:
    return machine.examine(settings)


async def _database(settings: Settings, user: str) -> list[Finding]:
    if settings.database_url is None:
        embedded = EmbeddedPostgres(settings.data_dir)
        if not embedded.ready:
            state = "is just starting or stopping" if embedded.is_held else "does not run"
            return [
                warning(
                    "Database",
                    f"The embedded database {state}, so nothing in it was looked at.",
                    "Start everything with `quarterdeck up`, then run this again.",
                )
            ]
    unused = dict.fromkeys(("session_key", "totp_key", "seal_key"), _UNUSED_KEY)
    full = resolve(settings.model_copy(update=unused))
    found, usable = await database.examine(full)
    if usable:
        found += await workers.examine(full, user)
        found += await audit.examine(settings, full, user)
    return [*found, await asyncio.to_thread(outside.web, settings)]


async def _stripe(settings: Settings) -> list[Finding]:
    return [await outside.stripe(settings)]


__all__ = ["Finding", "examine", "refused"]
