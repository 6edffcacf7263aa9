"""Every verb that writes leaves its entry, with before and after as the database itself saw them.

The verbs are found in the source: whatever in ``app.services`` or ``app.authentication`` opens the door to write. One
without a recipe here fails the first test. What each must have told is not written down here: the tables are looked at
before and after, and the entry has to say the difference.
"""

import ast
import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import inspect

from app.actor import Staff
from app.config import Settings
from app.crypto import passwords
from app.database.changes import _SILENT
from app.database.recording import noun
from app.models import Base
from app.trace import referenced
from tests.factories import Desk, add_import, add_job, add_user, make_dataset
from tests.people import PASSWORD, Company
from tests.rules.tree import Function, parsed, public_functions, verbs
from tests.services import recipes_people, recipes_records
from tests.services.phones import Clock, ann, time
from tests.services.stage import RECIPES, Stage

__all__ = ["ann", "recipes_people", "recipes_records", "time"]

ASKING = {
    "one_time_links.find": "who holds a link",
    "api_tokens.find": "whose token it is; that it was used is book-keeping",
    "sessions.find": "whose cookie it is",
    "sessions.living": "which sessions live",
    "second_factor.waits": "whether a code is awaited",
    "second_factor.get": "one's own second factor",
    "second_factor.begin": "a secret that is not kept",
    "second_factor.verify": "whether a code is right: it is used up, and whatever is done by it has an entry",
    "step_up.has_code": "whether somebody has a second factor",
    "throttle.device": "by which browsers somebody is known: book-keeping",
    "health.schema_revision": "the schema's version",
    "transaction.asking": "the block itself",
}
"""What comes to the doorstep and changes nothing that anybody has to answer for."""


def _calls(function: Function) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


_HOMES = {path.stem: path for path in verbs()}


@cache
def _functions(path: Path) -> dict[str, Function]:
    return {node.name: node for node in parsed(path).body if isinstance(node, Function)}


def _reaches(path: Path, name: str, seen: frozenset[tuple[Path, str]] = frozenset()) -> bool:
    """Whether a function opens the door to write, or comes to the doorstep, itself or by what it calls."""
    if (path, name) in seen or name not in _functions(path):
        return False
    for called in _calls(_functions(path)[name]):
        module, _, other = called.rpartition(".")
        place = _HOMES.get(module) if module else path
        if called in {"writing", "asking", "engine.login"} or (
            place is not None and _reaches(place, other, seen | {(path, name)})
        ):
            return True
    return False


def writers() -> set[str]:
    """The verbs that write, or might."""
    return {
        f"{path.stem}.{function.name}"
        for path in verbs()
        for function in public_functions(path)
        if _reaches(path, function.name)
    }


def test_every_verb_that_writes_has_a_recipe() -> None:
    found = writers()
    assert len(found) > 60
    assert found == {*RECIPES, *ASKING}
    assert not RECIPES.keys() & ASKING.keys()


@pytest.fixture
async def stage(
    company: Company, admin: asyncpg.Connection, settings: Settings, ann: Staff, time: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> Stage:  # fmt: skip
    async def hashed(password: str, about: object = ()) -> str:
        return f"hash of {len(password)}"

    monkeypatch.setattr(passwords, "hash_password", hashed)
    await admin.execute("UPDATE staff SET password_hash = $1, password_set_at = now()", PASSWORD)
    made = await make_dataset(admin, company.acme, "Flights", {"origin": "text"})
    import_id = await add_import(admin, made, 3, "jsonb_build_object('origin', 'JFK')")
    await admin.execute("UPDATE imports SET rows_bad = 1")
    desk = Desk.of(ann, settings)
    desk.store.folder.mkdir(parents=True, exist_ok=True)
    desk.store.errors(import_id).write_text("row,error")
    ada = await add_user(admin, company.acme, "Ada Lovelace", "ada@example.com", options='{"theme": "light"}')
    ids = {
        "ada": ada,
        "import": import_id,
        "row": await admin.fetchval("SELECT id FROM dataset_rows LIMIT 1"),
        "failed": await add_job(admin, company.acme),
        "queued": await add_job(admin, company.acme, "queued"),
    }
    return Stage(company, admin, desk, made, time, ids)


Rows = dict[tuple[str, str], dict[str, Any]]

_MODELS = {noun(mapper.class_): mapper.class_ for mapper in Base.registry.mappers if "id" in mapper.class_.__table__.c}


async def picture(admin: asyncpg.Connection) -> Rows:
    """Every record, as the log calls it."""
    found: Rows = {}
    for kind, model in _MODELS.items():
        if not model.__tablename__.startswith("audit_"):
            for row in await admin.fetch(f"SELECT id::text, to_jsonb(t)::text AS t FROM {model.__tablename__} t"):
                found[kind, row["id"]] = json.loads(row["t"])
    return found


@pytest.mark.parametrize("name", sorted(RECIPES))
async def test_its_entry_says_what_changed(name: str, stage: Stage) -> None:
    recipe = RECIPES[name]
    act = await recipe.ready(stage)
    before, last = await picture(stage.admin), await stage.admin.fetchval("SELECT max(id) FROM audit_entries") or 0
    with referenced("TEST-01"):
        await act()
    after = await picture(stage.admin)
    entries = await stage.admin.fetch("SELECT * FROM audit_told() WHERE id > $1 ORDER BY id", last)
    assert "database.changed" not in {entry["action"] for entry in entries}
    [entry] = [entry for entry in entries if entry["action"] == recipe.action]
    assert entry["actor_kind"] == recipe.actor_kind
    assert entry["actor_name"]
    assert (entry["origin"], entry["request"]) == ("live", "TEST-01")
    told = [json.loads(entry[side]) if entry[side] else {} for side in ("before", "after")]
    key = (entry["target_type"], entry["target_id"])
    if recipe.untold == {"*"}:
        assert told == [{}, {}]
        return
    _compare(key[0], recipe.untold, before.get(key, {}), after.get(key, {}), *told)


Side = dict[str, Any]


def _compare(kind: str, untold: frozenset[str], was: Side, now: Side, before: Side, after: Side) -> None:
    """The two sides of an entry say how a record was and is: all of it where it came or went, else what changed."""
    silent = _SILENT | untold
    if was and now:
        parts = dict(_parts(was, now, silent))
        assert before.keys() == after.keys() == parts.keys()
        for name, (old, new) in parts.items():
            assert _same(kind, name, before[name], old)
            assert _same(kind, name, after[name], new)
        return
    whole, told, other = (now, after, before) if now else (was, before, after)
    assert not other
    assert told.keys() <= whole.keys()
    assert all(_same(kind, name, value, whole[name]) for name, value in told.items())
    missing = {name for name, value in whole.items() if value is not None} - silent - told.keys()
    assert all(_comes_by_itself(kind, name) for name in missing), missing


def _parts(was: Side, now: Side, silent: frozenset[str]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """What differs, objects key by key."""
    for name in now.keys() - silent:
        old, new = was[name], now[name]
        if isinstance(old, dict) and isinstance(new, dict):
            yield from ((f"{name}.{k}", (old.get(k), new.get(k))) for k in {**old, **new} if old.get(k) != new.get(k))
        elif old != new:
            yield name, (old, new)


def _same(kind: str, name: str, told: Any, there: Any) -> bool:
    mapped = inspect(_MODELS[kind])
    column = mapped.columns[name.partition(".")[0]]
    if column.info.get("secret"):
        return told in (None, "changed", "set")
    if told is None and mapped.get_property_by_column(column).deferred:
        return True  # the application cannot read it
    if isinstance(there, str) and there.startswith("\\x"):
        return bool(told == there[2:])
    if isinstance(told, str) and isinstance(there, str) and told != there:
        return datetime.fromisoformat(told) == datetime.fromisoformat(there)
    return bool(told == there)


def _comes_by_itself(kind: str, name: str) -> bool:
    """Whether the column has a value that nobody gives."""
    column = _MODELS[kind].__table__.c[name]
    return column.default is not None or column.server_default is not None
