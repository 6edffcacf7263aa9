"""How fast a long piece of work goes, from what an open page has seen of it."""

from dataclasses import dataclass, field
from datetime import datetime

_LEAST_SECONDS, _LEAST_FRACTION = 1.0, 0.02


@dataclass(frozen=True, slots=True)
class _Sight:
    stretch: object
    at: datetime
    done: int
    fraction: float


@dataclass(slots=True)
class Pace:
    """Compares what is seen now with the first sight of the same stretch: one attempt at one thing. What ran before
    the page was opened, or in an attempt before, would make the numbers wrong and is not counted.
    """

    _first: _Sight | None = field(default=None)

    def see(self, stretch: object, at: datetime, done: int, fraction: float) -> tuple[float | None, float | None]:
        """Units per second and seconds left; None while that cannot be known.

        Args:
            stretch: names the attempt and what it is at; another one begins anew.
            at: when this is so.
            done: units done in this stretch.
            fraction: of the whole work, 0 to 1.
        """
        first = self._first
        if first is None or first.stretch != stretch or done < first.done or fraction < first.fraction:
            self._first = _Sight(stretch, at, done, fraction)
            return None, None
        seconds, gained = (at - first.at).total_seconds(), fraction - first.fraction
        if seconds < _LEAST_SECONDS:
            return None, None
        rate = (done - first.done) / seconds if done > first.done else None
        left = (1 - fraction) * seconds / gained if gained >= _LEAST_FRACTION else None
        return rate, left
