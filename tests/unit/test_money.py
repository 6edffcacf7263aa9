"""Amounts are shown exactly, with the decimals of their currency."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.values import money


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        (123450, "EUR", "1,234.50 EUR"),
        (5, "usd", "0.05 USD"),
        (0, "EUR", "0.00 EUR"),
        (1250, "JPY", "1,250 JPY"),
        (0, "KRW", "0 KRW"),
        (5120, "KWD", "5.120 KWD"),
        (7, "BHD", "0.007 BHD"),
        (-1999, "EUR", "-19.99 EUR"),
        (-3, "JPY", "-3 JPY"),
        (500, "UGX", "5.00 UGX"),
        (500, "ISK", "5.00 ISK"),
        (2**63 - 1, "EUR", "92,233,720,368,547,758.07 EUR"),
        (2**63 - 1, "JPY", "9,223,372,036,854,775,807 JPY"),
    ],
)
def test_amounts_as_people_read_them(amount: int, currency: str, words: str) -> None:
    assert money.shown(amount, currency).replace(money.NO_BREAK, " ") == words


def test_an_amount_is_never_parted_from_its_currency() -> None:
    assert " " not in money.shown(123456789, "EUR")


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["EUR", "JPY", "KWD", "ISK"]))
def test_no_unit_is_lost(amount: int, currency: str) -> None:
    number = Decimal(money.decimal(amount, currency, thousands=""))
    assert number.scaleb(money.exponent(currency)) == amount


def test_the_lists_do_not_overlap() -> None:
    assert not money.ZERO_DECIMAL & money.THREE_DECIMAL
    assert {money.exponent(code) for code in ("jpy", "EUR", "tnd", "XYZ")} == {0, 2, 3}
