"""The screens of sessions, and open pages of somebody who has to prove who they are, without a browser."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
import pytest

from app import clock
from app.database import step_up as asking
from app.errors import NotProved, StepUpRequired
from app.services import teams
from components.page import frame
from components.shell import step_up
from tests.pages.visitor import Visit, Visitor
from tests.people import Company

WHY = "Their laptop is lost"
LONG_AGO = timedelta(days=1)


async def age(admin: asyncpg.Connection, column: str, by: timedelta = LONG_AGO) -> None:
    await admin.execute(f"UPDATE staff_sessions SET {column} = $1", clock.now() - by)


async def test_a_page_of_a_locked_session_stays_as_it_is(
    visit: Visit, people: Company, admin: asyncpg.Connection
) -> None:
    """It hears of changes, and gets nothing of them; nobody is asked, as nobody does anything."""
    screen, listed = await visit(people.sue, f"/teams/{people.acme}"), await visit(people.sue, "/teams")
    table = await listed.finds(label="Teams")
    await listed.sees("Acme")
    await age(admin, "last_seen_at")
    await admin.execute("UPDATE teams SET name = 'Secret name' WHERE id = $1", people.acme)
    before = screen.texts(), listed.texts()
    await _redraw(screen)
    await table._refresh()
    assert (screen.texts(), listed.texts()) == before
    assert not [*screen.toasts, *listed.toasts]
    await age(admin, "last_seen_at", by=timedelta())
    await _redraw(screen)
    await screen.sees("Secret name")


async def _redraw(visitor: Visitor) -> None:
    assert visitor.page is not None
    here = frame.of(visitor.page)
    assert here is not None
    await here.redraw()


async def _acts(visitor: Visitor, what: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """As the live wire runs what a person does."""
    assert visitor.page is not None
    with asking.may_ask(partial(step_up.ask, visitor.page)):
        return asyncio.create_task(what)  # noqa: TID251 - a handler of the page


async def test_whatever_waits_is_asked_for_once_and_goes_on(
    visit: Visit, people: Company, admin: asyncpg.Connection
) -> None:
    sue = await visit(people.sue, "/teams")
    await age(admin, "authenticated_at")
    clicks = [await _acts(sue, teams.suspend(people.sue, team, WHY)) for team in (people.acme, people.nordlicht)]
    question = await sue.finds(action="/auth/step-up", locked=False)
    await age(admin, "authenticated_at", by=timedelta())
    sue.send(question, "proved")
    await asyncio.gather(*clicks)
    assert question.is_deleted
    assert await admin.fetchval("SELECT count(*) FROM audit_entries WHERE action = 'team.suspended'") == 2


@pytest.mark.parametrize("event", ["close", "proved"])
async def test_what_was_not_proved_is_not_done(
    visit: Visit, people: Company, admin: asyncpg.Connection, event: str
) -> None:
    """A page that claims a proof is believed as little as one that closes the question."""
    sue = await visit(people.sue, "/teams")
    await age(admin, "authenticated_at")
    click = await _acts(sue, teams.suspend(people.sue, people.acme, WHY))
    sue.send(await sue.finds(action="/auth/step-up"), event)
    with pytest.raises(StepUpRequired) as refused:
        await click
    assert isinstance(refused.value, NotProved) == (event == "close")
    assert await admin.fetchval("SELECT status FROM teams WHERE id = $1", people.acme) == "active"


async def test_ones_own_sessions(visit: Visit, people: Company, admin: asyncpg.Connection) -> None:
    await _another(admin, people)
    vic = await visit(people.vic, "/profile/sessions")
    await vic.sees("Safari on iPhone", "10.0.0.7", "This device", "Another device")
    table = vic.find(label="Sessions")
    shown = {key: acts for key, _, _, acts, _ in table.contents["rows"]}
    assert shown[str(people.vic.session_id)] == []
    [other] = set(shown) - {str(people.vic.session_id)}
    vic.send(table, "act", [other, 0])
    await vic.answer("End the session on Safari on iPhone?")
    await vic.hears("The session is ended.")
    vic.press("End all others")
    await vic.answer("End all other sessions?")
    await vic.hears("0 sessions ended.")


async def test_somebody_elses_sessions(visit: Visit, people: Company, admin: asyncpg.Connection) -> None:
    await _another(admin, people)
    ann = await visit(people.ann, f"/staff/{people.vic.staff_id}/sessions")
    await ann.sees("Safari on iPhone")
    assert not ann.find(kind="head").contents["actions"]
    assert not ann.find(label="Sessions").contents["actions"]
    sue = await visit(people.sue, f"/staff/{people.vic.staff_id}/sessions")
    await sue.sees("Safari on iPhone")
    table = sue.find(label="Sessions")
    sue.send(table, "act", [str(people.vic.session_id), 0])
    await sue.answer("Why end this session?", reason=WHY)
    await sue.hears("is ended.")
    sue.press("End all")
    dialog = await sue.answer("End all sessions of Vic Vale?", reason="  ")
    assert set(await sue.refuses(dialog)) == {"reason"}
    sue.send(dialog, "submit", {"reason": WHY})
    await sue.hears("1 session of Vic Vale ended.")
    reasons = await admin.fetch("SELECT reason FROM audit_told() WHERE action = 'session.revoked'")
    assert [row["reason"] for row in reasons] == [WHY, WHY]
    await visit(people.sue, f"/audit?person={people.sue.staff_id}")


async def _another(admin: asyncpg.Connection, people: Company) -> None:
    await admin.execute(
        "INSERT INTO staff_sessions (id, staff_id, created_at, last_seen_at, expires_at, authenticated_at, ip,"
        " user_agent) VALUES (gen_random_uuid(), $1, now(), now(), now() + interval '1 day', now(), '10.0.0.7',"
        " 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Mobile/15E148 Safari/604.1')",
        people.vic.staff_id,
    )
