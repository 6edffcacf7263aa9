"""The roles and rights that Quarterdeck needs in a PostgreSQL of one's own: each as a question and as the SQL for it.

The questions read catalogs that everybody may read; the SQL can be repeated. Who may runs it, who may not prints it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

OWNER, APP, WORKER = LOGINS = ("quarterdeck_owner", "quarterdeck_app", "quarterdeck_worker")
ROLES = ("quarterdeck_platform", "quarterdeck_team", "quarterdeck_keeper")
_SETTINGS = {APP: "QUARTERDECK_DATABASE_URL", WORKER: "QUARTERDECK_ENGINE_URL", OWNER: "QUARTERDECK_MIGRATION_URL"}
_DATABASE_RIGHTS = """
    (SELECT count(DISTINCT r.oid) FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a,
        pg_roles r WHERE d.datname = current_database() AND a.grantee = r.oid AND a.privilege_type = '{right}'
        AND r.rolname = ANY (ARRAY[{roles}])) = {count}"""
_MEMBERSHIPS = """
    (SELECT count(DISTINCT r.oid) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
        WHERE m.member = to_regrole('{member}')::oid AND m.set_option AND r.rolname IN ({roles})) = {count}
    AND NOT EXISTS (SELECT FROM pg_auth_members WHERE member = to_regrole('{member}')::oid AND inherit_option)"""
_EXTENSION_IS_NEAR = """
    EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm')
    OR EXISTS (SELECT FROM pg_available_extension_versions WHERE name = 'pg_trgm' AND trusted)
        AND EXISTS (SELECT FROM pg_roles WHERE rolname = 'quarterdeck_owner'
            AND has_database_privilege(oid, current_database(), 'CREATE'))"""


@dataclass(frozen=True)
class Step:
    """Something that has to be so. ``question`` is SQL for a boolean, ``statement`` makes it so."""

    name: str
    question: str
    statement: str


def steps(database: str, login: str, passwords: Mapping[str, str]) -> list[Step]:
    """All that has to be so, in an order in which it can be made so. ``login`` is who migrates."""
    return [*of_server(login, passwords), *of_database(database, login)]


def of_server(login: str, passwords: Mapping[str, str]) -> list[Step]:
    """The roles, which all databases of a server share.

    ``passwords`` are literals of SQL (placeholders, or what a server keeps) by login role.
    """
    return [
        *(_role(role, passwords.get(role)) for role in (*LOGINS, *ROLES)),
        *(_ordinary(role) for role in (*LOGINS, *ROLES)),
        Step(
            f"{APP} may become {', '.join(ROLES)}",
            _may_become(APP, ROLES),
            f"GRANT {', '.join(ROLES)} TO {APP} WITH INHERIT FALSE, SET TRUE;",
        ),
        Step(
            f"{login} may become {OWNER}",
            f"EXISTS (SELECT FROM pg_roles WHERE rolname = '{OWNER}' AND pg_has_role({literal(login)}, oid, 'SET'))",
            f"GRANT {OWNER} TO {identifier(login)} WITH INHERIT FALSE, SET TRUE;",
        ),
    ]


def of_database(database: str, login: str) -> list[Step]:
    """The rights in one database. Who migrates keeps theirs when everybody's are taken away."""
    place, entering = identifier(database), (APP, WORKER) if login in LOGINS else (APP, WORKER, login)
    return [
        Step(
            f"{OWNER} may make things in the database",
            f"EXISTS (SELECT FROM pg_roles WHERE rolname = '{OWNER}'"
            " AND has_database_privilege(oid, current_database(), 'CREATE'))",
            f"GRANT ALL ON DATABASE {place} TO {OWNER};",
        ),
        Step(
            f"{OWNER} owns the schema public",
            "EXISTS (SELECT FROM pg_namespace n, pg_roles r WHERE n.nspname = 'public'"
            f" AND r.rolname = '{OWNER}' AND pg_has_role(r.oid, n.nspowner, 'USAGE'))",
            f"ALTER SCHEMA public OWNER TO {OWNER};",
        ),
        Step(
            f"{', '.join(entering)} may enter the database",
            _database_right("CONNECT", entering),
            f"GRANT CONNECT ON DATABASE {place} TO {', '.join(map(identifier, entering))};",
        ),
        Step(
            f"{', '.join(ROLES)} may make temporary tables",
            _database_right("TEMPORARY", ROLES),
            f"GRANT TEMPORARY ON DATABASE {place} TO {', '.join(ROLES)};",
        ),
        Step(
            "nobody else may enter the database",
            "NOT EXISTS (SELECT FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) a"
            " WHERE datname = current_database() AND a.grantee = 0)",
            f"REVOKE ALL ON DATABASE {place} FROM PUBLIC;",
        ),
        Step("the extension pg_trgm is there", _EXTENSION_IS_NEAR, "CREATE EXTENSION IF NOT EXISTS pg_trgm;"),
        Step(
            "the extension pg_trgm is in the schema public",
            "NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm'"
            " AND extnamespace <> 'public'::regnamespace)",
            "ALTER EXTENSION pg_trgm SET SCHEMA public;",
        ),
    ]


async def missing(connection: asyncpg.Connection, wanted: Sequence[Step]) -> list[Step]:
    """Those of the steps that are not so yet. ``connection`` may be anybody's, in the database itself."""
    answers = await connection.fetchrow("SELECT " + ", ".join(f"({step.question})" for step in wanted))
    return [step for step, is_so in zip(wanted, answers, strict=True) if not is_so]


def placeholders(login: str) -> dict[str, str]:
    """What stands for the passwords in SQL that a person is going to read. ``login``: who migrates has one already."""
    asked = LOGINS if login == OWNER else (APP, WORKER)
    return {role: f"'<password of {role}, as in {_SETTINGS[role]}>'" for role in asked}


def creation(database: str) -> str:
    """The statement that makes the database."""
    return f"CREATE DATABASE {identifier(database)} OWNER {OWNER}"


def _role(role: str, password: str | None) -> Step:
    kind = "LOGIN NOINHERIT" if role in LOGINS else "NOLOGIN"
    secret = f" PASSWORD {password}" if password else ""
    return Step(
        f"the role {role} is there",
        f"EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}')",
        f"DO $make$ BEGIN IF to_regrole('{role}') IS NULL THEN CREATE ROLE {role} {kind}{secret}; END IF; END $make$;",
    )


def _ordinary(role: str) -> Step:
    """A role that is more than it has to be would see what policies hide."""
    login = "LOGIN NOINHERIT" if role in LOGINS else "NOLOGIN"
    return Step(
        f"{role} has no special rights",
        f"NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}' AND (rolsuper OR rolbypassrls OR rolcreaterole"
        f" OR rolcreatedb OR rolreplication OR rolcanlogin <> {role in LOGINS} OR rolcanlogin AND rolinherit))",
        f"ALTER ROLE {role} {login} NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION;",
    )


def _may_become(member: str, roles: Sequence[str]) -> str:
    return _MEMBERSHIPS.format(member=member, roles=_literals(roles), count=len(roles))


def _database_right(right: str, roles: Sequence[str]) -> str:
    """By name, not through PUBLIC: that is taken away."""
    return _DATABASE_RIGHTS.format(right=right, roles=_literals(roles), count=len(roles))


def _literals(values: Sequence[str]) -> str:
    return ", ".join(map(literal, values))


def literal(value: str) -> str:
    """A text, quoted for SQL."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name, quoted for SQL unless it is one of ours."""
    return name if name in LOGINS or name in ROLES else '"' + name.replace('"', '""') + '"'
