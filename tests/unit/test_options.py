"""The options of a user: which JSON is kept, and what is said of the rest."""

import json
from decimal import Decimal

import pytest

from app.errors import Invalid
from app.values import options
from app.values.exact_json import plain


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "line 1, column 1"),
        ('{"a": 1', "line 1, column 8"),
        ('{\n  "a": 1,\n  b: 2\n}', "line 3, column 3"),
        ("[1]", "a JSON object"),
        ("null", "a JSON object"),
        ('{"a": NaN}', "NaN is no JSON value"),
        ('{"a": -Infinity}', "-Infinity is no JSON value"),
        ('{"a": 1, "a": 2}', "“a” stands twice"),
        ('{"x": {"deep": 1, "deep": 2}}', "“deep” stands twice"),
        ('{"a": "\\u0000"}', "NUL"),
        ('{"a": "\\ud800"}', "can be kept"),
        ('{"a": ' + "[" * 100_000, "can be kept"),
        ('{"a": ' + "[" * 600 + "]" * 600 + "}", "at most 100 levels; these have 601"),
        ('{"a": ' * 101 + "1" + "}" * 101, "at most 100 levels; these have 101"),
        (json.dumps({"a": "x" * options.MAX_BYTES}), "at most 16 KB"),
        (json.dumps({"a": "€" * (options.MAX_BYTES // 3)}, ensure_ascii=False), "at most 16 KB"),
    ],
)
def test_what_cannot_be_kept_is_told_under_its_field(typed: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        options.checked(typed)
    assert list(refused.value.fields) == ["options"]
    assert words in refused.value.fields["options"]


def test_what_is_as_deep_as_it_may_be_is_kept_and_told_as_json() -> None:
    deep = options.checked('{"a": ' * options.MAX_DEPTH + "1" + "}" * options.MAX_DEPTH)
    assert plain(deep) == deep


def test_numbers_stay_exact_and_spaces_cost_nothing() -> None:
    assert options.checked('{"a": 12345678901234567.25}') == {"a": Decimal("12345678901234567.25")}
    assert options.checked(" " * options.MAX_BYTES + '{"a": "\\\\u0000"}') == {"a": "\\u0000"}
    fits = {"a": "x" * (options.MAX_BYTES - len('{"a":""}'))}
    assert options.checked(json.dumps(fits, indent=4)) == fits
    assert options.text({"b": [1, {"c": None}]}) == '{\n  "b": [\n    1,\n    {\n      "c": null\n    }\n  ]\n}'
