"""What super admins do to accounts: invite, give roles and teams, shut out; and what nobody may do."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.actor import Command, Staff
from app.database import reading
from app.errors import AppError, Conflict, Duplicate, Forbidden, Invalid, NotFound, NotSignedIn
from app.ids import uuid7
from app.models import StaffState
from app.paging import PageRequest, Sort
from app.permissions import Permission, Role
from app.services import staff, teams
from tests.people import Company, _person

WHY = "Asked for by their manager"


@pytest.fixture
async def max_(company: Company, admin: asyncpg.Connection) -> Staff:
    """A second super admin; everybody has a password."""
    other = await _person(admin, "Max Super", Role.SUPER_ADMIN, "no password")
    await admin.execute("UPDATE staff SET password_set_at = now()")
    return other


async def entries(admin: asyncpg.Connection, action: str) -> list[asyncpg.Record]:
    return list(await admin.fetch("SELECT * FROM audit_told() WHERE action = $1 ORDER BY id", action))


async def still_signed_in(person: Staff) -> bool:
    try:
        async with reading(person, Permission.HOME_READ):
            return True
    except NotSignedIn:
        return False


async def test_invite_makes_an_account_that_waits_for_its_password(company: Company, admin: asyncpg.Connection) -> None:
    link = await staff.invite(
        company.sue, name=" Kim ", email="kim@example.com", role="support", team_ids=[company.acme]
    )
    seen = await staff.get(company.sue, link.staff_id)
    assert (seen.member.name, seen.role, seen.member.state) == ("Kim", Role.SUPPORT, StaffState.INVITED)
    assert (seen.teams, seen.sessions) == ([(company.acme, "Acme")], 0)
    assert seen.link is not None
    assert seen.link.expires_at == link.expires_at
    kept = await admin.fetchrow("SELECT * FROM staff_links")
    token = link.path.removeprefix("/welcome/")
    assert len(token) == 43
    assert token not in str(kept)
    [entry] = await entries(admin, "staff.invited")
    assert (entry["target_label"], json.loads(entry["detail"])) == ("Kim", {"teams": "Acme"})
    assert token not in str(entry)


async def test_invite_refuses_field_by_field(company: Company, admin: asyncpg.Connection) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"email": "kim"}, "email"),
        ({"role": "owner"}, "role"),
        ({"team_ids": []}, "teams"),
        ({"team_ids": [UUID(int=1)]}, "teams"),
    ]
    for one, field in wrong:
        values: dict[str, Any] = {"name": "Kim", "email": "kim@example.com", "role": "viewer", "team_ids": None} | one
        with pytest.raises(Invalid) as refused:
            await staff.invite(company.sue, **values)
        assert list(refused.value.fields) == [field]
    assert await admin.fetchval("SELECT count(*) FROM staff_links") == 0


async def test_inviting_twice_makes_one_account(company: Company, admin: asyncpg.Connection) -> None:
    made = await asyncio.gather(
        *(staff.invite(company.sue, name="Kim", email="Kim@example.com", role="viewer") for _ in range(3)),
        return_exceptions=True,
    )
    assert [type(one) for one in made if isinstance(one, Exception)] == [Duplicate, Duplicate]
    assert await admin.fetchval("SELECT count(*) FROM staff_links") == 1


async def test_a_newer_link_replaces_older_ones(company: Company, admin: asyncpg.Connection) -> None:
    first = await staff.invite(company.sue, name="Kim", email="kim@example.com", role="viewer")
    second = await staff.make_link(company.sue, first.staff_id, WHY)
    third = await staff.make_link_for(Command("root"), "KIM@example.com", WHY)
    assert len({first.path, second.path, third.path}) == 3
    living = "SELECT count(*) FROM staff_links WHERE revoked_at IS NULL AND used_at IS NULL"
    assert await admin.fetchval(living) == 1
    assert [e["reason"] for e in await entries(admin, "staff.link_made")] == [WHY, WHY]
    assert {row["purpose"] for row in await admin.fetch("SELECT purpose FROM staff_links")} == {"invite"}


async def test_change_role_counts_at_once_and_ends_sessions(company: Company, admin: asyncpg.Connection) -> None:
    await staff.change_role(company.sue, company.vic.staff_id, "reviewer", "viewer", WHY)
    assert not await still_signed_in(company.vic)
    [entry] = await entries(admin, "staff.role_changed")
    assert (entry["before"], entry["after"], entry["reason"]) == ('{"role": "viewer"}', '{"role": "reviewer"}', WHY)
    assert json.loads(entry["detail"]) == {"sessions_ended": 1}


async def test_change_role_of_what_somebody_changed_meanwhile(company: Company) -> None:
    await staff.change_role(company.sue, company.vic.staff_id, "reviewer", "viewer", WHY)
    with pytest.raises(Conflict) as conflict:
        await staff.change_role(company.sue, company.vic.staff_id, "admin", "viewer", WHY)
    sides = (conflict.value.original, conflict.value.theirs, conflict.value.yours)
    assert sides == ({"role": "viewer"}, {"role": "reviewer"}, {"role": "admin"})
    with pytest.raises(Invalid):
        await staff.change_role(company.sue, company.vic.staff_id, "reviewer", "reviewer", WHY)


async def test_change_teams_there_and_back(company: Company, admin: asyncpg.Connection) -> None:
    vic = company.vic
    await staff.change_teams(company.sue, vic.staff_id, [company.acme], None, WHY)
    assert not await still_signed_in(vic)
    await admin.execute("UPDATE staff_sessions SET revoked_at = NULL")
    assert [name for _, name in await teams.names(vic)] == ["Acme"]
    with pytest.raises(Conflict) as conflict:
        await staff.change_teams(company.sue, vic.staff_id, [company.nordlicht], None, WHY)
    assert conflict.value.theirs == {"teams": frozenset({company.acme})}
    both = [company.acme, company.nordlicht]
    await staff.change_teams(company.sue, vic.staff_id, both, frozenset({company.acme}), WHY)
    await staff.change_teams(company.sue, vic.staff_id, None, frozenset(both), WHY)
    assert await admin.fetchval("SELECT count(*) FROM staff_teams WHERE staff_id = $1", vic.staff_id) == 0
    told = [json.loads(e["detail"]) for e in await entries(admin, "staff.teams_changed")]
    assert [(d["teams_before"], d["teams_after"]) for d in told] == [
        ("All teams", "Acme"),
        ("Acme", "Acme, Nordlicht"),
        ("Acme, Nordlicht", "All teams"),
    ]


async def test_deactivate_ends_everything_and_reactivate_lets_in_again(
    company: Company, admin: asyncpg.Connection
) -> None:
    vic = company.vic
    await staff.make_link(company.sue, vic.staff_id, WHY)
    heard: list[str] = []
    await admin.add_listener("quarterdeck", lambda *args: heard.append(args[-1]))
    await staff.deactivate(company.sue, vic.staff_id, WHY)
    assert not await still_signed_in(vic)
    await admin.execute("SELECT 1")
    assert json.dumps(["sessions", str(vic.session_id), "revoked"], separators=(",", ":")) in heard
    seen = await staff.get(company.sue, vic.staff_id)
    assert (seen.member.state, seen.link, seen.sessions) == (StaffState.DEACTIVATED, None, 0)
    for verb in (staff.deactivate, staff.make_link):
        with pytest.raises(Conflict):
            await verb(company.sue, vic.staff_id, WHY)
    await staff.reactivate(company.sue, vic.staff_id, WHY)
    with pytest.raises(Conflict):
        await staff.reactivate(company.sue, vic.staff_id, WHY)
    assert not await still_signed_in(vic), "the sessions from before stay ended"
    assert [
        e["reason"] for action in ("deactivated", "reactivated") for e in await entries(admin, f"staff.{action}")
    ] == [
        WHY,
        WHY,
    ]


async def test_a_demanded_password_ends_sessions_and_is_demanded_once(
    company: Company, max_: Staff, admin: asyncpg.Connection
) -> None:
    await staff.demand_password_change(company.sue, company.vic.staff_id, WHY)
    assert not await still_signed_in(company.vic)
    assert (await staff.get(company.sue, company.vic.staff_id)).member.must_change_password
    [entry] = await entries(admin, "staff.password_demanded")
    assert (entry["target_label"], entry["reason"]) == ("Vic Vale", WHY)
    assert json.loads(entry["after"]) == {"must_change_password": True}
    with pytest.raises(Conflict, match="already"):
        await staff.demand_password_change(company.sue, company.vic.staff_id, WHY)
    await admin.execute("UPDATE staff SET password_set_at = NULL WHERE email = 'nil@example.com'")
    with pytest.raises(Conflict, match="already"):
        await staff.demand_password_change(company.sue, company.nil.staff_id, WHY)
    await staff.deactivate(company.sue, company.ann.staff_id, WHY)
    with pytest.raises(Conflict, match="deactivated"):
        await staff.demand_password_change(company.sue, company.ann.staff_id, WHY)


Act = Callable[[Staff, UUID], Awaitable[Any]]
ACTS: dict[str, Act] = {
    "role": lambda actor, id_: staff.change_role(actor, id_, "viewer", "super_admin", WHY),
    "teams": lambda actor, id_: staff.change_teams(actor, id_, [uuid7()], None, WHY),
    "deactivate": lambda actor, id_: staff.deactivate(actor, id_, WHY),
    "link": lambda actor, id_: staff.make_link(actor, id_, WHY),
    "password": lambda actor, id_: staff.demand_password_change(actor, id_, WHY),
}


@pytest.mark.parametrize("act", ACTS)
async def test_nobody_acts_on_their_own_account(company: Company, max_: Staff, act: str) -> None:
    with pytest.raises(Forbidden, match="their own account"):
        await ACTS[act](company.sue, company.sue.staff_id)


@pytest.mark.parametrize("act", ["role", "teams", "deactivate"])
async def test_the_last_super_admin_stays(company: Company, max_: Staff, act: str) -> None:
    """By the command line, too; somebody invited or limited does not count."""
    await staff.invite(company.sue, name="Kim", email="kim@example.com", role="super_admin")
    await staff.change_teams(company.sue, max_.staff_id, [company.acme], None, WHY)
    root: Any = Command("root")
    with pytest.raises(Conflict, match="the last super admin"):
        await ACTS[act](root, company.sue.staff_id)
    await staff.deactivate(root, max_.staff_id, WHY)


TAKING_AWAY = ("role", "teams", "deactivate")


async def test_two_super_admins_cannot_take_each_other_away(
    company: Company, max_: Staff, admin: asyncpg.Connection
) -> None:
    """By any two ways at the same moment, and not even while a third one remains: whoever was taken away does nothing
    any more.
    """
    await admin.execute("UPDATE staff SET role = 'super_admin' WHERE id = $1", company.vic.staff_id)
    for one, other in itertools.product(TAKING_AWAY, repeat=2):
        hers = _taking(company.sue, max_.staff_id, one, company.acme)
        his = _taking(max_, company.sue.staff_id, other, company.acme)
        outcomes = await _at_once(admin, hers, his)
        assert {type(outcome) for outcome in outcomes} == {type(None), Conflict}, (one, other)
        assert await _able(admin) == 2, "the loser of the two, and the one who was never in question"
        await _as_before(admin)


async def test_somebody_always_remains_whoever_acts_at_the_same_moment(
    company: Company, max_: Staff, admin: asyncpg.Connection
) -> None:
    """One takes the other away while the command line takes that one: there is no last one to lock out."""
    root: Any = Command("root")
    for one, other in itertools.product(TAKING_AWAY, repeat=2):
        hers = _taking(company.sue, max_.staff_id, one, company.acme)
        theirs = _taking(root, company.sue.staff_id, other, company.acme)
        outcomes = await _at_once(admin, hers, theirs)
        assert {type(outcome) for outcome in outcomes} == {type(None), Conflict}, (one, other)
        assert await _able(admin) == 1
        await _as_before(admin)


def _taking(actor: Staff, id_: UUID, way: str, team: UUID) -> Awaitable[Any]:
    if way == "teams":
        return staff.change_teams(actor, id_, [team], None, WHY)
    return ACTS[way](actor, id_)


async def _at_once(admin: asyncpg.Connection, *acts: Awaitable[Any]) -> list[AppError | None]:
    """Let all of them begin, hold them at the first lock until each waits, and let go."""
    await admin.execute("BEGIN; SELECT 1 FROM staff WHERE role = 'super_admin' FOR UPDATE")
    async with asyncio.TaskGroup() as group:
        tries = [group.create_task(_outcome(act)) for act in acts]
        waiting = 0
        while waiting < len(tries):
            waiting = await admin.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
        await admin.execute("COMMIT")
    return [one.result() for one in tries]


async def _able(admin: asyncpg.Connection) -> int:
    question = "SELECT count(*)::int FROM staff WHERE role = 'super_admin' AND status = 'active' AND NOT limited"
    return int(await admin.fetchval(question))


async def _as_before(admin: asyncpg.Connection) -> None:
    """Everybody who was a super admin is one again, and signed in."""
    names = "('Sue Super', 'Max Super')"
    await admin.execute(
        f"UPDATE staff SET role = 'super_admin', status = 'active', limited = false WHERE name IN {names}"
    )
    await admin.execute("UPDATE staff_sessions SET revoked_at = NULL; DELETE FROM staff_teams")


async def _outcome(act: Awaitable[Any]) -> AppError | None:
    try:
        await act
    except AppError as refusal:
        return refusal
    return None


async def test_nobody_gives_or_touches_more_than_they_have(
    company: Company, max_: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only super admins hold these permissions today; were it otherwise, the rule holds."""
    from app.database import identity
    from app.permissions import granted

    some = {Permission.STAFF_ROLE, Permission.STAFF_CREATE, Permission.STAFF_PASSWORD, Permission.STAFF_DEACTIVATE}
    for module in (identity, staff):
        monkeypatch.setattr(module, "granted", lambda role, limited: granted(role, limited=limited) | some)
    viewer = company.vic
    for act in ACTS.values():
        with pytest.raises(Forbidden, match="may do more than you"):
            await act(viewer, max_.staff_id)
    with pytest.raises(Forbidden, match="may do more than you"):
        await staff.invite(viewer, name="Kim", email="kim@example.com", role="admin")
    with pytest.raises(Forbidden, match="may do more than you"):
        await staff.change_role(viewer, company.nil.staff_id, "admin", "none", WHY)


async def test_admins_look_and_limited_ones_do_not_even_that(company: Company, admin: asyncpg.Connection) -> None:
    assert (await staff.search(company.ann, PageRequest())).count.value == 5
    assert (await staff.get(company.ann, company.sue.staff_id)).acts == []
    for actor in (company.tess, company.vic, company.nil):
        for ask in (staff.search(actor, PageRequest()), staff.get(actor, company.ann.staff_id)):
            with pytest.raises(Forbidden):
                await ask
    await admin.execute("UPDATE staff SET role = 'super_admin' WHERE id = $1", company.tess.staff_id)
    for act in ACTS.values():
        with pytest.raises(Forbidden):
            await act(company.tess, company.vic.staff_id)
    with pytest.raises(NotFound):
        await staff.get(company.ann, uuid7())


async def test_search(company: Company, admin: asyncpg.Connection) -> None:
    await admin.execute("UPDATE staff SET password_set_at = now() WHERE name <> 'Vic Vale'")
    await admin.execute("UPDATE staff SET status = 'deactivated' WHERE name = 'Nil Noor'")
    wanted = [
        (PageRequest(), ["Ann Adler", "Nil Noor", "Sue Super", "Tess Tam", "Vic Vale"]),
        (PageRequest(sort=Sort("name")), ["Vic Vale", "Tess Tam", "Sue Super", "Nil Noor", "Ann Adler"]),
        (PageRequest(search="TESS@"), ["Tess Tam"]),
        (PageRequest(search="super"), ["Sue Super"]),
        (PageRequest({"role": ("admin",)}), ["Ann Adler", "Tess Tam"]),
        (PageRequest({"limited": ("yes",)}), ["Tess Tam"]),
        (PageRequest({"limited": ("no",), "role": ("admin",)}), ["Ann Adler"]),
        (PageRequest({"status": ("deactivated",)}), ["Nil Noor"]),
        (PageRequest({"status": ("invited",)}), ["Vic Vale"]),
        (PageRequest({"status": ("deactivated", "invited")}), ["Nil Noor", "Vic Vale"]),
    ]
    for request, names in wanted:
        found = await staff.search(company.ann, request)
        assert [row.name for row in found.rows] == names
        assert [row.teams for row in found.rows if row.name == "Tess Tam"] == [1] * ("Tess Tam" in names)
        assert all(row.last_seen_at for row in found.rows)


async def test_search_by_id_page_by_page_and_by_nonsense(company: Company) -> None:
    found = await staff.search(company.ann, PageRequest(search=str(company.vic.staff_id)))
    assert [row.name for row in found.rows] == ["Vic Vale"]
    first = await staff.search(company.ann, PageRequest(size=2))
    second = await staff.search(company.ann, PageRequest(size=2, cursor=first.next))
    assert [row.name for row in second.rows] == ["Sue Super", "Tess Tam"]
    for filters in ({"role": ("owner",)}, {"status": ("lost",)}):
        with pytest.raises(Invalid):
            await staff.search(company.ann, PageRequest(filters))
