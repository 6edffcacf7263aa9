"""The database: does it answer, is it new enough, has each role its rights and none too many, is the schema ours?"""

import time
from collections.abc import Iterator

import asyncpg

from app import clock
from app.config import Settings
from app.doctor.findings import Finding, counted, ok, problem, warning
from app.errors import StartupProblem
from app.models import GLOBAL_TABLES
from app.postgres import external, roles
from app.postgres.connecting import address, connection
from app.postgres.migrate import head
from app.seals import guards

CHECK, RIGHTS, SCHEMA, CLOCK = "Database", "Database rights", "Database schema", "Clock"
GUARDS = "Database guards"
PATIENCE = 5.0
_UNPROTECTED = """
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    AND NOT (relrowsecurity AND relforcerowsecurity) AND relname <> ALL ($1::text[]) ORDER BY 1"""
_ENGINE = """
    SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'engine' AND c.relname = 'pgqueuer')"""
_SKEW_TO_NOTICE, _SKEW_TO_MEND = 2.0, 30.0


async def examine(settings: Settings) -> tuple[list[Finding], bool]:
    """What is found, and whether the tables can be asked further questions.

    ``settings`` have all ways in filled in.
    """
    if settings.database_url is None:
        return [], False
    try:
        async with connection("database_url", settings.database_url, patience=PATIENCE) as app:
            version = app.get_server_version()
            found = [ok(CHECK, f"PostgreSQL {version.major}.{version.minor} answers.")]
            login = _migrator(settings)
            found += await _rights(app, login)
            schema = await _schema(app)
            found += schema
            if any(finding.level != "problem" for finding in schema):
                found += await _guards(app)
            found.append(await _clock(app))
            which = await external.which(app)
    except StartupProblem as refusal:
        return [problem(CHECK, refusal.sentence)], False
    found += [*await _engine(settings, which), *await _owner(settings, which)]
    return found, not any(finding.level == "problem" for finding in schema)


def _migrator(settings: Settings) -> str:
    url = settings.migration_url
    return (address("migration_url", url).username if url is not None else None) or roles.OWNER


async def _rights(app: asyncpg.Connection, login: str) -> list[Finding]:
    database = await app.fetchval("SELECT current_database()")
    missing = await roles.missing(app, roles.steps(database, login, {}))
    advice = "Run `quarterdeck migrate` with QUARTERDECK_MIGRATION_URL, or as a superuser: "
    found = [problem(RIGHTS, f"It is not so that {step.name}.", advice + step.statement) for step in missing]
    return found or [ok(RIGHTS, "Every role is there, has the rights that it needs, and none too many.")]


async def _schema(app: asyncpg.Connection) -> list[Finding]:
    revision = await external.revision(app)
    try:
        external.compare_schema(revision, head())
    except StartupProblem as refusal:
        return [problem(SCHEMA, refusal.sentence)]
    return [*_protection(await app.fetch(_UNPROTECTED, sorted(GLOBAL_TABLES))), *_tables(await app.fetchval(_ENGINE))]


def _protection(rows: list[asyncpg.Record]) -> Iterator[Finding]:
    names = [row["relname"] for row in rows]
    if names:
        yield problem(
            SCHEMA,
            f"Row-level security is not forced on {', '.join(names)}: rows of other teams could be seen.",
            "; ".join(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY" for name in names)
            + ";",
        )
    else:
        yield ok(SCHEMA, f"It is of this version ({head()}), with row-level security on every table of teams.")


async def _guards(app: asyncpg.Connection) -> list[Finding]:
    advice = (
        "Only a superuser or the owner of the tables can have done that. Find out who, put it back as the migrations"
        " make it, and see docs/audit-log.md."
    )
    found = [problem(GUARDS, sentence, advice) for sentence in await guards.differences(app)]
    return found or [ok(GUARDS, "Triggers, policies, rights and functions are what the migrations made.")]


def _tables(engine: bool) -> Iterator[Finding]:
    if not engine:
        yield problem(SCHEMA, "The tables of the queue of jobs are missing.", "Run `quarterdeck migrate`.")


async def _clock(app: asyncpg.Connection) -> Finding:
    started = time.monotonic()
    theirs = await app.fetchval("SELECT clock_timestamp()")
    trip = time.monotonic() - started
    skew = abs((clock.now() - theirs).total_seconds() - trip / 2)
    sentence = f"The clocks of this machine and of the database differ by {skew:,.1f} s."
    if skew < _SKEW_TO_NOTICE:
        return ok(CLOCK, sentence)
    advice = "Let both keep their time by NTP (timedatectl set-ntp true)."
    return (problem if skew >= _SKEW_TO_MEND else warning)(CLOCK, sentence, advice)


async def _engine(settings: Settings, which: external.Which) -> list[Finding]:
    if settings.engine_url is None or settings.database_url is None:
        return []
    try:
        await external.check_engine(settings.engine_url, settings.database_url, which)
    except StartupProblem as refusal:
        return [problem("Queue of jobs", refusal.sentence)]
    return [ok("Queue of jobs", f"{roles.WORKER} gets in and reaches it.")]


async def _owner(settings: Settings, which: external.Which) -> list[Finding]:
    name = "Migration"
    if settings.migration_url is None:
        return [
            ok(name, "No QUARTERDECK_MIGRATION_URL: this machine uses the database and does not change its schema.")
        ]
    try:
        async with external.owner(settings.migration_url) as owner:
            if await external.which(owner) != which:
                return [problem(name, external.TWO_DATABASES.format("QUARTERDECK_MIGRATION_URL"))]
            n = await owner.fetchval("SELECT count(*) FROM pg_tables WHERE tableowner = current_user")
    except StartupProblem as refusal:
        return [problem(name, refusal.sentence)]
    except asyncpg.InsufficientPrivilegeError:
        return [problem(name, f"Who migrates may not become {roles.OWNER}.", "Run `quarterdeck migrate`.")]
    return [ok(name, f"Who migrates may act as {roles.OWNER}, which owns {counted(n, 'table', 'tables')}.")]
