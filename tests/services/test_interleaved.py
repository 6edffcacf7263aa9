"""Hundreds of people at once on three connections, some of whom fail, go away or take too long: nobody ever meets
another team's rows, and no connection remembers who used it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import select, text

from app.actor import Staff
from app.config import Settings
from app.database import engine as db
from app.database import reading, writing
from app.errors import AppError, TooSlow
from app.models import Action, User
from app.permissions import Permission, Role
from app.services import users
from tests.factories import add_user
from tests.people import Company, _person, found_company

SESSIONS = 600
CONNECTIONS = 3
AT_ONCE = 60
"""More would wait for a connection for longer than the door lets anybody wait."""
WAYS = ("reads", "writes", "asks", "raises", "raises after writing", "takes too long", "goes away inside", "gives up")
SEEN = text(
    "SELECT current_user, current_setting('role') AS role, current_setting('app.team_ids', true) AS teams,"
    " current_setting('app.actor', true) AS actor, current_setting('statement_timeout') AS timeout,"
    " current_setting('transaction_read_only') AS read_only, pg_backend_pid() AS pid"
)


class Broke(Exception):
    """Something of ours went wrong in the middle of a block."""


@dataclass
class Visit:
    """People who come, what became of each, and every row that somebody saw and may not."""

    allowed: dict[UUID, frozenset[UUID]]
    users: dict[UUID, UUID]
    outcomes: Counter[str] = field(default_factory=Counter)
    foreign: list[Any] = field(default_factory=list)
    written: int = 0
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def come(self, person: Staff, way: str, patience: float) -> None:
        """One short block in this way; whatever becomes of it is counted."""
        try:
            async with self.room, asyncio.timeout(patience if way == "gives up" else None) as going:
                await self._block(person, way, going, patience)
            self.outcomes[way] += 1
        except (Broke, AppError, TimeoutError) as problem:
            self.outcomes[f"{way}: {type(problem).__name__}"] += 1

    async def _block(self, person: Staff, way: str, going: asyncio.Timeout, patience: float) -> None:
        if way == "asks":
            found = await users.get(person, self.users[person.staff_id])
            self._look(person, [found.user.team_id])
        elif way in {"writes", "raises after writing"}:
            await self._write(person, way)
        else:
            timeout = 0.02 if way == "takes too long" else 3.0
            async with reading(person, Permission.USERS_READ, timeout=timeout) as work:
                self._look(person, (await work.execute(select(User.team_id))).scalars())
                if way == "raises":
                    raise Broke
                if way == "goes away inside":
                    going.reschedule(asyncio.get_running_loop().time() + patience / 10)
                if way != "reads":
                    await work.execute(text("SELECT pg_sleep(0.03)"))
                self._look(person, (await work.execute(select(User.team_id))).scalars())

    async def _write(self, person: Staff, way: str) -> None:
        async with writing(person, Permission.USERS_EDIT) as work:
            user = await work.get(User, self.users[person.staff_id], lock=True)
            user.options = {"n": user.options.get("n", 0) + 1}
            work.record(Action.USER_OPTIONS_EDITED, user)
            await work.flush()
            if way != "writes":
                raise Broke
        self.written += 1

    def _look(self, person: Staff, teams: Any) -> None:
        self.foreign += [(person.name, team) for team in teams if team not in self.allowed[person.staff_id]]


@pytest.fixture
async def few(settings: Settings) -> AsyncIterator[None]:
    """The application's own engine, with three connections."""
    db.configure(settings.model_copy(update={"pool_size": CONNECTIONS}))
    yield
    await db.dispose()


@pytest.fixture
async def people(few: None, admin: asyncpg.Connection) -> Company:
    return await found_company(admin)


@pytest.mark.usefixtures("few")
async def test_six_hundred_sessions_on_three_connections_see_no_foreign_row(
    people: Company, admin: asyncpg.Connection
) -> None:
    acme, nordlicht = people.acme, people.nordlicht
    tim = await _person(admin, "Tim Team", Role.ADMIN, "no password", team=nordlicht)
    theirs = [await add_user(admin, team, f"U{n}", f"u{n}@example.com") for n, team in enumerate((acme, nordlicht))]
    both = frozenset({acme, nordlicht})
    visit = Visit(
        {people.tess.staff_id: frozenset({acme}), tim.staff_id: frozenset({nordlicht}), people.ann.staff_id: both},
        {people.tess.staff_id: theirs[0], tim.staff_id: theirs[1], people.ann.staff_id: theirs[1]},
    )
    dice = Random(4)  # noqa: S311 - a test's dice, the same each time
    async with asyncio.TaskGroup() as group:
        for n in range(SESSIONS):
            person = (people.tess, tim, people.ann)[n % 3]
            group.create_task(visit.come(person, WAYS[n % len(WAYS)], dice.uniform(0.0, 0.3)))
    assert visit.foreign == []
    assert visit.outcomes.total() == SESSIONS
    _all_ways_were_gone(visit.outcomes)
    kept = await admin.fetch("SELECT (options ->> 'n')::int AS n FROM users")
    assert sum(row["n"] for row in kept) == visit.written, "what was broken off changed nothing"
    told = "SELECT count(*) FROM audit_entries WHERE action = 'user.options_edited'"
    assert await admin.fetchval(told) == visit.written
    await _pool_is_as_new()


def _all_ways_were_gone(outcomes: Counter[str]) -> None:
    each = SESSIONS // len(WAYS)
    assert [outcomes[way] for way in ("reads", "writes", "asks")] == [each] * 3
    assert [outcomes[f"{way}: Broke"] for way in ("raises", "raises after writing")] == [each] * 2
    assert outcomes[f"takes too long: {TooSlow.__name__}"] == each
    assert outcomes["goes away inside: TimeoutError"] > each / 4
    assert outcomes["gives up: TimeoutError"]


async def _pool_is_as_new() -> None:
    """Every connection is back, answers, and is nobody's: the login role, no teams, no time limit, able to write."""
    engine = db._engine
    assert engine is not None
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined] # a queue pool counts them
    async with db.session() as one, db.session() as two, db.session() as three:
        seen = [(await session.execute(SEEN)).one() for session in (one, two, three)]
    assert len({row.pid for row in seen}) == CONNECTIONS
    for row in seen:
        assert (row.current_user, row.role, row.timeout, row.read_only) == ("quarterdeck_app", "none", "0", "off")
        assert not row.teams
        assert not row.actor
