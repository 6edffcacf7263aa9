"""From the words of a header to the key of a field, by one rule."""

import re
import unicodedata
from collections.abc import Collection

KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LONGEST = 40
_NO_WORDS = "field"


def field_key(header: str, taken: Collection[str]) -> str:
    """A key for ``header`` that is not in ``taken``: lower case, ``_`` between words, a number on a clash.

    Accents are dropped; a header without a single Latin letter or digit becomes ``field``.
    """
    plain = unicodedata.normalize("NFKD", header.casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    key = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or _NO_WORDS
    if not key[0].isalpha():
        key = f"{_NO_WORDS}_{key}"
    key = key[:_LONGEST].rstrip("_")
    return key if key not in taken else _numbered(key, taken)


def _numbered(key: str, taken: Collection[str]) -> str:
    number = 2
    while (candidate := f"{key[: _LONGEST - len(str(number)) - 1]}_{number}") in taken:
        number += 1
    return candidate
