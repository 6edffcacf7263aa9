"""Reading tables: every rule, nasty files, resuming at every chunk, and a round trip of random tables."""

import asyncio
import csv
import gzip
import io
import json
from contextlib import aclosing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import Invalid
from app.fields.types import FieldType
from app.tabular.inspection import inspect_here
from app.tabular.plan import Chunk, Dialect, ErrorCode, ImportPlan, Place, PlanColumn, Unreadable, dump, load
from app.tabular.reading import check, read_chunks

AIRPORTS = Path(__file__).parents[1] / "data" / "airports.csv"


def column(kind: FieldType, **rules: Any) -> ImportPlan:
    return ImportPlan(Dialect(), ("v", "other"), (PlanColumn(0, "v", kind, **rules),))


async def chunks(path: Path, plan: ImportPlan, start: Place | None = None, rows: int = 20_000) -> list[Chunk]:
    async with aclosing(read_chunks(path, plan, scratch=path.parent / "scratch", start=start, rows=rows)) as found:
        return [chunk async for chunk in found]


def uncopied(rows: bytes) -> list[tuple[int, dict[str, Any]]]:
    lines = [line.split("\t") for line in rows.decode().split("\n")[:-1]]
    return [(int(line), json.loads(text.replace("\\\\", "\\"))) for line, text in lines]


async def read(path: Path, plan: ImportPlan, rows: int = 20_000) -> tuple[list[tuple[int, dict[str, Any]]], list[Any]]:
    found = await chunks(path, plan, rows=rows)
    errors = [(error.line, error.field, error.code) for chunk in found for error in chunk.errors]
    return [row for chunk in found for row in uncopied(chunk.rows)], errors


GOOD = [
    (FieldType.INTEGER, "-12", -12),
    (FieldType.INTEGER, "007", 7),
    (FieldType.INTEGER, " 5 ", 5),
    (FieldType.NUMBER, "1e5", 1e5),
    (FieldType.NUMBER, ".5", 0.5),
    (FieldType.NUMBER, "+007.50", 7.5),
    (FieldType.NUMBER, "5.", 5),
    (FieldType.BOOLEAN, "Yes", True),
    (FieldType.BOOLEAN, "0", False),
    (FieldType.DATE, "2024-02-29", "2024-02-29"),
    (FieldType.DATETIME, "2013-01-01T10:00:00Z", "2013-01-01T10:00:00Z"),
    (FieldType.DATETIME, "2013-01-01 10:00", "2013-01-01T10:00:00Z"),
    (FieldType.DATETIME, "2013-01-01T10:00:00+02:00", "2013-01-01T08:00:00Z"),
    (FieldType.DATETIME, "2013-01-01T10:00:00.5-0530", "2013-01-01T15:30:00.500000Z"),
    (FieldType.URL, "https://example.com/a?b=c", "https://example.com/a?b=c"),
    (FieldType.TEXT, " a\\b 'ü' ", " a\\b 'ü' "),
    (FieldType.MULTI_CHOICE, "a; b", ["a", "b"]),
    (FieldType.JSON, '{"a": [1, null]}', {"a": [1, None]}),
]


@pytest.mark.parametrize(("kind", "raw", "value"), GOOD)
async def test_values_become_json_of_their_type(tmp_path: Path, kind: FieldType, raw: str, value: object) -> None:
    path = tmp_path / "a.csv"
    quoted = raw.replace('"', '""')
    path.write_text(f'v,other\n"{quoted}",x\n')
    assert await read(path, column(kind)) == ([(2, {"v": value})], [])


BAD = [
    (FieldType.INTEGER, "1.5", ErrorCode.INTEGER),
    (FieldType.INTEGER, "1e2", ErrorCode.INTEGER),
    (FieldType.NUMBER, "NaN", ErrorCode.NUMBER),
    (FieldType.NUMBER, "1e999", ErrorCode.NUMBER),
    (FieldType.BOOLEAN, "maybe", ErrorCode.BOOLEAN),
    (FieldType.DATE, "2023-02-29", ErrorCode.DATE),
    (FieldType.DATE, "0000-01-01", ErrorCode.DATE),
    (FieldType.DATETIME, "2013-01-01T24:00:00Z", ErrorCode.DATETIME),
    (FieldType.URL, "javascript:alert(1)", ErrorCode.URL),
]


@pytest.mark.parametrize(("kind", "raw", "code"), BAD)
async def test_values_of_another_type_are_errors(tmp_path: Path, kind: FieldType, raw: str, code: ErrorCode) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"v,other\n{raw},x\n")
    assert await read(path, column(kind)) == ([], [(2, "v", code)])


@pytest.mark.parametrize("raw", ["{", "NaN", '"\\u0000"', '"\\ud800"', "1e9999", "[" * 5000])
async def test_json_that_the_database_would_refuse_is_an_error(tmp_path: Path, raw: str) -> None:
    path = tmp_path / "a.csv"
    quoted = raw.replace('"', '""')
    path.write_text(f'v,other\n"{quoted}",x\n')
    assert await read(path, column(FieldType.JSON)) == ([], [(2, "", ErrorCode.JSON)])


async def test_rules_of_a_field_are_applied(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("v,other\n1,a\n5,a\n9,a\nNA,a\n,a\n")
    plan = column(FieldType.INTEGER, minimum=Decimal(2), maximum=Decimal("8.5"), missing=("NA",))
    rows, errors = await read(path, plan)
    assert rows == [(3, {"v": 5}), (5, {}), (6, {})]
    assert errors == [(2, "v", ErrorCode.MINIMUM), (4, "v", ErrorCode.MAXIMUM)]
    _, errors = await read(path, column(FieldType.TEXT, enum=(), pattern="[0-9]", required=True))
    assert errors == [(5, "v", ErrorCode.PATTERN), (6, "v", ErrorCode.REQUIRED)]
    _, errors = await read(path, column(FieldType.CHOICE, enum=("1", "it's"), missing=("NA",)))
    assert [line for line, _, _ in errors] == [3, 4]


async def test_ragged_and_damaged_rows_are_errors_with_their_line_and_shift_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'v,other\na,1\nshort\nb,1,2\n"c\nc",1\n"open,1\nd,1\n"x"y,1\ne\0,1\nf\xff,1\n\ng,1\n'
        + b"z" * 200_000
        + b",1\n\n\n"
    )
    rows, errors = await read(path, column(FieldType.TEXT))
    assert rows == [(2, {"v": "a"}), (5, {"v": "c\nc"}), (8, {"v": "d"}), (13, {"v": "g"})]
    quotes, letters, columns = ErrorCode.QUOTES, ErrorCode.LETTERS, ErrorCode.COLUMNS
    assert errors == [
        (3, "", columns), (4, "", columns), (7, "", quotes), (9, "", quotes),
        (10, "", letters), (11, "", letters), (14, "", quotes),
    ]  # fmt: skip


async def test_a_row_over_64_kb_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("v,other\n" + "z" * 70_000 + ",1\nok,2\n")
    assert await read(path, column(FieldType.TEXT)) == ([(3, {"v": "ok"})], [(2, "", ErrorCode.TOO_LARGE)])


async def test_reading_resumes_at_every_chunk_with_the_same_rows(tmp_path: Path) -> None:
    text = AIRPORTS.read_bytes().replace(b"Lansdowne Airport", b'"Lans\ndowne"')
    for name, data in (("a.csv", text), ("a.csv.gz", gzip.compress(text[:9000]) + gzip.compress(text[9000:]))):
        path = tmp_path / name
        path.write_bytes(data)
        plan = inspect_here(path).plan()
        whole = await chunks(path, plan, rows=200)
        assert sum(chunk.good for chunk in whole) == 1458
        for number, chunk in enumerate(whole, 1):
            place = load(Place, json.loads(json.dumps(dump(chunk.place))))
            assert [c.rows for c in await chunks(path, plan, place, 200)] == [c.rows for c in whole[number:]]


async def test_other_alphabets_resume_too(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("v,other\näß,1\né😀,2\nö,3\n".encode("utf-16"))
    plan = ImportPlan(Dialect(encoding="utf-16"), ("v", "other"), (PlanColumn(0, "v", FieldType.TEXT),))
    first, *_ = await chunks(path, plan, rows=2)
    assert [row for c in await chunks(path, plan, first.place, 2) for row in uncopied(c.rows)] == [(4, {"v": "ö"})]


async def test_checking_counts_groups_and_writes_the_bad_rows(tmp_path: Path) -> None:
    path, errors = tmp_path / "a.csv", tmp_path / "errors.csv"
    path.write_text("v,other\n" + "1,a\n" * 20 + "x,=cmd()\n-y,-5\nshort\nz, \u200b@a\n", encoding="utf-8")
    report = await check(path, column(FieldType.INTEGER), scratch=tmp_path / "scratch", error_file=errors)
    assert (report.good, report.bad, report.stopped) == (20, 4, False)
    assert {(group.field, group.code): group.count for group in report.groups} == {
        ("v", ErrorCode.INTEGER): 3,
        ("", ErrorCode.COLUMNS): 1,
    }
    written = list(csv.reader(errors.read_text(encoding="utf-8").splitlines()))
    assert [row[:3] for row in written[1:4]] == [["x", "'=cmd()", "22"], ["'-y", "-5", "23"], ["", "", "24"]]
    assert written[3][-1] == "short"
    assert written[4][1] == "' \u200b@a"


async def test_checking_gives_up_when_a_fifth_of_the_first_rows_fail(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("v,other\n" + "1,a\nx,a\n" * 200_000)
    report = await check(path, column(FieldType.INTEGER), scratch=tmp_path / "scratch")
    assert (report.good, report.bad, report.stopped) == (5_000, 5_000, True)
    assert len(report.errors) == 1_000


async def test_a_damaged_archive_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(AIRPORTS.read_bytes())[:-500])
    plan = ImportPlan(Dialect(gzipped=True), ("faa",), (PlanColumn(0, "faa", FieldType.TEXT),))
    with pytest.raises(Unreadable, match="damaged"):
        await chunks(path, plan)


async def test_cancelling_ends_the_work_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("v,other\n" + "1,a\n" * 100_000)

    async def forever() -> None:
        while True:
            await chunks(path, column(FieldType.INTEGER))

    task = asyncio.gather(forever())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list((tmp_path / "scratch").glob("chunk-*")) == []


@pytest.mark.parametrize(
    ("key", "rules", "word"),
    [("a'; --", {}, "no key"), ("v", {"pattern": "("}, "regular"), ("v", {"minimum": Decimal(1)}, "only numbers")],
)
def test_a_plan_with_broken_rules_is_refused(key: str, rules: dict[str, Any], word: str) -> None:
    with pytest.raises(Invalid, match=word):
        ImportPlan(Dialect(), ("v",), (PlanColumn(0, key, FieldType.TEXT, **rules),))


LETTERS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    table=st.lists(st.tuples(LETTERS, LETTERS, LETTERS), max_size=12),
    delimiter=st.sampled_from([",", "\t", ";"]),
    end=st.sampled_from(["\n", "\r\n"]),
    rows=st.integers(1, 5),
)
async def test_any_table_comes_back_as_it_was_written(
    tmp_path: Path, table: list[tuple[str, str, str]], delimiter: str, end: str, rows: int
) -> None:
    path, out = tmp_path / "a.csv", io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *table])
    path.write_bytes(out.getvalue().encode())
    columns = tuple(PlanColumn(i, key, FieldType.TEXT) for i, key in enumerate("abc"))
    found, errors = await read(path, ImportPlan(Dialect(delimiter), ("a", "b", "c"), columns), rows)
    assert [tuple(data.values()) for _, data in found] == table
    assert errors == []


@pytest.mark.parametrize("value", ["x\\y" * 10_000, '"' + "x,y" * 20_000 + '"', '"' + '""' * 15_000 + '"'])
async def test_many_large_rows_fit_into_the_memory_limit(tmp_path: Path, value: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("v,other\n" + f"{value},1\n" * 400)
    assert sum(chunk.good for chunk in await chunks(path, column(FieldType.TEXT))) == 400
    report = await check(path, column(FieldType.TEXT, pattern="no"), scratch=tmp_path / "scratch")
    assert (report.good, report.bad) == (0, 400)
