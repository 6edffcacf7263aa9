"""What a field can hold, and how each type looks in a file: one set of patterns for proposing and for loading.

The patterns are valid both for Python's ``re`` and for DuckDB's RE2, and always match the whole value.
"""

from enum import StrEnum


class FieldType(StrEnum):
    """The type of one field of a schema."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    CHOICE = "choice"
    MULTI_CHOICE = "multi_choice"
    URL = "url"
    IMAGE = "image"
    JSON = "json"


VERBATIM = frozenset({FieldType.TEXT, FieldType.LONG_TEXT})
"""Types whose values keep every character; all others are read without the spaces around them."""

LONG_TEXT_OVER = 200
"""Characters: a column with a longer value is proposed as long text."""

MISSING_WORDS = ("", "NA", "N/A", "NULL", "null", "NaN", "nan", "-", ".")
"""Words that mean "no value" in a column whose other values fit a narrower type than text."""

SPACE = " "
"""What may stand around a value without being part of it."""

INTEGER = r"[+-]?[0-9]{1,18}"
INTEGER_AS_WRITTEN = r"0|-?[1-9][0-9]{0,17}"
"""A leading zero, a plus sign or a 19th digit means an identifier rather than a quantity."""

NUMBER = r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?"
NUMBER_AS_WRITTEN = r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?"
"""A JSON number; 1e5 is a number and never an integer."""
NUMBER_PROPOSED = NUMBER_AS_WRITTEN + r"|-?\.[0-9]{1,40}"

DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
DATETIME = DATE + r"[T ]" + _TIME + r" ?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?"
DATETIME_UTC = "____-__-__T__:__:__Z"
"""The form (for LIKE) that is kept; a time without an offset is taken as UTC."""

URL = r"[hH][tT][tT][pP][sS]?://[^ \t\r\n/]+[^ \t\r\n]*"

TRUE_WORDS = ("true", "yes", "t", "y", "1")
FALSE_WORDS = ("false", "no", "f", "n", "0")
BOOLEAN_PROPOSED = ("true", "false", "yes", "no")
"""In any case of letters. 0 and 1 alone are whole numbers, single letters are text, until a person says otherwise."""

CHOICE_SEPARATOR = ";"
"""Stands between the values of one multiple choice."""

DELIMITERS = (",", "\t", ";", "|")
