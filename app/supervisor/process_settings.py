"""Where each process finds the database, and which of the ways in it is given."""

import asyncio
import logging
import os
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import asyncpg
from pydantic import SecretStr
from sqlalchemy.exc import ArgumentError, DBAPIError

from app.config import Settings
from app.errors import StartupProblem
from app.postgres.embedded import EmbeddedPostgres
from app.postgres.login_passwords import engine_url
from app.storage.secret_files import SecretFiles

DATABASE = "quarterdeck"
ROLES = {
    "database_url": "quarterdeck_app",
    "engine_url": "quarterdeck_worker",
    "migration_url": "quarterdeck_owner",
}
"""The login role behind each setting."""

SHORTEST_KEY = 32
"""Characters of a key that nobody guesses."""

Result = TypeVar("Result")
log = logging.getLogger(__name__)


def resolve(settings: Settings) -> Settings:
    """Fill in what is made when it is not set: the three ways into the embedded database, the way of workers into one
    of one's own, the keys of sessions, second factors and seals.

    Raises:
        StartupProblem: the settings name a part of a database of one's own, without the application's way in.
    """
    refuse_half_a_database(settings)
    secrets = SecretFiles(settings.data_dir)
    found: dict[str, SecretStr] = {}
    for name in ("session_key", "totp_key", "seal_key"):
        if getattr(settings, name) is None:
            found[name] = SecretStr(secrets.get(name))
    if settings.database_url is not None:
        if settings.engine_url is None:
            found["engine_url"] = engine_url(settings.database_url)
    else:
        database = EmbeddedPostgres(settings.data_dir)
        for name, password in _passwords(database).items():
            field = next(field for field, role in ROLES.items() if role == name)
            found[field] = SecretStr(database.url(name, password, DATABASE))
    return settings.model_copy(update=found)


def for_web(settings: Settings) -> Settings:
    """What the web process may know: neither the owner's connection nor the workers', nor the key of seals.

    Raises:
        StartupProblem: a key might be guessed.
    """
    for field, ring in (("session_key", settings.session_keys), ("totp_key", settings.totp_keys)):
        _refuse_weak(field, ring)
    hidden = ("engine_url", "migration_url", "admin_email", "admin_password", "seal_key", "checkpoint_webhook")
    return settings.model_copy(update=dict.fromkeys(hidden))


def for_worker(settings: Settings, *, maintenance: bool) -> Settings:
    """What a worker may know: the owner's connection only when it does maintenance, never the keys of
    sessions and second factors, or Stripe's.

    Raises:
        StartupProblem: a connection that it needs is not set, or a key might be guessed.
    """
    needed = {"engine_url": "a worker", "migration_url": "worker --maintenance" if maintenance else ""}
    for field, who in needed.items():
        if who and getattr(settings, field) is None:
            raise StartupProblem(
                f"Set QUARTERDECK_{field.upper()} too, the connection as {ROLES[field]}: {who} needs it.", exit_code=2
            )
    _refuse_weak("seal_key", settings.seal_keys)
    of_the_web = ("session_key", "totp_key", "admin_email", "admin_password", "stripe_key", "metrics_token")
    hidden: dict[str, None] = dict.fromkeys(of_the_web)
    return settings.model_copy(update=hidden if maintenance else hidden | {"migration_url": None})


def _refuse_weak(field: str, ring: tuple[str, ...]) -> None:
    if not ring or min(map(len, ring)) < SHORTEST_KEY:
        raise StartupProblem(
            f"QUARTERDECK_{field.upper()} needs at least {SHORTEST_KEY} characters in each key."
            " Unset it to have one made, or set a long random one.",
            exit_code=2,
        )


def environment(settings: Settings) -> dict[str, str]:
    """Our environment for a child process, with exactly these settings and none that they leave out."""
    values = dict(os.environ)
    for field in type(settings).model_fields:
        name, value = f"QUARTERDECK_{field.upper()}", getattr(settings, field)
        values.pop(name, None)
        if value is not None:
            values[name] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    return values


def running(settings: Settings, *, supervised: bool = False, web: bool = False) -> Settings:
    """:func:`resolve`, for processes that only use the database; ``up`` has looked at it for those it supervises.

    Raises:
        StartupProblem: it is the embedded one, and nobody runs it; or one's own, and it cannot be used.
    """
    refuse_half_a_database(settings)
    if settings.database_url is None and not EmbeddedPostgres(settings.data_dir).ready:
        raise StartupProblem(
            f"No database runs in the data directory {settings.data_dir}. Start everything with `quarterdeck up`,"
            " or set QUARTERDECK_DATABASE_URL."
        )
    full = resolve(settings)
    if settings.database_url is not None and not supervised:
        check_own(for_web(full) if web else full)
    return full


def check_own(settings: Settings) -> None:
    """See that a database of one's own can be used and has this program's schema, before anything starts on it.

    Raises:
        StartupProblem: it cannot; the sentence says why.
    """
    from app.postgres import external
    from app.postgres.migrate import head

    talk(external.check(settings, head()))


@contextmanager
def connected(settings: Settings) -> Iterator[Settings]:
    """:func:`resolve`, with the embedded database started for the time of the block when nobody runs it."""
    database = EmbeddedPostgres(settings.data_dir)
    if settings.database_url is not None or database.ready:
        yield resolve(settings)
        return
    with database:
        full = resolve(settings)
        bring_up_to_date(full, database)
        yield full


def bring_up_to_date(settings: Settings, database: EmbeddedPostgres | None) -> None:
    """Make roles and rights, and bring the schema to this program's version.

    ``database`` is the embedded server; None: one's own, which changes only by ``migration_url``, and is looked at.

    Raises:
        StartupProblem: it cannot be done, or cannot be used afterwards.
    """
    from app.postgres import external, migrate

    if database is not None:
        talk(migrate.prepare(database.superuser_url(), _passwords(database)))
    elif settings.migration_url is not None:
        talk(external.prepare(settings))
    if settings.migration_url is not None:
        talk(migrate.upgrade(settings.migration_url.get_secret_value()))
    if database is None:
        check_own(settings)


def talk(conversation: Coroutine[Any, Any, Result]) -> Result:
    """Run it to its end. What goes wrong between us and the database becomes one sentence."""
    try:
        return asyncio.run(conversation)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError, ArgumentError) as error:
        log.debug("The database refused.", exc_info=True)
        reason = str(getattr(error, "orig", error)).strip().splitlines() or [type(error).__name__]
        raise StartupProblem(f"The database does not answer as it should: {reason[0].rstrip('.')}.") from error


def refuse_half_a_database(settings: Settings) -> None:
    """Part of an own database's settings must not quietly end in the embedded one.

    Raises:
        StartupProblem: another way in is set, and the application's is not.
    """
    given = [field for field in ("engine_url", "migration_url") if getattr(settings, field) is not None]
    if settings.database_url is None and given:
        raise StartupProblem(
            f"QUARTERDECK_{given[0].upper()} is set, and QUARTERDECK_DATABASE_URL is not. Set it too, the connection as"
            f" {ROLES['database_url']}, to use a database of your own.",
            exit_code=2,
        )


def _passwords(database: EmbeddedPostgres) -> dict[str, str]:
    return {role: database.secrets.get(f"database_{role}") for role in ROLES.values()}
