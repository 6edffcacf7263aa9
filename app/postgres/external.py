"""A PostgreSQL of one's own: its roles and rights are made where the migration's login may, else told as SQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import asyncpg
from pydantic import SecretStr

from app.config import Settings
from app.errors import StartupProblem
from app.postgres import roles
from app.postgres.connecting import Unreachable, address, connection, setting_name
from app.postgres.login_passwords import USERS, engine_url, kept_passwords

ONE_AT_A_TIME = 7_305_180_418
"""The advisory lock of those who set up or migrate this database."""
_FOREIGN = """
    SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
    AND NOT EXISTS (SELECT FROM pg_class a WHERE a.relnamespace = c.relnamespace AND a.relname = 'alembic_version')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1 LIMIT 4"""
_WHICH = "SELECT (SELECT system_identifier FROM pg_control_system()), current_database()"
_MAY_USE_ENGINE = """
    SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'engine' AND has_schema_privilege(oid, 'USAGE'))"""
TWO_DATABASES = "{} leads to another database than QUARTERDECK_DATABASE_URL. All addresses have to name the same one."
_SET_ENGINE_URL = (
    "Set QUARTERDECK_ENGINE_URL, the connection as quarterdeck_worker: that login has a password of its own, not the"
    " one that `quarterdeck migrate` would have given it."
)
_MAKE_DATABASE = "SELECT {creation} WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {name}) \\gexec"
_HEADER = """\
-- What Quarterdeck needs in the database {database}. Run it there with psql, as a superuser or as whoever may make
-- roles and owns that database. Put passwords in place of <...> first. Running it again does no harm."""


class Which(NamedTuple):
    """What tells one database from all others."""

    server: int
    database: str


class RightsMissing(StartupProblem):
    """The migration's login may not do all of it. ``script`` is the SQL, for psql, for somebody who may."""

    def __init__(self, sentence: str, script: str) -> None:
        super().__init__(sentence)
        self.script = script


async def prepare(settings: Settings) -> None:
    """Make what is missing of roles and rights, and the database itself.

    Raises:
        RightsMissing: something is left that the login of the migration may not do.
        StartupProblem: it cannot be reached, or is not a database for us.
    """
    if settings.migration_url is None:
        raise StartupProblem("Set QUARTERDECK_MIGRATION_URL, the connection of who may migrate.", exit_code=2)
    _check_users(settings)
    try:
        await _set_up(settings, settings.migration_url)
    except Unreachable as problem:
        if not isinstance(problem.error, asyncpg.InvalidCatalogNameError):
            raise
        await _make_database(settings, settings.migration_url, problem)
        await _set_up(settings, settings.migration_url)


async def check(settings: Settings, head: str | None) -> None:
    """See that the application and its workers get in, into one and the same database with the schema ``head``.

    Raises:
        StartupProblem: they do not; the sentence says why.
    """
    if settings.database_url is None:
        return
    _check_users(settings)
    async with connection("database_url", settings.database_url) as app:
        compare_schema(await revision(app), head)
        ours = await which(app)
    if settings.engine_url is not None:
        await check_engine(settings.engine_url, settings.database_url, ours)


async def check_engine(url: SecretStr, database_url: SecretStr, ours: Which) -> None:
    """See that workers reach their queue in the same database as the application's (``ours``).

    Raises:
        StartupProblem: they do not.
    """
    try:
        async with connection("engine_url", url) as worker:
            if await which(worker) != ours:
                raise StartupProblem(TWO_DATABASES.format("QUARTERDECK_ENGINE_URL"), exit_code=2)
            if not await worker.fetchval(_MAY_USE_ENGINE):
                raise StartupProblem(
                    "quarterdeck_worker may not use the queue of jobs. Run `quarterdeck migrate`, which grants it."
                )
    except Unreachable as problem:
        if isinstance(problem.error, asyncpg.InvalidPasswordError) and url == engine_url(database_url):
            raise StartupProblem(_SET_ENGINE_URL, exit_code=2) from None
        raise


@asynccontextmanager
async def owner(url: SecretStr) -> AsyncIterator[asyncpg.Connection]:
    """The connection of who migrates, acting as ``quarterdeck_owner`` whoever signed in."""
    async with connection("migration_url", url) as opened:
        await opened.execute(f"SET ROLE {roles.OWNER}")
        yield opened


def _check_users(settings: Settings) -> None:
    for field, user in USERS.items():
        url = getattr(settings, field)
        if url is not None and (found := address(field, url).username) != user:
            raise StartupProblem(
                f"{setting_name(field)} signs in as {found or 'nobody'}. It has to be {user}, a login with no more"
                " rights than it needs; `quarterdeck migrate` makes it.",
                exit_code=2,
            )


async def _set_up(settings: Settings, url: SecretStr) -> None:
    async with connection("migration_url", url) as opened:
        await opened.execute("SELECT pg_advisory_lock($1)", ONE_AT_A_TIME)
        login, database = await opened.fetchrow("SELECT session_user, current_database()")
        await _check_fitness(opened, database)
        for step in await roles.missing(opened, roles.steps(database, login, kept_passwords(settings))):
            await _try(opened, step.statement)
        left = await roles.missing(opened, roles.steps(database, login, roles.placeholders(login)))
    if left:
        raise _rights_missing(login, database, [step.statement for step in left])


async def _check_fitness(opened: asyncpg.Connection, database: str) -> None:
    """Is it a database that we can and may fill?"""
    if await opened.fetchval("SELECT pg_is_in_recovery()"):
        raise StartupProblem("QUARTERDECK_MIGRATION_URL leads to a read-only copy. Give the address of the primary.")
    if (encoding := await opened.fetchval("SHOW server_encoding")) != "UTF8":
        raise StartupProblem(f"The database {database} is encoded in {encoding}. Make one with ENCODING 'UTF8'.")
    if not await opened.fetchval("SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm')"):
        raise StartupProblem(
            "The server has no extension pg_trgm. Install PostgreSQL's contrib package there, then try again."
        )
    foreign = [row["relname"] for row in await opened.fetch(_FOREIGN)]
    if foreign:
        raise StartupProblem(
            f"The database {database} holds tables of something else ({', '.join(foreign)}). Quarterdeck needs one of"
            " its own: correct QUARTERDECK_MIGRATION_URL and QUARTERDECK_DATABASE_URL.",
            exit_code=2,
        )


async def _make_database(settings: Settings, url: SecretStr, why: Unreachable) -> None:
    """Make the database from the one that every server has, or say how."""
    parts = address("migration_url", url)
    beside = SecretStr(parts.set(database="postgres").render_as_string(hide_password=False))
    login, database = parts.username or "", parts.database or ""
    try:
        async with connection("migration_url", beside) as opened:
            for step in roles.of_server(login, kept_passwords(settings)):
                await _try(opened, step.statement)
            made = await _try(opened, roles.creation(database))
    except Unreachable:
        raise why from None
    if not made:
        raise _rights_missing(login, database, _whole_script(database, login))


def _whole_script(database: str, login: str) -> list[str]:
    """Everything, from nothing. Creating a database cannot be made conditional but by psql itself."""
    creation, name = roles.literal(roles.creation(database)), roles.literal(database)
    return [
        *(step.statement for step in roles.of_server(login, roles.placeholders(login))),
        _MAKE_DATABASE.format(creation=creation, name=name),
        f"\\connect {roles.identifier(database)}",
        *(step.statement for step in roles.of_database(database, login)),
    ]


async def _try(opened: asyncpg.Connection, statement: str) -> bool:
    """Whether we may. What somebody else made at the same moment is made."""
    try:
        await opened.execute(statement)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidGrantOperationError):
        return False
    except (asyncpg.DuplicateObjectError, asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        return True
    except asyncpg.UndefinedObjectError:
        return False  # needs a role that we may not make
    return True


async def which(opened: asyncpg.Connection) -> Which:
    """Which database of which server it is."""
    return Which(*await opened.fetchrow(_WHICH))


async def revision(app: asyncpg.Connection) -> str | None:
    """The revision of the schema; None where there is none that the application may see."""
    try:
        found: str | None = await app.fetchval("SELECT version_num FROM public.alembic_version")
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        return None
    return found


def compare_schema(found: str | None, head: str | None) -> None:
    """Raises :class:`StartupProblem` unless the schema is this program's."""
    if found == head:
        return
    if found is None:
        state = "has no tables of Quarterdeck yet"
    elif found > (head or ""):
        raise StartupProblem(
            f"The database was made by a newer version of Quarterdeck (schema {found}, this one knows {head})."
            " Start that version."
        )
    else:
        state = f"has an older schema ({found}, this version needs {head})"
    raise StartupProblem(
        f"The database {state}. Run `quarterdeck migrate` with QUARTERDECK_MIGRATION_URL, the connection of who may."
    )


def _rights_missing(login: str, database: str, statements: list[str]) -> RightsMissing:
    script = "\n".join([_HEADER.format(database=database), *statements, ""])
    return RightsMissing(
        f"{login} may not set up the database {database} alone. Let somebody who may run the SQL that `quarterdeck"
        " migrate` prints, then try again.",
        script,
    )
