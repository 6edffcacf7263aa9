"""The first parameter tells the floor, and each outside library has one door."""

import ast
from pathlib import Path

import pytest

from tests.rules.tree import (
    PRODUCT,
    Function,
    at,
    calls,
    first_parameter,
    importers,
    imports,
    modules,
    parsed,
    public_functions,
    sources,
    strings,
    verbs,
)

NOBODY_IS_KNOWN_YET = {
    "health.schema_revision",  # asked by load balancers, tells nothing of anybody's
}
# Asked before anybody is known.
LOGIN_QUESTIONS = {"app/repositories/health.py", *map(str, modules("app/authentication/queries"))}
# What authentication starts with: who it is for, or what stands for somebody until they are known.
AUTHENTICATION_TAKES = {"actor", "nobody", "claims", "login"}
BEFORE_ANYBODY = {
    "transaction.asking",
    "transaction.in_turn",  # the login role's block, for questions from before anybody is known
    "one_time_links.find",  # whoever holds a one-time link has no session
    "api_tokens.find",  # turns an API token into the actor
    "second_factor.bind",  # start-up hands over the keys that seal
    "second_factor.waits",  # whether a half sign-in still waits for its code
    "sessions.bind",  # start-up hands over the signing key
    "sessions.find",  # turns a cookie into the actor
    "sessions.challenged",  # reads the token of a half sign-in
    "sessions.new_claims",  # what a session that begins will be called
    "sessions.signed",  # the same, signed
    "sessions.living",  # the same question for all open pages at once
    "sessions.saw",  # book-keeping of a session that was just found
}
# Their plain functions build questions and ask none.
PURE_PARTS = {f"app/repositories/{name}.py" for name in ("audit_words", "filters", "job_activity", "keyset", "tallies")}
QUESTION = "matching"  # what a list asks, made of its request and not yet put
SQL_TEXT = (
    "app/repositories/",
    "app/authentication/queries/",
    "app/job_queue/",
    "app/database/",
    "app/postgres/migrate.py",
)
SQL_TEXT_NAMES = {"sqlalchemy.text", "sqlalchemy.sql.text", "sqlalchemy.sql.expression.text"}
# Also where import-linter cannot name a module that does not exist yet.
MACHINERY = (
    *(
        "sqlalchemy",
        "asyncpg",
        "alembic",
        "app.database",
        "app.repositories",
        "app.job_queue",
        "app.crypto",
        "app.main",
    ),
    *("app.web", "app.worker", "app.postgres", "app.supervisor", "app.cli"),
)
OUT_OF_REACH = {
    "pages": MACHINERY,
    "components": (*MACHINERY, "app.services", "app.authentication", "app.models", "app.storage", "pages"),
}
DOORS = {
    "stripe": ("app/integrations/stripe.py",),
    "duckdb": ("app/tabular",),
    "nicegui": ("app/main.py", "app/web/guard.py", "app/web/websocket.py"),
}


def _functions(folder: str) -> list[tuple[Path, Function]]:
    return [(path, function) for path in modules(folder) for function in public_functions(path)]


def test_there_are_services_and_repositories_to_look_at() -> None:
    assert _functions("app/services")
    assert _functions("app/repositories")


@pytest.mark.parametrize("path", modules("app/services"), ids=str)
def test_every_service_is_async_and_takes_the_actor_first(path: Path) -> None:
    wrong = [
        at(path, function)
        for function in public_functions(path)
        if f"{path.stem}.{function.name}" not in NOBODY_IS_KNOWN_YET
        and not (isinstance(function, ast.AsyncFunctionDef) and first_parameter(function) == "actor")
        and not _opens_a_block(function)
    ]
    assert not wrong, f"Services are async and take `actor` first: {wrong}"


def _opens_a_block(function: Function) -> bool:
    """A context manager for others' blocks is no verb of its own, but still says who acts."""
    managed = {ast.unparse(decorator).split(".")[-1] for decorator in function.decorator_list}
    return bool(managed & {"asynccontextmanager", "contextmanager"}) and first_parameter(function) == "actor"


def test_the_exceptions_to_the_actor_still_exist() -> None:
    there = {f"{path.stem}.{function.name}" for path, function in _functions("app/services")}
    assert there >= NOBODY_IS_KNOWN_YET, f"Forget these exceptions: {NOBODY_IS_KNOWN_YET - there}"


@pytest.mark.parametrize("path", modules("app/authentication"), ids=str)
def test_authentication_takes_first_whom_it_is_for(path: Path) -> None:
    wrong = [
        at(path, function)
        for function in public_functions(path)
        if first_parameter(function) not in AUTHENTICATION_TAKES
        and f"{path.stem}.{function.name}" not in BEFORE_ANYBODY
    ]
    assert not wrong, f"Authentication takes one of {sorted(AUTHENTICATION_TAKES)} first: {wrong}"


def test_the_exceptions_to_whom_it_is_for_still_exist() -> None:
    there = {f"{path.stem}.{function.name}" for path, function in _functions("app/authentication")}
    assert there >= BEFORE_ANYBODY, f"Forget these exceptions: {BEFORE_ANYBODY - there}"


@pytest.mark.parametrize("path", [*modules("app/repositories"), *modules("app/authentication/queries")], ids=str)
def test_every_repository_function_takes_the_work_first(path: Path) -> None:
    expected = "login" if str(path) in LOGIN_QUESTIONS else "work"
    wrong = [
        at(path, function)
        for function in public_functions(path)
        if first_parameter(function) != ("request" if function.name == QUESTION else expected)
        and not (str(path) in PURE_PARTS and isinstance(function, ast.FunctionDef))
    ]
    assert not wrong, f"Repository functions take `{expected}` first: {wrong}"


@pytest.mark.parametrize("path", verbs(), ids=str)
def test_services_hold_only_functions_exceptions_and_frozen_dataclasses(path: Path) -> None:
    wrong = [
        at(path, node)
        for node in parsed(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not _is_a_value(node)
    ]
    assert not wrong, f"State has no place in services: {wrong}"


def _is_a_value(node: ast.ClassDef) -> bool:
    decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
    frozen = any(name.startswith("dataclass(") and "frozen=True" in name for name in decorators)
    enumeration = any(ast.unparse(base).endswith(("Enum", "NamedTuple", "Protocol")) for base in node.bases)
    exception = any(ast.unparse(base).split(".")[-1] in _REFUSALS for base in node.bases)
    return frozen or enumeration or exception


_REFUSALS = {"Exception"} | {node.name for node in parsed(Path("app/errors.py")).body if isinstance(node, ast.ClassDef)}


def test_sql_text_is_written_only_near_the_database() -> None:
    wrong = [
        str(path)
        for path in sources("app", "pages", "components")
        if "sqlalchemy.text"
        in {name.replace("sqlalchemy.sql.", "sqlalchemy.").replace("expression.", "") for name in imports(path)}
        and not str(path).startswith((*SQL_TEXT, "app/models/"))
    ]
    assert not wrong, f"text() belongs to repositories, the job queue and the door: {wrong}"
    attributes = [
        at(path, call)
        for path in sources("app", "pages", "components")
        for name, call in calls(path)
        if name in {"sqlalchemy.text", "sa.text"} and not str(path).startswith(SQL_TEXT)
    ]
    assert not attributes


def test_models_use_sql_text_for_constants_only() -> None:
    texts = [(path, call) for path in sources("app/models") for name, call in calls(path) if name == "text"]
    assert texts
    wrong = [at(path, call) for path, call in texts if not isinstance(call.args[0], ast.Constant)]
    assert not wrong, f"A model's text() is part of the schema, so it is a constant: {wrong}"


@pytest.mark.parametrize(("library", "doors"), DOORS.items(), ids=str)
def test_each_outside_library_has_one_door(library: str, doors: tuple[str, ...]) -> None:
    wrong = {
        path
        for path in importers(library, "app")
        if not any(path == door or path.startswith(door + "/") for door in doors)
    }
    assert not wrong, f"Only {doors} may import {library}: {sorted(wrong)}"


def test_every_connection_ends_what_it_is_busy_with() -> None:
    makes = {"asyncpg.connect", "asyncpg.create_pool", "asyncpg.Connection", "asyncpg.pool.create_pool"}
    made = [(path, name, call) for path in sources("app", "migrations") for name, call in calls(path)]
    wrong = [at(path, call) for path, name, call in made if name in makes and str(path) != "app/database/driver.py"]
    wrong += [
        at(path, call)
        for path, name, call in made
        if name.endswith("create_async_engine") and "async_creator" not in {word.arg for word in call.keywords}
    ]
    wrong += [str(path) for path in sources("app", "migrations") if makes & set(imports(path)) - {"asyncpg.Connection"}]
    assert not wrong, f"app.database.driver connects: its COPY does not outlive the connection: {wrong}"


@pytest.mark.parametrize(("folder", "forbidden"), OUT_OF_REACH.items(), ids=str)
def test_what_is_drawn_reaches_no_deeper(folder: str, forbidden: tuple[str, ...]) -> None:
    wrong = {name: found for name in forbidden if (found := sorted(importers(name, folder)))}
    assert not wrong


def test_only_main_knows_the_screens() -> None:
    assert importers("pages", "app") <= {"app/main.py"}


def test_settings_of_a_transaction_never_outlive_it() -> None:
    wrong = [str(path) for path in sources(*PRODUCT) if any(_leaks(text) for text in strings(path))]
    assert not wrong, f"set_config(…, false) leaks through the connection pool: {wrong}"


def _leaks(sql: str) -> bool:
    squeezed = "".join(sql.lower().split())
    return any(not part.split(")")[0].endswith(",true") for part in squeezed.split("set_config(")[1:])
