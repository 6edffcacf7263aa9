"""DuckDB, given one chunk of complete rows, says which are good and writes their JSON. The only place that knows it."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from app.errors import Invalid
from app.fields.types import FieldType
from app.tabular import rules
from app.tabular.plan import BadRow, ErrorCode, ImportPlan, RowError
from app.tabular.records import RAW_LETTERS, Framed

_MEMORY = "160MB"
_LINE_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Judged:
    """The good rows as COPY text, their number, and the bad ones with everything that is wrong in each."""

    rows: bytes
    good: int
    bad: list[BadRow]


class Judge:
    """One in-memory DuckDB with one thread and a memory limit. ``scratch`` is a folder for the chunk at hand."""

    def __init__(self, plan: ImportPlan, scratch: Path) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self._plan = plan
        self._has_json = any(column.type is FieldType.JSON for column in plan.columns)
        self._file = scratch / f"chunk-{uuid.uuid4().hex}.csv"
        self._duckdb = duckdb.connect(
            ":memory:",
            config={"threads": 1, "memory_limit": _MEMORY, "temp_directory": str(scratch)},
        )
        self._duckdb.execute("SET TimeZone = 'UTC'")
        self._duckdb.execute(f"SET allowed_paths = [{rules.literal(str(self._file))}]")
        self._duckdb.execute("SET enable_external_access = false")

    def close(self) -> None:
        """Forget everything."""
        self._duckdb.close()
        self._file.unlink(missing_ok=True)

    def interrupt(self) -> None:
        """Stop what another thread is waiting for; it raises there."""
        self._duckdb.interrupt()

    def judge(self, framed: Framed, *, write: bool = True) -> Judged:
        """Apply the plan to a chunk. ``write=False`` leaves out the rows themselves: only what is wrong counts."""
        self._file.write_bytes(framed.text)
        judged = rules.judged(self._plan, self._scan(framed))
        bad = rules.is_bad(self._plan)
        copy = "line || chr(9) || " + _copied("json", as_written=self._has_json)
        rows = f"string_agg({copy}, chr(10)) FILTER (NOT bad)" if write else "''"
        asked = f"{rows}, count(*) FILTER (NOT bad), count(*)"
        # Made of validated keys and escaped literals only, here and below.
        question = f"SELECT {asked} FROM (SELECT *, {bad} AS bad FROM ({judged}))"  # noqa: S608 - see above
        text, good, total = self._ask(question)[0]
        which = f"SELECT {self._refused_columns()} FROM ({judged}) WHERE {bad}"  # noqa: S608 - as above
        refused = self._ask(which) if total > good else []
        return Judged(f"{text}\n".encode() if text else b"", good, [self._bad_row(row) for row in refused])

    def _ask(self, question: str) -> list[tuple[Any, ...]]:
        try:
            return self._duckdb.execute(question).fetchall()
        except duckdb.InvalidInputException as error:
            if "regular expression" not in str(error).lower() and "regexp" not in str(error).lower():
                raise
            raise Invalid("A pattern in the schema cannot be used: it is no regular expression.") from error

    def _scan(self, framed: Framed) -> str:
        columns = ", ".join(["'line': 'BIGINT'", *(f"'c{i}': 'VARCHAR'" for i in range(self._plan.width))])
        quote = "'\"'" if framed.quoted else "''"
        return (
            f"read_csv({rules.literal(str(self._file))}, auto_detect=false, header=false, strict_mode=true, "
            f"delim={rules.literal(framed.delimiter)}, quote={quote}, escape={quote}, new_line='\\n', "
            f"max_line_size={_LINE_BYTES}, parallel=false, columns={{{columns}}})"
        )

    def _refused_columns(self) -> str:
        errors = [f"e{n}" for n in range(len(self._plan.columns))]
        return ", ".join(["line", "too_large", *errors, *(f"c{i}" for i in range(self._plan.width))])

    def _bad_row(self, row: tuple[Any, ...]) -> BadRow:
        line, too_large, *rest = row
        count = len(self._plan.columns)
        values = tuple(rest[count:])
        errors = [
            _error(line, column.key, code, values[column.index])
            for column, code in zip(self._plan.columns, rest[:count], strict=True)
            if code is not None
        ]
        if too_large and not errors:
            errors = [_error(line, "", ErrorCode.TOO_LARGE, "  ".join(values))]
        return BadRow(line, values, tuple(errors))


def _error(line: int, field: str, code: str, raw: str) -> RowError:
    known = ErrorCode(code)
    return RowError(line, field, known, rules.MESSAGES[known], raw[:RAW_LETTERS])


def _copied(json: str, *, as_written: bool) -> str:
    """JSON as a value of COPY text. Only JSON ``as_written`` in the file can have tabs and line ends between values."""
    marks = [("'\\'", "'\\\\'")]
    if as_written:
        marks += [("chr(9)", "' '"), ("chr(10)", "' '"), ("chr(13)", "' '")]
    for mark, escaped in marks:
        json = f"replace({json}, {mark}, {escaped})"
    return json
