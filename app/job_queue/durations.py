"""When a job is likely to end, from how long others of its kind really took. Pure, but for what it remembers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID

from app import clock

LAST = 100
"""So many jobs of a kind are looked at."""
FEWEST = 5
"""From fewer, nothing is said."""
KEPT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Usual:
    """How long the last ``of`` jobs of a kind took that succeeded, in seconds: half of them, nine of ten."""

    median: float
    most: float
    of: int

    def left(self, ran: float) -> float | None:
        """Seconds that a job which has run for ``ran`` seconds is likely to take still; None: it takes unusually
        long, and nobody knows.
        """
        wanted = self.median if ran < self.median else self.most
        return wanted - ran if ran < wanted else None


def usual(seconds: Sequence[float]) -> Usual | None:
    """What is usual among these; None: they are too few to tell."""
    if len(seconds) < FEWEST:
        return None
    ordered = sorted(seconds)
    return Usual(median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.9))], len(ordered))


Whose = tuple[UUID, ...] | None


@dataclass(slots=True)
class Remembered:
    """What is usual, by kind and by whose jobs one may see, for half a minute."""

    _known: dict[tuple[str, Whose], tuple[datetime, Usual | None]] = field(default_factory=dict)

    def get(self, kind: str, whose: Whose) -> tuple[bool, Usual | None]:
        """Whether it is known, and what."""
        at, known = self._known.get((kind, whose), (None, None))
        return at is not None and clock.now() - at < KEPT, known

    def keep(self, kind: str, whose: Whose, known: Usual | None) -> None:
        """Remember it; what is old is forgotten."""
        now = clock.now()
        self._known = {key: value for key, value in self._known.items() if now - value[0] < KEPT}
        self._known[kind, whose] = now, known

    def forget(self) -> None:
        """Forget everything, as a new process would."""
        self._known = {}


remembered = Remembered()
"""What this process knows."""
