"""Teams: names to choose from, and a new one."""

import asyncpg
import pytest

from app.errors import Duplicate, Forbidden, Invalid
from app.services import teams
from tests.people import Company


async def test_teams_have_names_and_unique_ones(company: Company, admin: asyncpg.Connection) -> None:
    made = await teams.create(company.ann, "  aardvark ")
    assert await teams.names(company.vic) == [
        (made.id, "aardvark"),
        (company.acme, "Acme"),
        (company.nordlicht, "Nordlicht"),
    ]
    entry = await admin.fetchrow("SELECT * FROM audit_entries")
    assert (entry["action"], entry["team_id"], entry["before"]) == ("team.created", made.id, None)
    with pytest.raises(Duplicate, match="already a team"):
        await teams.create(company.ann, "Acme")
    for name in ("", " ", "x" * 121, "a\nb"):
        with pytest.raises(Invalid) as refused:
            await teams.create(company.ann, name)
        assert list(refused.value.fields) == ["new_team"]
    with pytest.raises(Forbidden):
        await teams.create(company.vic, "Kite Labs")
    with pytest.raises(Forbidden):
        await teams.names(company.nil)


async def test_limited_people_see_their_teams_and_found_none(company: Company) -> None:
    assert await teams.names(company.tess) == [(company.acme, "Acme")]
    with pytest.raises(Forbidden, match="all teams"):
        await teams.create(company.tess, "Mine")
