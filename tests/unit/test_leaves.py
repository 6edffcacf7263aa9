"""What of an entry is sealed, to the byte. A golden file for each format: whoever changes one breaks every seal."""

import json
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.crypto.merkle import leaf_hash
from app.seals import leaves

GOLDEN = Path(__file__).parent.parent / "data" / "seals"


@pytest.mark.parametrize("version", sorted(leaves.FORMATS))
def test_every_format_has_its_golden_file(version: int) -> None:
    for line in (GOLDEN / f"leaves-v{version}.jsonl").read_bytes().splitlines():
        told = orjson.loads(line)
        assert told["leaf"].keys() == leaves.FORMATS[version].keys()
        assert leaf_hash(leaves.canonical(told["leaf"])).hex() == told["sha256"]


def by_rfc_8785(value: object) -> str:
    """RFC 8785 word by word, for objects of texts, whole numbers and nulls."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{by_rfc_8785(key)}:{by_rfc_8785(value[key])}" for key in keys) + "}"
    if isinstance(value, str):
        return '"' + "".join(_letter(letter) for letter in value) + '"'
    return json.dumps(value)


def _letter(letter: str) -> str:
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return short.get(letter) or (f"\\u{ord(letter):04x}" if letter < " " else letter)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1)


@given(st.dictionaries(NAMES, TEXTS | st.none() | st.integers(-(2**53) + 1, 2**53 - 1)))
def test_what_is_hashed_is_canonical(value: dict[str, object]) -> None:
    assert leaves.canonical(value).decode() == by_rfc_8785(value)


def test_all_letters_are_written_as_they_should_be() -> None:
    hard = "".join(map(chr, (*range(0x200), 0x2028, 0x2029, 0xFEFF, 0xFFFD, 0x1F600, 0x10FFFF)))
    assert leaves.canonical({"a": hard}).decode() == by_rfc_8785({"a": hard})
