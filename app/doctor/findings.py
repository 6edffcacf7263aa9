"""What an examination finds: one line each, with its level and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, but something should be looked at."""
    PROBLEM = "problem"
    """Something does not work, or is not safe."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    level: Level
    sentence: str
    advice: str = ""
    """What to do about it."""


def ok(check: str, sentence: str) -> Finding:
    """As it should be."""
    return Finding(check, Level.OK, sentence)


def warning(check: str, sentence: str, advice: str) -> Finding:
    """To be looked at."""
    return Finding(check, Level.WARNING, sentence, advice)


def problem(check: str, sentence: str, advice: str = "") -> Finding:
    """To be mended."""
    return Finding(check, Level.PROBLEM, sentence, advice)


def counted(n: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{n:,} {one if n == 1 else many}"


def lasting(seconds: float) -> str:
    """A length of time, in the unit that reads best."""
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{max(seconds, 0):,.0f} s"
