"""JSON that keeps numbers exact: what goes in comes out, floats stay where they lose nothing."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.values.exact_json import dumps, for_browser, loads, loads_kept, number

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-(10**30), 10**30, places=20)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(VALUES)
def test_no_digit_is_lost(value: Any) -> None:
    text = dumps(value)
    assert json.loads(text, parse_float=Decimal) == json.loads(dumps(loads(text)), parse_float=Decimal)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**25), max_value=10**25))
def test_what_the_database_writes_is_read_exactly(value: Decimal) -> None:
    text = format(value, "f")
    read = loads_kept(f'{{"a":[{text}]}}')["a"][0]
    assert Decimal(repr(read) if isinstance(read, float) else read) == value


@pytest.mark.parametrize("text", ["0.1", "40.6925", "-74.168667", "1234567.12345678", "0.30000000000000004"])
def test_a_float_stays_a_float_where_it_is_exact(text: str) -> None:
    assert isinstance(number(text), float)
    assert isinstance(loads_kept(text), float)


def test_numbers_out_of_all_bounds_are_no_reason_to_write_a_million_digits() -> None:
    assert number("1.00000000000000000001e-999999") == 0.0


def test_deep_json_is_read() -> None:
    deep = "[" * 500 + "]" * 500
    assert dumps(loads_kept(deep)) == deep


@pytest.mark.parametrize("odd", [object(), Decimal("NaN"), {1, 2}])
def test_what_json_cannot_hold_is_refused(odd: object) -> None:
    with pytest.raises(TypeError):
        dumps({"a": odd})


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        *[(True, True), (5, 5), (2**53, str(2**53)), (-(2**53), str(-(2**53))), (2.5, 2.5), ("a", "a"), (None, None)],
        (Decimal("12345678901234567.89"), "12345678901234567.89"),
        (Decimal("0.00000000012345678901234567890"), "0.00000000012345678901234567890"),
        ({"a": [Decimal("12345678901234567.89"), "b"]}, {"a": [12345678901234567.89, "b"]}),
    ],
)
def test_the_browser_gets_digits_where_it_would_round(value: Any, wanted: Any) -> None:
    assert for_browser(value) == wanted
    assert type(for_browser(value)) is type(wanted)
