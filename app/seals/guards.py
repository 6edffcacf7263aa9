"""What guards the audit log and the rows of each team: triggers, row-level security, rights and functions.

A superuser can switch them off, and nothing that happens meanwhile leaves an entry. So whoever looks after the log
compares them with what the migrations make, which stands in ``guards.txt`` and comes with the program: what lay in the
database could be changed together with them. Only facts are compared that any server of any minor version tells alike;
of conditions, which have no such form, the text without spaces, brackets and names of schemas.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any, NamedTuple

from app.seals.damage import Damage, Problem
from app.seals.damage import found as problem

MANIFEST = files("app.seals") / "guards.txt"
_NOISE = re.compile(r"\s|\bpublic\.|\bpg_catalog\.")
_TABLE = re.compile(r" ON \S+ ")
_OTHER_SCHEMA = (
    "The database has the schema {}, and this program knows {}: what guards the log could not be compared. Run the"
    " same version everywhere."
)
_MONTH = re.compile(r"audit_months\.m\d{4}_\d{2}$")
_LIKE_MONTHS = "audit_months.other"
"""Each month is guarded as the partition is that takes what belongs to no month."""


class Fact(NamedTuple):
    """One thing that is so: of which kind, where, by which name, and how."""

    kind: str
    place: str
    name: str
    value: str


Key = tuple[str, str, str]


async def facts(connection: Any) -> list[Fact]:  # noqa: ANN401 - asyncpg ships no types
    """What is so in this database, in order. Everybody may ask: these catalogs are open."""
    found = [Fact(*row) for row in await connection.fetch(_FACTS)]
    return sorted(fact._replace(value=_plain(fact)) for fact in found)


async def compared_in(connection: Any) -> list[Problem]:  # noqa: ANN401
    """The same as problems of the log."""
    return [problem(Damage.GUARD, what=sentence) for sentence in await differences(connection)]


async def differences(connection: Any) -> list[str]:  # noqa: ANN401
    """What is not as the migrations made it, a sentence each; none when all is well."""
    revision, expected = manifest()
    found = await connection.fetchval(_REVISION) if await connection.fetchval(_MAY_ASK) else revision
    if found != revision:
        return [_OTHER_SCHEMA.format(found, revision)]
    return list(compared(expected, await facts(connection)))


@cache
def manifest() -> tuple[str, Sequence[Fact]]:
    """The revision that ``guards.txt`` belongs to, and what its migrations make."""
    revision, *lines = MANIFEST.read_text("utf-8").splitlines()
    return revision, [Fact(*line.split("\t")) for line in lines]


def written(revision: str | None, made: Iterable[Fact]) -> str:
    """The text of ``guards.txt``: a line each, so that two changes of it can be merged. No month stands in it."""
    lines = ["\t".join(fact) for fact in made if not _MONTH.match(fact.place)]
    return "\n".join([str(revision), *lines, ""])


def compared(expected: Iterable[Fact], found: Iterable[Fact]) -> Iterator[str]:
    """What differs, place by place. Tables and functions of somebody else are none of ours."""
    wanted, there = _by_key(expected), _by_key(found)
    months = {place for _, place, _ in there if _MONTH.match(place)}
    for (kind, place, name), value in list(wanted.items()):
        if place == _LIKE_MONTHS:
            wanted |= {(kind, month, name): value for month in months}
    places = {place for _, place, _ in wanted}
    gone = places - {place for _, place, _ in there}
    yield from (f"{place} is missing." for place in sorted(gone))
    keys = {key for key in {*wanted, *there} if wanted.get(key) != there.get(key) and key[1] in places - gone}
    told = [(place, *_told(kind, name, wanted.get(key), there.get(key)))
            for key in keys for kind, place, name in [key] if not _is_told_by_its_trigger(key, keys)]  # fmt: skip
    for (place, words), same in groupby(sorted(told), key=lambda one: one[:2]):
        names = ", ".join(dict.fromkeys(name for *_, name in same if name))
        yield f"{place}: {words}{': ' if names else ''}{names}."


def _is_told_by_its_trigger(key: Key, differing: set[Key]) -> bool:
    """A trigger that is missing, or one more, is told once, not again for when it fires."""
    kind, place, name = key
    return kind == "fires" and ("trigger", place, name) in differing


def _told(kind: str, name: str, wanted: str | None, found: str | None) -> tuple[str, str]:
    """What differs, and its name. Of the same words the names are told together."""
    match kind, found:
        case "grant", _:
            return _rights(name, wanted, found), ""
        case "fires", "D":
            return "triggers are switched off", name
        case "fires", _:
            return "triggers do not fire in every session, as they have to", name
        case (("trigger" | "policy" | "rule"), _):
            return f"{_PLURAL[kind]} {_fate(wanted, found)}", name
        case _:
            return _WORDS[kind].format(wanted=wanted, found=found), ""


def _fate(wanted: str | None, found: str | None) -> str:
    if found is None:
        return "are missing"
    return "were changed" if wanted is not None else "are there that no migration made"


def _rights(role: str, wanted: str | None, found: str | None) -> str:
    had, has = (set(filter(None, (text or "").split(", "))) for text in (wanted, found))
    parts = [("was granted", has - had), ("lost", had - has)]
    return f"{role} " + " and ".join(f"{verb} {', '.join(sorted(rights))}" for verb, rights in parts if rights)


_PLURAL = {"trigger": "triggers", "policy": "row-level policies", "rule": "rules"}
_WORDS = {
    "owner": "belongs to {found}, not to {wanted}",
    "row security": "row-level security is {found}, and has to be {wanted}",
    "foreign keys": "foreign keys are not looked at, because their triggers are switched off",
    "body": "the function does something else, because its body was changed",
    "function": "the function runs in another way ({found}, not {wanted})",
}


def _by_key(of: Iterable[Fact]) -> dict[Key, str]:
    return {(fact.kind, fact.place, fact.name): fact.value for fact in of}


def _plain(fact: Fact) -> str:
    """A printed form without what a server may print in another way."""
    if fact.kind in {"trigger", "rule"}:
        return _NOISE.sub("", _TABLE.sub(" ON - ", fact.value, count=1))
    return _NOISE.sub("", fact.value) if fact.kind == "policy" else fact.value


_MAY_ASK = "SELECT has_table_privilege(to_regclass('public.alembic_version'), 'SELECT')"
"""If not, what differs is told all the same: that right, or that table, is among it."""
_REVISION = "SELECT version_num FROM public.alembic_version"
_FACTS = """
WITH places AS (
    SELECT oid, nspname, CASE nspname WHEN 'public' THEN '' ELSE nspname || '.' END AS prefix, nspowner, nspacl
    FROM pg_namespace WHERE nspname IN ('public', 'audit_months')
), tables AS (
    SELECT c.oid, p.prefix || c.relname AS place, c.relowner AS owner, c.relacl AS acl, c.relkind,
        CASE WHEN NOT c.relrowsecurity THEN 'off' WHEN c.relforcerowsecurity THEN 'forced' ELSE 'not forced' END AS rls
    FROM pg_class c JOIN places p ON p.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'S', 'v', 'm', 'f')
        AND NOT EXISTS (SELECT FROM pg_depend d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), functions AS (
    SELECT f.*, p.prefix || f.proname || '(' || coalesce((SELECT string_agg(t.typname, ', ' ORDER BY a.n)
            FROM unnest(f.proargtypes) WITH ORDINALITY AS a (type, n) JOIN pg_type t ON t.oid = a.type), '') || ')'
            AS place
    FROM pg_proc f JOIN places p ON p.oid = f.pronamespace WHERE NOT EXISTS (SELECT FROM pg_depend d
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e')
), grants AS (
    SELECT place, owner, a.grantee, a.privilege_type AS what, a.is_grantable FROM tables, aclexplode(acl) AS a
    UNION ALL SELECT place, owner, a.grantee, a.privilege_type || ' of ' || c.attname, a.is_grantable
        FROM tables JOIN pg_attribute c ON c.attrelid = tables.oid AND NOT c.attisdropped, aclexplode(c.attacl) AS a
    UNION ALL SELECT place, proowner, a.grantee, a.privilege_type, a.is_grantable
        FROM functions, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS a
    UNION ALL SELECT 'schema ' || nspname, nspowner, a.grantee, a.privilege_type, a.is_grantable
        FROM places, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS a
)
SELECT 'owner' AS kind, place, '' AS name, pg_get_userbyid(owner)::text AS value FROM tables
UNION ALL SELECT 'owner', place, '', pg_get_userbyid(proowner) FROM functions
UNION ALL SELECT 'row security', place, '', rls FROM tables WHERE relkind IN ('r', 'p')
UNION ALL SELECT 'trigger', place, t.tgname, pg_get_triggerdef(t.oid)
    FROM tables JOIN pg_trigger t ON t.tgrelid = tables.oid WHERE NOT t.tgisinternal
UNION ALL SELECT 'fires', place, t.tgname, t.tgenabled::text
    FROM tables JOIN pg_trigger t ON t.tgrelid = tables.oid WHERE NOT t.tgisinternal
UNION ALL SELECT 'foreign keys', place, '', string_agg(DISTINCT t.tgenabled::text, '')
    FROM tables JOIN pg_trigger t ON t.tgrelid = tables.oid WHERE t.tgisinternal GROUP BY place
UNION ALL SELECT 'rule', place, r.rulename, r.ev_enabled::text || ' ' || pg_get_ruledef(r.oid)
    FROM tables JOIN pg_rewrite r ON r.ev_class = tables.oid
UNION ALL SELECT 'policy', place, p.polname, concat_ws(' ', p.polcmd, CASE WHEN p.polpermissive THEN '+' ELSE '-' END,
        (SELECT string_agg(role, ',' ORDER BY role COLLATE "C") FROM (
            SELECT CASE r WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r)::text END AS role FROM unnest(p.polroles) AS r
        ) AS named),
        'using:', pg_get_expr(p.polqual, p.polrelid), 'check:', pg_get_expr(p.polwithcheck, p.polrelid))
    FROM tables JOIN pg_policy p ON p.polrelid = tables.oid
UNION ALL SELECT 'function', place, '', concat_ws(' ', l.lanname, f.prokind, f.provolatile,
        CASE WHEN f.prosecdef THEN 'definer' ELSE 'invoker' END, CASE WHEN f.proleakproof THEN 'leakproof' END,
        CASE WHEN f.proisstrict THEN 'strict' END, r.typname, array_to_string(f.proconfig, ' '))
    FROM functions f JOIN pg_language l ON l.oid = f.prolang JOIN pg_type r ON r.oid = f.prorettype
UNION ALL SELECT 'body', place, '', encode(sha256(convert_to(prosrc, 'UTF8')), 'hex') FROM functions
UNION ALL SELECT 'grant', place, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END,
        string_agg(DISTINCT (what || CASE WHEN is_grantable THEN ' (may grant)' ELSE '' END) COLLATE "C", ', ')
    FROM grants WHERE grantee <> owner GROUP BY place, grantee
"""
