"""Looking at files: what they are, which types their columns have, and what is refused."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fields.keys import KEY, field_key
from app.fields.types import FieldType
from app.tabular.inspection import inspect, inspect_here
from app.tabular.plan import Unreadable
from app.tabular.propose import propose

AIRPORTS = Path(__file__).parents[1] / "data" / "airports.csv"

TYPES = [
    (["1", "-2", "0", "NA", ""], FieldType.INTEGER, ("", "NA")),
    (["0", "1"], FieldType.INTEGER, ()),
    (["1", "2.50", "1e5", "."], FieldType.NUMBER, (".",)),
    (["007", "1"], FieldType.TEXT, ()),
    (["+1", "2"], FieldType.TEXT, ()),
    (["1234567890123456789"], FieldType.TEXT, ()),
    (["2024-02-29", "-"], FieldType.DATE, ("-",)),
    (["2023-02-29"], FieldType.TEXT, ()),
    (["2013-01-01T10:00:00Z", "2013-01-01 10:00"], FieldType.DATETIME, ()),
    (["yes", "No"], FieldType.BOOLEAN, ()),
    (["http://a.b/c"], FieldType.URL, ()),
    (["NA", "UA"], FieldType.TEXT, ()),
    (["NA", ""], FieldType.TEXT, ()),
    (["x" * 201], FieldType.LONG_TEXT, ()),
]


@pytest.mark.parametrize(("values", "kind", "missing"), TYPES)
def test_the_narrowest_type_is_proposed(values: list[str], kind: FieldType, missing: tuple[str, ...]) -> None:
    proposal = propose(values)
    assert (proposal.type, proposal.missing) == (kind, missing)


@given(st.lists(st.text(max_size=60), max_size=15))
def test_every_header_gets_a_key_of_its_own(headers: list[str]) -> None:
    keys: list[str] = []
    for header in headers:
        keys.append(field_key(header, keys))
    assert all(KEY.fullmatch(key) for key in keys)
    assert len(set(keys)) == len(keys)


def test_keys_follow_one_rule() -> None:
    assert field_key("Größe (cm)", ()) == "grosse_cm"
    assert field_key("2013 sales", ()) == "field_2013_sales"
    assert field_key("名前", ["field"]) == "field_2"
    assert field_key("a" * 50, ["a" * 40]) == "a" * 38 + "_2"


async def test_another_process_describes_the_airports() -> None:
    found = await inspect(AIRPORTS)
    assert (found.rows, found.exact, len(found.preview)) == (1458, True, 1000)
    assert [column.type.value for column in found.columns[:5]] == ["text", "text", "number", "number", "integer"]
    assert found.columns[0].samples[0] == "04G"


async def test_another_process_refuses_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"PK\x03\x04rest")
    with pytest.raises(Unreadable, match="Excel"):
        await inspect(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_alphabet_and_delimiter_are_found(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(
        "".join(delimiter.join(row) + "\r\n" for row in (("Stadt", "Größe"), ("Köln", "3"))).encode(encoding)
    )
    found = inspect_here(path)
    assert [column.label for column in found.columns] == ["Stadt", "Größe"]
    assert found.preview == (("Köln", "3"),)
    assert found.dialect.delimiter == delimiter


def test_packing_is_found_by_content_and_a_long_file_is_estimated(tmp_path: Path) -> None:
    text = b"n,w\n" + b"".join(b"%d,x\n" % n for n in range(60_000)) + b"late,x\n"
    (tmp_path / "a.csv").write_bytes(gzip.compress(text))
    packed = inspect_here(tmp_path / "a.csv")
    assert (packed.dialect.gzipped, packed.rows) == (True, 60_001)
    (tmp_path / "b.csv").write_bytes(text)
    assert 50_000 < inspect_here(tmp_path / "b.csv").rows < 75_000


def test_types_are_checked_beyond_the_first_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("n,w\n" + "1,x\n" * 20_000 + "one,x\n" * 20_000)
    assert inspect_here(path).columns[0].type is FieldType.TEXT


def test_quotation_marks_in_tabs_are_letters_unless_they_must_enclose(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('a\tb\nx\t"whole"\ny\t5" pipe\n')
    assert inspect_here(path).dialect.quote is None
    path.write_text('a\tb\nx\t"a\tb"\ny\tz\n')
    assert inspect_here(path).dialect.quote == '"'


def test_headers_may_be_absent_empty_or_double(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("1,2\n3,4\n")
    found = inspect_here(path)
    assert (found.dialect.header, found.rows, found.columns[1].label) == (False, 2, "Column 2")
    path.write_text("a,,a\nx,y,z\n")
    assert [column.key for column in inspect_here(path).columns] == ["a", "column_2", "a_2"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n\n",
        b"%PDF-1.7",
        b"<!DOCTYPE html><p>",
        b'{"a": 1}\n{"a": 2}\n',
        bytes(range(256)) * 20,
        b"\x1f\x8bbroken",
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(Unreadable):
        inspect_here(path)
