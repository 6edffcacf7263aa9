"""The options of a user: one JSON object that the product reads."""

import json
import re
from collections.abc import Mapping
from typing import Any

from app.errors import Invalid
from app.values import exact_json

MAX_BYTES = 16 * 1024
"""Of the object as JSON without spaces, in UTF-8."""
MAX_DEPTH = 100
"""Levels of objects and lists within each other: far less than what comparing, masking or drawing them could not do."""
_NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")


def checked(options: str | Mapping[str, Any]) -> dict[str, Any]:
    """The object that was typed, or that is to be kept.

    Raises:
        Invalid: it is no JSON object, names a key twice, is too big or too deep, or holds what cannot be kept.
    """
    try:
        found = json.loads(options, **_STRICT) if isinstance(options, str) else dict(options)
        depth = _depth(found)
        text = exact_json.dumps(found)
        size = len(text.encode())  # refuses half characters
    except json.JSONDecodeError as problem:
        raise Invalid(options=f"This is not JSON: look at line {problem.lineno}, column {problem.colno}.") from None
    except (ValueError, TypeError, RecursionError):
        raise Invalid(options="This is not JSON that can be kept, such as {“theme”: “dark”}.") from None
    if not isinstance(found, dict):
        raise Invalid(options="Options are a JSON object: names and values between { and }.")
    if depth > MAX_DEPTH:
        raise Invalid(options=f"Options have at most {MAX_DEPTH} levels; these have {depth:,}.")
    if size > MAX_BYTES:
        raise Invalid(options=f"Options take at most 16 KB; these are {size / 1024:,.1f} KB.")
    if _NUL.search(text):
        raise Invalid(options="Options cannot hold a NUL character.")
    return found


def text(options: Mapping[str, Any]) -> str:
    """The object as one edits it."""
    return exact_json.dumps(dict(options), indent=2)


def _depth(found: object) -> int:
    """How many objects and lists lie within each other, found without going down into them."""
    depth, level = 0, [found]
    while level := [part for part in level if isinstance(part, dict | list)]:
        depth += 1
        level = [item for part in level for item in (part.values() if isinstance(part, dict) else part)]
    return depth


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for n, (key, _) in enumerate(pairs) if key in dict(pairs[:n]))
        raise Invalid(options=f"The name “{twice[:60]}” stands twice in the same object. Keep one of them.")
    return found


def _no_such_number(word: str) -> Any:  # noqa: ANN401 - never returns
    raise Invalid(options=f"{word} is no JSON value.")


_STRICT: dict[str, Any] = {
    "parse_float": exact_json.number,
    "parse_constant": _no_such_number,
    "object_pairs_hook": _once,
}
