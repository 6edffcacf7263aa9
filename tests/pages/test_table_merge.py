"""How a list takes in a fresh answer: rows in place, new ones counted, vanished ones marked."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from app.paging import Count, Cursor, Page
from components.lists.table import DataTable


@dataclass(frozen=True)
class Row:
    id: str
    word: str = "old"


def listed(shown: str, *, size: int = 50) -> DataTable:
    """A list that shows these rows, drawn nowhere."""
    table = object.__new__(DataTable)
    table._row_id, table._size, table._fresh, table._gone = "id", size, 0, set()
    table._rows = {id_: Row(id_) for id_ in shown}
    return table


def answer(ids: str, *, more: bool = False) -> Page[Row]:
    rows: Sequence[Row] = [Row(id_, "new") for id_ in ids]
    return Page(list(rows), Count(len(rows)), next=Cursor(None, ids[-1]) if more else None)


@pytest.mark.parametrize(
    ("shown", "found", "more", "kept", "fresh", "gone"),
    [
        ("abc", "abc", False, "abc", 0, ""),
        ("abc", "xyabc", False, "abc", 2, ""),
        ("abc", "ac", False, "abc", 0, "b"),
        ("abc", "xac", False, "abc", 1, "b"),
        ("abc", "xyz", False, "abc", 3, "abc"),
        ("abc", "xya", True, "abc", 2, ""),
        ("abc", "abcde", False, "abc", 0, ""),
        ("abc", "", False, "abc", 0, "abc"),
        ("", "xyz", False, "xyz", 0, ""),
    ],
    ids=[
        "same",
        "new above",
        "vanished",
        "both",
        "all others",
        "pushed off the page",
        "more below",
        "none left",
        "first",
    ],
)
def test_merge(shown: str, found: str, more: bool, kept: str, fresh: int, gone: str) -> None:
    table = listed(shown)
    table._merge(answer(found, more=more), first_page=True)
    assert list(table._rows) == list(kept)
    assert (table._fresh, table._gone) == (fresh, set(gone))
    for id_, row in table._rows.items():
        assert row.word == ("new" if id_ in found else "old")


def test_merge_counts_nothing_new_on_a_later_page() -> None:
    table = listed("def")
    table._merge(answer("xdef"), first_page=False)
    assert table._fresh == 0


def test_merge_fills_an_empty_list_up_to_a_page() -> None:
    table = listed("", size=2)
    table._merge(answer("abc"), first_page=True)
    assert list(table._rows) == ["a", "b"]
