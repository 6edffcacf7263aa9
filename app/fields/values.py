"""One value of one field: what a person typed, as it is kept. The same forms as an import writes.

Kept forms: whole numbers and numbers as JSON numbers, dates as ISO text, moments as ISO text in UTC, true/false, texts,
lists of texts for multiple choices, any JSON. A missing value is kept as no key at all; here it is ``None``.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol
from urllib.parse import urlsplit

from app.errors import Invalid
from app.fields.types import FALSE_WORDS, TRUE_WORDS, FieldType
from app.values import exact_json

MAX_TEXT = 20_000
MAX_JSON = 64 * 1024
_NUL_IN_JSON = re.compile(r"(?<!\\)(\\\\)*\\u0000")


class Rules(Protocol):
    """What a field demands of its values."""

    @property
    def label(self) -> str: ...  # noqa: D102
    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def required(self) -> bool: ...  # noqa: D102
    @property
    def enum(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def minimum(self) -> Decimal | None: ...  # noqa: D102
    @property
    def maximum(self) -> Decimal | None: ...  # noqa: D102


def kept(field: Rules, value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """The value as it is kept, or None when it is missing.

    Raises:
        Invalid: it breaks a rule of the field; the sentence says which.
    """
    if value is None or (isinstance(value, str) and not value.strip() and field.type != FieldType.TEXT) or value == "":
        if field.required:
            raise Invalid(f"{field.label} is required.")
        return None
    return _READERS[FieldType(field.type)](field, value)


def _text(field: Rules, value: Any) -> str:  # noqa: ANN401
    text = value if isinstance(value, str) else str(value)
    if len(text) > MAX_TEXT:
        raise Invalid(f"{field.label} takes at most {MAX_TEXT:,} characters.")
    if "\x00" in text:
        raise Invalid(f"{field.label} cannot hold a NUL character.")
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Invalid(f"{field.label} holds half a character. Type it again.")
    return text


def _integer(field: Rules, value: Any) -> int:  # noqa: ANN401
    number = _decimal(field, value, "a whole number, such as 42")
    if number != number.to_integral_value() or abs(number) >= Decimal(10) ** 18:
        raise Invalid(f"{field.label} is a whole number, such as 42.")
    return int(number)


def _number(field: Rules, value: Any) -> int | float | Decimal:  # noqa: ANN401
    number = _decimal(field, value, "a number, such as 3.5")
    if number == number.to_integral_value() and abs(number) < Decimal(10) ** 15:
        return int(number)
    return exact_json.number(str(number))


def _decimal(field: Rules, value: Any, wanted: str) -> Decimal:  # noqa: ANN401
    if isinstance(value, bool):
        raise Invalid(f"{field.label} is {wanted}.")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise Invalid(f"{field.label} is {wanted}.") from None
    if "_" in str(value) or not number.is_finite() or abs(number.adjusted()) > 300:
        raise Invalid(f"{field.label} is {wanted}.")
    if field.minimum is not None and number < field.minimum:
        raise Invalid(f"{field.label} is at least {field.minimum}.")
    if field.maximum is not None and number > field.maximum:
        raise Invalid(f"{field.label} is at most {field.maximum}.")
    return number


def _boolean(field: Rules, value: Any) -> bool:  # noqa: ANN401
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise Invalid(f"{field.label} is true or false.")


def _date(field: Rules, value: Any) -> str:  # noqa: ANN401
    try:
        return date.fromisoformat(str(value).strip()).isoformat()
    except ValueError:
        raise Invalid(f"{field.label} is a date, such as 2013-01-31.") from None


def _datetime(field: Rules, value: Any) -> str:  # noqa: ANN401
    try:
        moment = datetime.fromisoformat(str(value).strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(f"{field.label} is a date and time, such as 2013-01-31T18:00:00Z.") from None
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _choice(field: Rules, value: Any) -> str:  # noqa: ANN401
    text = _text(field, value)
    if field.enum and text not in field.enum:
        raise Invalid(f"{field.label} is one of: {', '.join(field.enum)}.")
    return text


def _choices(field: Rules, value: Any) -> list[str]:  # noqa: ANN401
    values = value if isinstance(value, list) else str(value).split(";")
    return [_choice(field, item.strip() if isinstance(item, str) else item) for item in values]


def _url(field: Rules, value: Any) -> str:  # noqa: ANN401
    text = _text(field, value).strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme.lower() not in {"http", "https"} or not parts.netloc or any(c.isspace() for c in text):
        raise Invalid(f"{field.label} is a web address that starts with http:// or https://.")
    return text


def _json(field: Rules, value: Any) -> Any:  # noqa: ANN401
    try:
        if isinstance(value, str):
            value = exact_json.loads(value)
        text = exact_json.dumps(value)
        size = len(text.encode())  # refuses half characters
    except (ValueError, TypeError, RecursionError):
        raise Invalid(f"{field.label} is JSON, such as {{“a”: 1}}.") from None
    if size > MAX_JSON:
        raise Invalid(f"{field.label} takes at most 64 KB.")
    if _NUL_IN_JSON.search(text):
        raise Invalid(f"{field.label} cannot hold a NUL character.")
    return value


_READERS: dict[FieldType, Callable[[Rules, Any], Any]] = {
    FieldType.TEXT: _text,
    FieldType.LONG_TEXT: _text,
    FieldType.INTEGER: _integer,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
    FieldType.CHOICE: _choice,
    FieldType.MULTI_CHOICE: _choices,
    FieldType.URL: _url,
    FieldType.IMAGE: _url,
    FieldType.JSON: _json,
}
