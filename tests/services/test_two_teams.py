"""Two people, each limited to a team of their own, do anything to anything, in any order: whatever they try, the other
team stays as it is and they see exactly their own. ``ISOLATION_EXAMPLES=500`` looks for longer.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from app.actor import Staff
from app.config import Settings
from app.errors import AppError, NotFound
from app.paging import PageRequest
from app.permissions import Role
from app.services import audit, datasets, exports, home, imports, jobs, payments, personal, rows, teams, users
from app.services.teams import Limits
from tests.factories import Made, add_import, add_job, add_payment, add_user, make_dataset
from tests.people import Company, _person

EXAMPLES = int(os.environ.get("ISOLATION_EXAMPLES", "6"))
WHY, PAGE = "Because", PageRequest(size=200)
_SLICES = (
    "SELECT table_name AS name FROM information_schema.columns"
    " WHERE table_schema = 'public' AND column_name = 'team_id' AND table_name <> 'staff_teams' ORDER BY 1"
)


@dataclass(frozen=True)
class Side:
    """One team, everything that it has, and the one person who sees it and nothing else."""

    person: Staff
    team: UUID
    made: Made
    user: UUID
    failed: UUID
    queued: UUID
    payment: UUID
    import_: UUID
    row: UUID


@dataclass
class World:
    """Both sides, and the way around the door."""

    admin: asyncpg.Connection
    settings: Settings
    sides: tuple[Side, Side]
    number: int = 0

    async def slice_of(self, side: Side) -> list[Any]:
        """Everything that belongs to a team, table by table."""
        tables = [row["name"] for row in await self.admin.fetch(_SLICES)]
        asked = [_digest(table, "team_id") for table in tables] + [_digest("teams", "id")]
        return list(await self.admin.fetch(" UNION ALL ".join(asked) + " ORDER BY 1", side.team))


Verb = Callable[[Staff, Side, World, Side], Awaitable[Any]]
"""Who acts, on whose things, and where they have a team themselves."""
VERBS: dict[str, Verb] = {
    "create a user": lambda p, on, w, _: users.create(p, on.team, "New", f"n{w.number}@example.com"),
    "change the plan": lambda p, on, w, _: users.change_plan(p, on.user, ("free", "premium")[w.number % 2], WHY),
    "deactivate": lambda p, on, _w, _: users.deactivate(p, on.user, WHY),
    "reactivate": lambda p, on, _w, _: users.reactivate(p, on.user, WHY),
    "edit options": lambda p, on, w, _: users.edit_options(p, on.user, {"n": w.number}, {}, WHY),
    "pull a user over": lambda p, on, _w, own: users.move(p, on.user, own.team, WHY),
    "push a user over": lambda p, on, _w, own: users.move(p, own.user, on.team, WHY),
    "rename the team": lambda p, on, w, _: teams.rename(p, on.team, f"Team {w.number} {on.team}", "?", WHY),
    "suspend the team": lambda p, on, _w, _: teams.suspend(p, on.team, WHY),
    "resume the team": lambda p, on, _w, _: teams.resume(p, on.team, WHY),
    "limit the team": lambda p, on, w, _: teams.limit(p, on.team, Limits(w.number, None), Limits(), WHY),
    "rename the dataset": lambda p, on, w, _: datasets.rename(p, on.made.id, f"Data {w.number}", "Data"),
    "edit a row": lambda p, on, w, _: rows.edit(p, on.made.id, on.row, "city", "Ulm", f"City {w.number}"),
    "edit their row in one's own": lambda p, on, w, own: rows.edit(
        p, own.made.id, on.row, "city", "Ulm", str(w.number)
    ),
    "retry a job": lambda p, on, _w, _: jobs.retry(p, on.failed, WHY),
    "cancel a job": lambda p, on, _w, _: jobs.cancel(p, on.queued, WHY),
    "look at an import": lambda p, on, _w, _: imports.get(p, on.import_),
    "delete an import": lambda p, on, _w, _: imports.delete(p, on.import_, WHY),
    "reveal an e-mail": lambda p, on, _w, _: personal.reveal(p, "user", on.user, "email", WHY),
    "look at a payment": lambda p, on, _w, _: payments.get(p, on.payment),
    "look at the rows": lambda p, on, _w, _: rows.window(p, on.made.id, 0, 10),
    "take users away": lambda p, on, w, _: _taken(p, on, w),
}
LISTS: dict[str, Callable[[Staff, PageRequest], Awaitable[Any]]] = {
    "users": users.search,
    "datasets": datasets.search,
    "jobs": jobs.search,
    "payments": payments.search,
    "imports": imports.search,
    "audit_entries": audit.search,
}


@pytest.fixture
async def world(company: Company, admin: asyncpg.Connection, settings: Settings) -> World:
    tim = await _person(admin, "Tim Team", Role.ADMIN, "no password", team=company.nordlicht)
    sides = (await _side(admin, company.tess, company.acme), await _side(admin, tim, company.nordlicht))
    return World(admin, settings, sides)


async def _side(admin: asyncpg.Connection, person: Staff, team: UUID) -> Side:
    made = await make_dataset(admin, team, "Data", {"city": "text"})
    import_id = await add_import(admin, made, 2, "jsonb_build_object('city', 'Ulm')")
    user = await add_user(admin, team, "U", f"{team}@example.com")
    return Side(
        *(person, team, made, user, await add_job(admin, team), await add_job(admin, team, "queued")),
        *(await add_payment(admin, team, user_id=user), import_id),
        await admin.fetchval("SELECT id FROM dataset_rows WHERE dataset_number = $1 LIMIT 1", made.number),
    )


Step = tuple[int, bool, str]
steps = st.lists(st.tuples(st.integers(0, 1), st.booleans(), st.sampled_from(sorted(VERBS))), min_size=4, max_size=14)


@bounds(
    max_examples=EXAMPLES,
    database=None,
    phases=[Phase.generate],  # the world does not go back, so nothing could be shrunk in it
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(taken=steps)
async def test_two_teams_never_touch_or_see_each_other(world: World, taken: list[Step]) -> None:
    """The world goes on from one example to the next: it only ever gets stranger."""
    for mine, abroad, verb in taken:
        await _step(world, world.sides[mine], world.sides[1 - mine], verb, abroad=abroad)
    for side in world.sides:
        await _sees_exactly_its_own(world, side)


async def _step(world: World, own: Side, other: Side, verb: str, *, abroad: bool) -> None:
    """Somebody does something to their own team or to the other, which stays as it is in either case."""
    world.number += 1
    untouched, present = await world.slice_of(other), await world.slice_of(own)
    outcome = await _outcome(VERBS[verb](own.person, other if abroad else own, world, own))
    if abroad and verb != "take users away":
        assert isinstance(outcome, NotFound), f"{verb} was done to another team, or told that it exists: {outcome!r}"
    assert await world.slice_of(other) == untouched, verb
    if abroad and verb != "take users away":
        assert await world.slice_of(own) == present, verb


async def _outcome(doing: Awaitable[Any]) -> Any:
    try:
        return await doing
    except AppError as refusal:
        return refusal


async def _sees_exactly_its_own(world: World, side: Side) -> None:
    """The simple model of what a person sees: the rows that carry their team."""
    for table, search in LISTS.items():
        page = await search(side.person, PAGE)
        truth = await world.admin.fetch(f"SELECT id FROM {table} WHERE team_id = $1", side.team)
        assert {row.id for row in page.rows} <= {row["id"] for row in truth}, table
        assert page.count.value == len(page.rows), table
        if table not in {"imports", "datasets"}:  # these leave out what was deleted
            assert len(page.rows) == min(len(truth), PAGE.size), table
    assert [row.id for row in (await teams.search(side.person, PAGE)).rows] == [side.team]
    assert (await home.overview(side.person)).teams == 1


async def _taken(person: Staff, on: Side, world: World) -> None:
    """A file of users, filtered by a team: it holds nobody of another one."""
    asked = PageRequest({"team": (str(on.team),)})
    made = await exports.export(person, world.settings.data_dir, "users", asked)
    with made.file as file:
        file.seek(0)
        content = file.read().decode()
    own = next(side for side in world.sides if side.person is person)
    known = await world.admin.fetch("SELECT id FROM users WHERE team_id <> $1", own.team)
    assert not [row["id"] for row in known if str(row["id"]) in content]
    assert (made.rows == 0) == (on is not own)


def _digest(table: str, column: str) -> str:
    row = "md5(t::text)"
    return (
        f"SELECT '{table}' AS place, count(*) AS n, md5(string_agg({row}, '' ORDER BY {row})) AS sum"
        f" FROM {table} AS t WHERE {column} = $1"
    )
