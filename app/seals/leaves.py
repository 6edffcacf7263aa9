"""What of an entry is sealed, to the byte: canonical JSON (RFC 8785) of a flat object, in a format that never changes.

PostgreSQL writes the text (``row_to_json`` of the columns in the order of their names), so that sealing and verifying
read one value for each entry. On these objects, which hold texts, nulls and small whole numbers only, its text and
:func:`canonical` are RFC 8785 to the byte. JSON within (before, after, detail) is carried as the text that the database
keeps: no number of it is ever formatted anew.

Format 1 has the columns of :data:`FORMATS`. Who adds a column adds a format, gives ``audit_entries.version`` that
default, and leaves the older ones as they are: entries are verified in the format that they were sealed in.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from app.crypto.merkle import leaf_hash

__all__ = ["FORMATS", "READ", "canonical", "leaf_hash", "stamp"]

_STAMP = """to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_V1: Mapping[str, str] = {
    **{
        name: f"e.{name}"
        for name in (
            *("action", "actor_id", "actor_kind", "actor_name", "id", "ip", "origin", "personal", "reason", "request"),
            *("session_id", "target_id", "target_label", "target_type", "team_id", "version"),
        )
    },
    **{name: f"e.{name}::text" for name in ("after", "before", "detail", "xid")},
    "at": _STAMP,
}
FORMATS: Mapping[int, Mapping[str, str]] = {1: _V1}
"""By version: the names in an entry's object, and the SQL for each."""


def _object(columns: Mapping[str, str]) -> str:
    listed = ", ".join(f"{columns[name]} AS {name}" for name in sorted(columns))
    return f"row_to_json((SELECT f FROM (SELECT {listed}) AS f))::text"  # noqa: S608 - our own names


_CASES = " ".join(f"WHEN {version} THEN {_object(columns)}" for version, columns in FORMATS.items())
READ = f"""
    SELECT e.id, e.at, e.xid::text AS xid, e.personal,
        convert_to(CASE e.version {_CASES} END, 'UTF8') AS leaf
    FROM public.audit_entries AS e
"""  # noqa: S608 - our own names
"""Entries as they are sealed: to be followed by WHERE. ``leaf`` is NULL where the version has no format."""


def canonical(value: Mapping[str, Any]) -> bytes:
    """RFC 8785 of an object whose keys are ASCII and which holds texts, nulls, whole numbers below 2^53, and lists."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def stamp(moment: datetime) -> str:
    """A moment as it is sealed: UTC, with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def hashes(contents: Sequence[bytes]) -> list[bytes]:
    """The leaves of some entries."""
    return [leaf_hash(content) for content in contents]
