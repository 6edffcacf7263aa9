"""From the rules of a plan to the SQL that applies them: one expression a column for its error, one for its JSON.

Only validated keys, numbers and escaped literals enter the SQL; words of a header never do.
"""

from collections.abc import Iterable

from app.fields import types
from app.fields.types import FieldType
from app.tabular.plan import ROW_BYTES, ErrorCode, ImportPlan, PlanColumn

MESSAGES = {
    ErrorCode.REQUIRED: "A value is needed here.",
    ErrorCode.INTEGER: "This is not a whole number, or it has more than 18 digits.",
    ErrorCode.NUMBER: "This is not a number. Write it like 1234.5.",
    ErrorCode.BOOLEAN: "This is neither true nor false.",
    ErrorCode.DATE: "This is not a date. Write it like 2013-01-31.",
    ErrorCode.DATETIME: "This is not a date and time. Write it like 2013-01-31T10:00:00Z.",
    ErrorCode.URL: "This is not a web address. It begins with http:// or https://.",
    ErrorCode.CHOICE: "This is not one of the choices.",
    ErrorCode.MINIMUM: "This is below the smallest value allowed.",
    ErrorCode.MAXIMUM: "This is above the largest value allowed.",
    ErrorCode.PATTERN: "This does not have the form asked for.",
    ErrorCode.TOO_LARGE: "This row is larger than 64 kB.",
}


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _words(words: Iterable[str]) -> str:
    return "(" + ", ".join(literal(word) for word in words) + ")"


def _matches(value: str, pattern: str) -> str:
    return f"regexp_full_match({value}, {literal(pattern)})"


def judged(plan: ImportPlan, scan: str) -> str:
    """A SELECT over the rows of ``scan`` (line, c0 … as text) giving line, json, errors e0 …, raw values c0 …, size."""
    columns = plan.columns
    raw = ", ".join(f"coalesce(c{i}, '') AS c{i}" for i in range(plan.width))
    trimmed = ", ".join(f"{_trimmed(column)} AS w{n}" for n, column in enumerate(columns))
    values = ", ".join(f"{_value(column, f'w{n}')} AS v{n}" for n, column in enumerate(columns))
    typed = ", ".join(f"{_typed(column.type, f'v{n}')} AS t{n}" for n, column in enumerate(columns))
    errors = ", ".join(f"{_error(column, f'v{n}', f't{n}')} AS e{n}" for n, column in enumerate(columns))
    parts = ", ".join(f"'\"{column.key}\":' || {_json(column, f'v{n}', f't{n}')}" for n, column in enumerate(columns))
    # Made of validated keys, numbers and escaped literals only.
    rows = f"SELECT line, {raw} FROM {scan}"  # noqa: S608 - see above
    rows = f"SELECT *, {trimmed} FROM ({rows})"  # noqa: S608 - see above
    rows = f"SELECT *, {values} FROM ({rows})"  # noqa: S608 - see above
    rows = f"SELECT *, {typed} FROM ({rows})"  # noqa: S608 - see above
    rows = f"SELECT *, {errors}, '{{' || concat_ws(',', {parts}) || '}}' AS json FROM ({rows})"  # noqa: S608 - see above
    return f"SELECT *, strlen(json) > {ROW_BYTES} AS too_large FROM ({rows})"  # noqa: S608 - see above


def is_bad(plan: ImportPlan) -> str:
    """The condition on a judged row that refuses it."""
    errors = ", ".join(f"e{n}" for n in range(len(plan.columns)))
    return f"(coalesce({errors}) IS NOT NULL OR too_large)"


def _trimmed(column: PlanColumn) -> str:
    raw = f"c{column.index}"
    return raw if column.type in types.VERBATIM else f"trim({raw})"


def _value(column: PlanColumn, trimmed: str) -> str:
    """NULL where the value is missing."""
    missing = set(column.missing) if column.type in types.VERBATIM else {"", *column.missing}
    return f"CASE WHEN {trimmed} IN {_words(sorted(missing))} THEN NULL ELSE {trimmed} END" if missing else trimmed


def _typed(kind: FieldType, value: str) -> str:
    """The value as DuckDB reads it, NULL where it cannot; whole numbers as their text, which JSON wants."""
    match kind:
        case FieldType.INTEGER:
            # DuckDB also casts 1.5 and 1e2; the pattern costs too much to ask of values that come back unchanged.
            cast = f"CAST(TRY_CAST({value} AS BIGINT) AS VARCHAR)"
            return f"CASE WHEN {cast} = {value} OR {_matches(value, types.INTEGER)} THEN {cast} END"
        case FieldType.NUMBER:
            return f"CASE WHEN {_matches(value, types.NUMBER)} THEN TRY_CAST({value} AS DOUBLE) END"
        case FieldType.DATE:
            return f"CASE WHEN {_matches(value, types.DATE)} THEN TRY_CAST({value} AS DATE) END"
        case FieldType.DATETIME:
            cast = f"TRY_CAST(TRY_CAST({value} AS TIMESTAMPTZ) AS TIMESTAMP)"
            return f"CASE WHEN {_matches(value, types.DATETIME)} THEN {cast} END"
        case FieldType.MULTI_CHOICE:
            parts = f"string_split({value}, {literal(types.CHOICE_SEPARATOR)})"
            trimmed = f"list_transform({parts}, lambda x: trim(x))"
            return f"list_filter({trimmed}, lambda x: x <> '')"
        case _:
            return "NULL"


def _error(column: PlanColumn, value: str, typed: str) -> str:
    """The code of the first rule that a value breaks, else NULL."""
    absent = f"{value} IS NULL OR {value} = ''" if column.type in types.VERBATIM else f"{value} IS NULL"
    rules = [(absent, ErrorCode.REQUIRED)] if column.required else []
    rules += _type_rules(column, value, typed)
    number = f"CAST({typed} AS BIGINT)" if column.type is FieldType.INTEGER else typed
    if column.minimum is not None:
        rules.append((f"{number} < {column.minimum:f}", ErrorCode.MINIMUM))
    if column.maximum is not None:
        rules.append((f"{number} > {column.maximum:f}", ErrorCode.MAXIMUM))
    if column.pattern is not None:
        rules.append((f"NOT {_matches(value, column.pattern)}", ErrorCode.PATTERN))
    if not rules:
        return "NULL"
    return "CASE " + " ".join(f"WHEN {broken} THEN '{code}'" for broken, code in rules) + " END"


def _type_rules(column: PlanColumn, value: str, typed: str) -> list[tuple[str, ErrorCode]]:
    unread = f"{value} IS NOT NULL AND {typed} IS NULL"
    match column.type:
        case FieldType.INTEGER:
            return [(unread, ErrorCode.INTEGER)]
        case FieldType.NUMBER:
            return [(f"({unread}) OR isinf({typed})", ErrorCode.NUMBER)]
        case FieldType.BOOLEAN:
            words = _words(types.TRUE_WORDS + types.FALSE_WORDS)
            return [(f"lower({value}) NOT IN {words}", ErrorCode.BOOLEAN)]
        case FieldType.DATE:
            return [(f"({unread}) OR {typed} < DATE '0001-01-01'", ErrorCode.DATE)]
        case FieldType.DATETIME:
            outside = f"{typed} < TIMESTAMP '0001-01-01' OR {typed} >= TIMESTAMP '10000-01-01'"
            return [(f"({unread}) OR {outside}", ErrorCode.DATETIME)]
        case FieldType.URL | FieldType.IMAGE:
            return [(f"NOT {_matches(value, types.URL)}", ErrorCode.URL)]
        case FieldType.CHOICE if column.enum:
            return [(f"{value} NOT IN {_words(column.enum)}", ErrorCode.CHOICE)]
        case FieldType.MULTI_CHOICE if column.enum:
            allowed = ", ".join(literal(word) for word in column.enum)
            return [(f"NOT list_has_all([{allowed}], {typed})", ErrorCode.CHOICE)]
        case _:
            return []


def _json(column: PlanColumn, value: str, typed: str) -> str:
    """The value as a piece of JSON text; NULL leaves the key out."""
    match column.type:
        case FieldType.INTEGER:
            return typed
        case FieldType.NUMBER:
            plain = f"regexp_replace(ltrim({value}, '+'), '^(-?)0+([0-9])', '\\1\\2')"
            plain = f"regexp_replace(regexp_replace({plain}, '^(-?)\\.', '\\10.'), '\\.([eE]|$)', '\\1')"
            return f"CASE WHEN {_matches(value, types.NUMBER_AS_WRITTEN)} THEN {value} ELSE {plain} END"
        case FieldType.BOOLEAN:
            true = f"lower({value}) IN {_words(types.TRUE_WORDS)}"
            return f"CASE WHEN {value} IS NULL THEN NULL WHEN {true} THEN 'true' ELSE 'false' END"
        case FieldType.DATE:
            return f"'\"' || {value} || '\"'"
        case FieldType.DATETIME:
            short, long = (f"strftime({typed}, '%Y-%m-%dT%H:%M:%S{end}')" for end in ("Z", ".%fZ"))
            moment = f"CASE WHEN microsecond({typed}) % 1000000 = 0 THEN {short} ELSE {long} END"
            return f"'\"' || CASE WHEN {value} LIKE '{types.DATETIME_UTC}' THEN {value} ELSE {moment} END || '\"'"
        case FieldType.JSON:
            return value
        case FieldType.MULTI_CHOICE:
            return f"CAST(to_json({typed}) AS VARCHAR)"
        case _:
            return f"CAST(to_json({value}) AS VARCHAR)"
