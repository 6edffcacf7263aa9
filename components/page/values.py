"""Values as screens draw them: the tone of a word, and what JSON can say."""

from datetime import datetime
from enum import Enum
from typing import Literal
from uuid import UUID

Tone = Literal["ok", "info", "warn", "bad", "idle"]
"""The colour of a word: what it means for whoever reads it."""


def plain(value: object) -> object:
    """A value as JSON can say it: moments as ISO text, enumerations by value, ids as text, durations in seconds."""
    match value:
        case None | bool() | int() | float():
            return value
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
        case _ if hasattr(value, "total_seconds"):
            return value.total_seconds()
        case _:
            return str(value)
