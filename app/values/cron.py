"""When something happens again: cron expressions of five fields, in the wall-clock time of a zone.

Days on which the clocks change: a time that does not exist comes when the clocks have jumped; a time that exists twice
comes once, the first time, unless the expression runs through the hours anyway (its field of hours begins with ``*``).
"""

import re
from calendar import day_name
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from croniter import croniter
from croniter.croniter import CroniterBadDateError, CroniterError

from app import clock
from app.errors import Invalid

MOST = 100
"""Characters of an expression."""
_FIELDS = 5
_ALLOWED = re.compile(r"[0-9A-Za-z*,/#-]+(?: +[0-9A-Za-z*,/#-]+)*")
_BY_CHANCE = re.compile(r"(?<![a-z])[rh](?![a-z])", re.IGNORECASE)
_DAYS = dict(zip("01234567", (*day_name[-1:], *day_name), strict=True))


def checked(cron: str, zone: str) -> tuple[str, str]:
    """The expression and the zone, tidied.

    Raises:
        Invalid: one of them does not exist, or the expression names no day that ever comes.
    """
    words = " ".join(cron.split())
    if zone not in zones():
        raise Invalid(time_zone=f"There is no time zone “{zone[:MOST]}”. Write one like Europe/Berlin, or UTC.")
    if len(words) > MOST or not _ALLOWED.fullmatch(words) or _BY_CHANCE.search(words):
        raise Invalid(cron="An expression has five fields, like 30 2 * * 1: minute, hour, day, month, day of the week.")
    if len(words.split()) != _FIELDS:
        raise Invalid(cron=f"This has {len(words.split())} fields; it takes five: minute, hour, day, month, weekday.")
    try:
        next_after(words, zone, clock.now())
    except CroniterBadDateError:
        raise Invalid(cron="No such day ever comes: look at the fields of the day and the month.") from None
    except (CroniterError, ValueError):
        raise Invalid(cron="One of these numbers is out of its range: 0-59 0-23 1-31 1-12 0-7.") from None
    return words, zone


def next_after(cron: str, zone: str, moment: datetime) -> datetime:
    """The first run after a moment, in UTC."""
    return next(_runs(cron, zone, moment))


def upcoming(cron: str, zone: str, moment: datetime, n: int) -> Sequence[datetime]:
    """The next ``n`` runs after a moment, in the zone."""
    place = ZoneInfo(zone)
    return [run.astimezone(place) for run in islice(_runs(cron, zone, moment), n)]


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """The time zones that there are."""
    return frozenset(available_timezones()) - {"localtime", "Factory"}


def words(cron: str) -> str:
    """The commonest expressions as people say them; any other as it is written."""
    if len(fields := cron.split()) != _FIELDS:
        return cron
    minute, hour, day, month, weekday = fields
    if (day, month, weekday) == ("*", "*", "*") and hour == "*":
        return _within_hours(minute) or cron
    if not (minute.isdigit() and hour.isdigit() and month == "*"):
        return cron
    at = f"at {int(hour):02}:{int(minute):02}"
    if (day, weekday) == ("*", "*"):
        return f"Every day {at}"
    if day == "*" and weekday in _DAYS:
        return f"Every {_DAYS[weekday]} {at}"
    return f"On day {day} of every month {at}" if day.isdigit() and weekday == "*" else cron


def _within_hours(minute: str) -> str:
    if minute == "*":
        return "Every minute"
    if minute.isdigit():
        return f"Every hour at :{int(minute):02}"
    step = minute.removeprefix("*/")
    return f"Every {step} minutes" if step.isdigit() and minute.startswith("*/") else ""


def _runs(cron: str, zone: str, moment: datetime) -> Iterator[datetime]:
    times = croniter(cron, moment.astimezone(ZoneInfo(zone)))
    through_all_hours = cron.split()[1].startswith("*")
    while True:
        local: datetime = times.get_next(datetime)
        second_time = local.replace(fold=0).utcoffset() != local.utcoffset()
        if through_all_hours or not second_time:
            yield local.astimezone(UTC)
