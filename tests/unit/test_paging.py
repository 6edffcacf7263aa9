"""The words of every list: cursors, orders, counts, as they travel through a URL."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.paging import LONGEST, Count, CountKind, Cursor, PageRequest, Sort

VALUES = st.none() | st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@given(value=VALUES, id_=st.text(), backwards=st.booleans())
def test_a_cursor_survives_the_url(value: str | float | None, id_: str, backwards: bool) -> None:
    cursor = Cursor(value, id_, backwards)
    text = cursor.encode()
    assert Cursor.decode(text) == cursor
    assert all(letter.isalnum() or letter in "-_" for letter in text)


@given(st.text())
def test_whatever_stands_in_the_url_is_a_cursor_or_refused(text: str) -> None:
    try:
        cursor = Cursor.decode(text)
    except Invalid:
        return
    assert isinstance(cursor.id, str)


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        *["", "x", "ü", "====", _encoded(None), _encoded([]), _encoded([1, "a"]), _encoded([1, 2, 0])],
        *[_encoded([[1], "a", 0]), _encoded([True, "a", 0]), _encoded({"a": 1}), _encoded([1, None, 0])],
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    ],
    ids=lambda text: str(text)[:20],
)
def test_damaged_cursors_are_refused(text: str) -> None:
    with pytest.raises(Invalid, match="This page link is damaged"):
        Cursor.decode(text)


@pytest.mark.parametrize(("text", "sort"), [("-created_at", Sort("created_at")), ("name", Sort("name", False))])
def test_an_order_as_it_stands_in_the_url(text: str, sort: Sort) -> None:
    assert Sort.decode(text) == sort
    assert sort.encode() == text


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (Count(1234), "1,234"),
        (Count(10_000, CountKind.AT_LEAST), "10,000+"),
        (Count(3_000_000, CountKind.ESTIMATE), "about 3,000,000"),
    ],
)
def test_a_count_says_how_well_it_is_known(count: Count, words: str) -> None:
    assert str(count) == words


def test_a_filter_with_one_value() -> None:
    request = PageRequest({"team": ("a", "b"), "none": ()})
    assert (request.one("team"), request.one("none"), request.one("other")) == ("a", None, None)


def test_an_address_is_read_into_words_order_place_and_filters() -> None:
    place = Cursor("b", "1")
    asked = PageRequest.read(
        {"q": (" acme ",), "sort": ("-name",), "page": (place.encode(),), "at": ("24h",), "status": ("", "failed")}
    )
    assert asked == PageRequest({"at": ("24h",), "status": ("failed",)}, "acme", Sort("name"), place)
    assert PageRequest.read({"status": ("",)}, sort=Sort("id"), size=7) == PageRequest(sort=Sort("id"), size=7)
    with pytest.raises(Invalid):
        PageRequest.read({"page": ("nonsense",)})


@pytest.mark.parametrize("query", [{"q": ("a\0b",)}, {"status": ("a", "\0")}, {"a\0": ("b",)}])
def test_what_no_database_keeps_is_refused_before_it_is_asked_or_recorded(query: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(Invalid, match="cannot be looked for"):
        PageRequest.read(query)


@pytest.mark.parametrize("name", ["q", "ip"])
def test_a_search_and_a_filter_are_no_longer_than_an_index_can_look_for(name: str) -> None:
    assert len(("\U0001f980" * LONGEST).encode()) < 2046
    PageRequest.read({name: ("x" * LONGEST,), "page": (Cursor("x" * 2 * LONGEST, "1").encode(),)})
    with pytest.raises(Invalid, match="too long"):
        PageRequest.read({name: ("x" * (LONGEST + 1),)})
