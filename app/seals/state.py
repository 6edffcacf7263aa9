"""How far the log has been looked at, and what was found: the one row of ``audit_checks``, as workers keep it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from app import clock
from app.database import Work
from app.models import AuditCheck
from app.seals.damage import Problem, of_json
from app.seals.verifying import Looked
from app.topics import seals as topic

MOST = 100
"""Problems that are kept: a log with more has been seen to be damaged."""


@dataclass(frozen=True, slots=True)
class Check:
    """``seen`` is the newest seal that was looked at, ``turn`` the old one whose turn it is."""

    seen: int
    turn: int
    up_to: int | None
    problems: tuple[Problem, ...]
    asked_at: datetime | None
    whole_at: datetime | None

    @property
    def is_asked(self) -> bool:
        """Somebody wants the whole log looked at, and it has not been since."""
        return self.asked_at is not None and (self.whole_at is None or self.whole_at < self.asked_at)


async def current(work: Work) -> Check:
    """What is known so far."""
    columns = (AuditCheck.seen_seq, AuditCheck.next_seq, AuditCheck.up_to, AuditCheck.problems)
    row = (await work.execute(select(*columns, AuditCheck.asked_at, AuditCheck.whole_at))).one()
    problems = tuple(of_json(problem) for problem in row.problems)
    return Check(row.seen_seq, row.next_seq, row.up_to, problems, row.asked_at, row.whole_at)


def merged(known: Sequence[Problem], looked: Sequence[Looked], *, outside: Iterable[Problem]) -> tuple[Problem, ...]:
    """What is wrong now: of seals that were looked at again only what was found this time; of others what was known.
    ``outside`` is what belongs to no seal, and is looked for each time.
    """
    fresh = [problem for look in looked for problem in look.problems]
    again = [(look.first, look.last) for look in looked if look.last is not None]
    old = [
        problem
        for problem in known
        if problem.seal is not None and not any(first <= problem.seal <= last for first, last in again)
    ]
    return tuple(dict.fromkeys([*outside, *old, *fresh]))[:MOST]


async def keep(work: Work, check: Check, before: Check) -> None:
    """Write it down, and tell those who watch when it says something else."""
    await work.execute(
        update(AuditCheck).values(
            seen_seq=check.seen,
            next_seq=check.turn,
            up_to=check.up_to,
            problems=[problem.as_json() for problem in check.problems],
            whole_at=check.whole_at,
            verified_at=clock.now(),
        )
    )
    if (check.problems, check.up_to, check.whole_at) != (before.problems, before.up_to, before.whole_at):
        work.notify(topic)
