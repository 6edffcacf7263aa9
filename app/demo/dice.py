"""Chance that comes out the same every time: picks, ids and moments from one seed."""

import string
from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")

DAY_BEGINS, DAY_ENDS = 7, 19
"""The hours (UTC) between which the company's customers are awake and at work."""
_HOUR = timedelta(hours=1)
_BY_HOUR = (
    *(0.07, 0.05, 0.04, 0.04, 0.05, 0.09, 0.2),
    *(0.55, 0.85, 1.1, 1.15, 1.1, 0.8, 0.95, 1.1, 1.05, 0.95, 0.75, 0.5, 0.4),
    *(0.3, 0.22, 0.16, 0.1),
)
_WEEKEND = 0.42
_SATURDAY = 5
_ALPHABET = string.ascii_letters + string.digits


class Dice(Random):
    """Random choices from a seed, and identifiers that sort by the moment they are made for."""

    def id(self, at: datetime) -> UUID:
        """A UUID v7 of this moment."""
        milliseconds = int(at.timestamp() * 1000)
        return UUID(int=milliseconds << 80 | 7 << 76 | self.getrandbits(12) << 64 | 2 << 62 | self.getrandbits(62))

    def stripe(self, prefix: str) -> str:
        """An identifier as Stripe makes them, marked as invented."""
        return f"{prefix}_demo_{''.join(self.choices(_ALPHABET, k=18))}"

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return self.random() < share

    def of(self, weighted: Sequence[tuple[T, float]]) -> T:
        """One of these, each as often as its weight says."""
        return self.choices([item for item, _ in weighted], [weight for _, weight in weighted])[0]

    def later(self, at: datetime, least: float, most: float) -> datetime:
        """A moment from ``least`` to ``most`` seconds after another one."""
        return at + timedelta(seconds=round(self.uniform(least, most), 3))


class Rhythm:
    """How busy the hours from ``start`` to ``end`` are: days against nights, weekdays against weekends, and growth.

    ``growth`` is how much busier the end is than the start.
    """

    def __init__(self, start: datetime, end: datetime, growth: float) -> None:
        self.start, self.end = start, end
        hours = int((end - start) / _HOUR)
        self._sums = list(accumulate(self._weight(start + n * _HOUR, n / hours, growth) for n in range(hours)))

    def moments(self, dice: Dice, n: int) -> list[datetime]:
        """``n`` moments, in order of time."""
        whole = self._sums[-1]
        hours = sorted(bisect_left(self._sums, dice.random() * whole) for _ in range(n))
        return sorted(self.start + hour * _HOUR + timedelta(milliseconds=dice.randrange(3_600_000)) for hour in hours)

    @staticmethod
    def _weight(hour: datetime, share: float, growth: float) -> float:
        week = _WEEKEND if hour.weekday() >= _SATURDAY else 1.0
        return _BY_HOUR[hour.hour] * week * (1 + (growth - 1) * share)
