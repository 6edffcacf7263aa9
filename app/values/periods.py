"""Ranges of days in a time zone: what stands in the URL of the numbers, and the moments that divide a range.

A day is a day of the chosen zone: it may have 23 or 25 hours, and begin at a quarter past some hour of UTC. Every
moment lies on a quarter of an hour, as the buckets of the numbers do.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.errors import Invalid

QUARTER = timedelta(minutes=15)
OLDEST = date(2015, 1, 1)
LONGEST = 5 * 366
PRESETS: Mapping[str, str] = MappingProxyType(
    {"today": "Today", "7d": "7 days", "30d": "30 days", "90d": "90 days", "12m": "12 months"}
)
"""Ranges that end today, by their names in the URL. Any other range is "from..to"."""
USUAL = "30d"
_DAYS = {"today": 1, "7d": 7, "30d": 30, "90d": 90}


class Step(StrEnum):
    """How finely a range is divided."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True)
class Period:
    """The days from ``first`` to ``last`` in ``zone``, as they are at the moment ``now``."""

    name: str
    """A name of :data:`PRESETS`, or "" for days that somebody chose."""
    zone: str
    first: date
    last: date
    now: datetime
    days_only: bool = False
    """Never divided into hours."""

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def step(self) -> Step:
        """Hours for two days, days for three months, weeks for half a year, else months."""
        if self.days <= 2 and not self.days_only:
            return Step.HOUR
        return Step.DAY if self.days <= 95 else Step.WEEK if self.days <= 184 else Step.MONTH

    @cached_property
    def edges(self) -> tuple[datetime, ...]:
        """The moments between its parts, the first and the last included; in UTC, ascending, no two alike."""
        start, end = self._midnight(self.first), self._midnight(self.last + timedelta(days=1))
        if self.step is Step.HOUR:
            hours = int((end - start) / timedelta(hours=1))
            moments = [*(start + timedelta(hours=n) for n in range(hours + 1)), end]
        else:
            moments = [*(self._midnight(day) for day in self._starts()), end]
        return tuple(dict.fromkeys(moments))

    @cached_property
    def before(self) -> tuple[datetime, datetime]:
        """What it is compared with: as many days before it, and of these only as much as has passed of this one."""
        shift = self.first - self._earlier()
        last = self._midnight(self.last + timedelta(days=1))
        if last <= self.now:
            return self._midnight(self._earlier()), self.edges[0]
        here = self.now.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None) - shift
        until = here.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)
        return self._midnight(self._earlier()), min(floored(until), self.edges[0])

    @property
    def compared(self) -> str:
        """What :attr:`before` is, in words."""
        if self.name == "12m":
            return "the year before"
        return "the day before" if self.days == 1 else f"the {self.days} days before"

    @property
    def words(self) -> str:
        """Its days in words: "23 Oct 2026 to 21 Nov 2026"."""
        return spelled(self.first) if self.days == 1 else f"{spelled(self.first)} to {spelled(self.last)}"

    def local(self, moment: datetime) -> datetime:
        """A moment on the clocks of the zone."""
        return moment.astimezone(ZoneInfo(self.zone))

    def in_utc(self) -> "Period":
        """The same days in UTC, for what is known by UTC days only."""
        today = self.now.astimezone(UTC).date()
        return Period(self.name, "UTC", min(self.first, today), min(self.last, today), self.now, days_only=True)

    def _earlier(self) -> date:
        return self.first.replace(year=self.first.year - 1) if self.name == "12m" else self.first - _days(self.days)

    def _starts(self) -> Iterator[date]:
        day = self.first
        while day <= self.last:
            yield day
            match self.step:
                case Step.WEEK:
                    day += _days(7 - day.weekday())
                case Step.MONTH:
                    day = (day.replace(day=1) + _days(32)).replace(day=1)
                case _:
                    day += _days(1)

    def _midnight(self, day: date) -> datetime:
        # A midnight that the clocks leave out is the moment at which they jump; one that comes twice, its first time.
        return datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)


def read(query: Mapping[str, Sequence[str]], now: datetime, home_zone: str = "UTC") -> Period:
    """The period that the query string of an address names by ``range`` and ``zone``.

    Raises:
        Invalid: there is no such range or time zone; nothing else is guessed in their place.
    """
    zone = _one(query, "zone") or home_zone
    if not known_zone(zone):
        raise Invalid(f"There is no time zone called “{zone[:60]}”. Choose another, such as Europe/Berlin.")
    name = _one(query, "range") or USUAL
    today = now.astimezone(ZoneInfo(zone)).date()
    if name in PRESETS:
        return preset(name, zone, now)
    start, _, end = name.partition("..")
    try:
        first, last = date.fromisoformat(start), min(date.fromisoformat(end), today)
    except ValueError:
        raise Invalid("This range cannot be read. Choose another, such as the last 30 days.") from None
    if first > last or first < OLDEST or (last - first).days >= LONGEST:
        raise Invalid(f"A range begins after {OLDEST.year - 1}, ends by today and has at most five years.")
    return Period("", zone, first, last, now)


def preset(name: str, zone: str, now: datetime) -> Period:
    """One of :data:`PRESETS`."""
    today = now.astimezone(ZoneInfo(zone)).date()
    if name == "12m":
        first = today.replace(year=today.year - 1, day=1)
        return Period(name, zone, (first + _days(32)).replace(day=1), today, now)
    return Period(name, zone, today - _days(_DAYS[name] - 1), today, now)


@lru_cache(maxsize=1000)  # names come from addresses: anybody may invent more
def known_zone(name: str) -> bool:
    """Whether a time zone is called so."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def floored(moment: datetime) -> datetime:
    """The quarter of an hour that a moment lies in."""
    return moment - (moment - datetime(1970, 1, 1, tzinfo=UTC)) % QUARTER


def spelled(day: date, *, year: bool = True) -> str:
    """A day as people read it: "3 Nov 2026", or "3 Nov"."""
    return f"{day.day} {day:%b %Y}" if year else f"{day.day} {day:%b}"


def _days(n: int) -> timedelta:
    return timedelta(days=n)


def _one(query: Mapping[str, Sequence[str]], name: str) -> str:
    values = query.get(name, ())
    return values[0] if values else ""
