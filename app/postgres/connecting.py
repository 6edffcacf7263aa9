"""A connection to a PostgreSQL by a setting's address, or one sentence why there is none. Never with a password."""

import os
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
from pydantic import SecretStr
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.database import driver
from app.errors import StartupProblem

OLDEST = 18
"""The first version of PostgreSQL that has all we use."""
PATIENCE = 10.0
"""Seconds to wait for a connection."""
SESSION = {"application_name": "quarterdeck", "search_path": "public", "timezone": "UTC", "jit": "off"}
"""What we rely on, whatever a server of one's own has for its defaults."""
_MODES = "?sslmode=verify-full&sslrootcert=FILE checks the server's certificate, ?sslmode=require only encrypts"


class Unreachable(StartupProblem):
    """No connection; ``error`` is what the driver said."""

    def __init__(self, sentence: str, error: BaseException) -> None:
        super().__init__(sentence)
        self.error = error


def setting_name(field: str) -> str:
    """The environment variable of a field of the settings."""
    return f"QUARTERDECK_{field.upper()}"


def address(field: str, url: SecretStr) -> URL:
    """The parts of a setting's address.

    Raises:
        StartupProblem: it is not the address of a PostgreSQL.
    """
    try:
        parts, plain = make_url(url.get_secret_value()), urlsplit(url.get_secret_value())
        # What the two read differently has characters in it that need their % form.
        good = plain.netloc.count("@") < 2 and plain.port == parts.port and bool(parts.database)
    except (ArgumentError, ValueError):
        good = False
    if not good or parts.drivername not in {"postgresql", "postgres"}:
        # Nothing of the address is repeated: a password with special characters ends up in any part of it.
        raise StartupProblem(
            f"{setting_name(field)} is not an address such as postgresql://LOGIN:PASSWORD@HOST:5432/DATABASE."
            " In the password, write @ as %40, / as %2F, : as %3A and % as %25.",
            exit_code=2,
        )
    return parts


@asynccontextmanager
async def connection(field: str, url: SecretStr, *, patience: float = PATIENCE) -> AsyncIterator[asyncpg.Connection]:
    """Connect to what the setting ``field`` says.

    Raises:
        StartupProblem: it cannot be reached or refuses us (:class:`Unreachable`), or is too old.
    """
    parts = address(field, url)
    try:
        opened = await driver.connect(url.get_secret_value(), timeout=patience, server_settings=SESSION)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise Unreachable(why(field, parts, error), error) from None
    try:
        version = opened.get_server_version()
        if version.major < OLDEST:
            raise StartupProblem(
                f"The server at {place(parts)} ({setting_name(field)}) is PostgreSQL {version.major}. Quarterdeck"
                f" needs {OLDEST} or newer: upgrade the server, or choose another one."
            )
        yield opened
    finally:
        opened.terminate()


def place(parts: URL) -> str:
    """Where the server is, for a person."""
    host = parts.host or parts.query.get("host") or "localhost"
    shown = host if isinstance(host, str) else ", ".join(host)
    return shown if shown.startswith("/") else f"{shown}:{parts.port or 5432}"


def why(field: str, parts: URL, error: BaseException) -> str:
    """The sentence for an error while connecting."""
    name, where = setting_name(field), place(parts)
    if isinstance(error, asyncpg.PostgresError):
        return _refusal(name, parts, error)
    if isinstance(error, socket.gaierror):
        return f"The host of {where} in {name} is unknown. Check its spelling, and that its name can be resolved here."
    if isinstance(error, ssl.SSLError):
        return f"TLS with {where} ({name}) failed: {_first_line(error)}. {_MODES}."
    if "rejected SSL upgrade" in str(error):
        return f"The server at {where} offers no TLS, but {name} asks for it by sslmode. Turn TLS on there."
    if isinstance(error, FileNotFoundError) and not where.startswith("/"):
        return f"{name} names a file of certificates that does not exist. {_MODES}."
    if isinstance(error, TimeoutError):
        return f"No PostgreSQL answered in time at {where} ({name}). Check the address and the firewall between."
    if isinstance(error, OSError):
        return (
            f"No PostgreSQL can be reached at {where} ({name}): {_system_reason(error)}. Check that it runs and the"
            " address."
        )
    if isinstance(error, asyncpg.InterfaceError) and "certificate" in str(error):
        return f"{name} asks for TLS, but {_first_line(error)}. {_MODES}."
    return f"{name} cannot be used as an address of a PostgreSQL. Check what stands after the ? in it."


def _refusal(name: str, parts: URL, error: asyncpg.PostgresError) -> str:
    where, said = place(parts), _first_line(error)
    if isinstance(error, asyncpg.InvalidPasswordError):
        return (
            f"{where} refuses {parts.username} ({name}): the password is wrong, or there is no such login."
            " Correct the address, or give the login that password."
        )
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return (
            f"{where} does not let {parts.username} in ({name}): {said}. Allow this login, from this machine, in the"
            " server's pg_hba.conf, or correct the address."
        )
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return f"There is no database {parts.database} at {where} ({name}). Make it, or correct the address."
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return (
            f"{parts.username} may not enter the database {parts.database} at {where} ({name}): {said}."
            " Run `quarterdeck migrate`, which grants it or prints the SQL for it."
        )
    if isinstance(error, asyncpg.UndefinedObjectError | asyncpg.InvalidParameterValueError):
        return f"{where} does not know what {name} asks for after the ?: {said}. Remove it from the address."
    return f"{where} takes no connection now ({name}): {said}. Try again when it does."


def _first_line(error: BaseException) -> str:
    said = str(error).strip().splitlines() or [type(error).__name__]
    return said[0].rstrip(".")


def _system_reason(error: OSError) -> str:
    # A name with several addresses gives one error without a number of its own, but theirs in its text.
    number = error.errno or next(iter(map(int, re.findall(r"Errno (\d+)", str(error)))), None)
    return os.strerror(number) if number else _first_line(error)
