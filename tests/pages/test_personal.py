"""No screen shows personal data to who may not read them, and one value at a time to who reveals it with a reason."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import MappingProxyType
from typing import Any

import asyncpg
import pytest

from app import permissions
from app.actor import Staff
from app.config import Settings
from app.permissions import ROLE_PERMISSIONS, Permission, Role
from app.privacy.personal import DOTS
from app.services import personal
from pages import SCREENS
from tests.factories import Made, add_values, make_dataset
from tests.pages.test_screens import addresses
from tests.pages.visitor import Visitor, application, visiting
from tests.people import Company
from tests.services.test_personal import EMAIL, NAME, WORDS, nothing_of, plant, where_told

MASKED_NAME, MASKED_EMAIL = "Z•••• U••••", "z••••@p••••.example"


@pytest.fixture
async def running(settings: Settings, people: Company) -> AsyncIterator[Any]:
    async with application(settings) as started:
        yield started


@pytest.fixture
async def made(admin: asyncpg.Connection, people: Company) -> Made:
    dataset = await make_dataset(admin, people.acme, "Cities", {"city": "text"})
    await add_values(admin, dataset, [{"city": "Ulm"}])
    return dataset


def everything(seen: Visitor) -> str:
    """All that the browser was given: what stands in elements, and the page's title."""
    assert seen.page is not None
    props = [json.dumps(dict(element._props), default=str, ensure_ascii=False) for element in seen.elements]
    return "\n".join([*props, *seen.texts(), seen.page.title or ""]).lower()


async def test_no_screen_shows_them(
    settings: Settings,
    running: Any,
    people: Company,
    admin: asyncpg.Connection,
    made: Made,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every screen, for a viewer and for somebody who may do everything else."""
    where = await addresses(admin, made)
    user, paid, job = await plant(admin, people)
    entry = await admin.fetchval("SELECT id FROM audit_entries WHERE action = 'user.email_corrected' LIMIT 1")
    where |= {"/users/{id}": f"/users/{user}", "/payments/{id}": f"/payments/{paid}"}
    where |= {"/jobs/{id}": f"/jobs/{job}", "/audit/{id}": f"/audit/{entry}"}
    everywhere = {"/users", "/users/{id}", "/payments", "/payments/{id}", "/jobs", "/jobs/{id}", "/teams/{id}"}
    rights = {**ROLE_PERMISSIONS, Role.SUPER_ADMIN: frozenset(Permission) - {Permission.PERSONAL_READ}}
    monkeypatch.setattr(permissions, "ROLE_PERMISSIONS", MappingProxyType(rights))
    masked = everywhere | {"/bulk/{id}"}  # a reason: whoever wrote it may have named somebody
    for person, known in ((people.vic, masked), (people.sue, masked | {"/audit", "/audit/{id}", "/"})):
        shown = await _shown(settings, running, person, where)
        assert {path: found for path, text in shown.items() if (found := where_told(text))} == {}
        assert {path for path, text in shown.items() if DOTS in text} == known
    readers = await _shown(settings, running, people.ann, {path: where[path] for path in everywhere})
    assert {path for path, text in readers.items() if nothing_of(text)} == set()


async def _shown(settings: Settings, running: Any, person: Staff, where: dict[str, str]) -> dict[str, str]:
    assert where.keys() <= {screen.path for screen in SCREENS}
    shown = {}
    for path, address in where.items():
        async with visiting(running, settings, person) as seen:
            await seen.open(address)
            shown[path] = everything(seen)
    return shown


async def test_a_masked_list_offers_no_order_and_no_search_by_what_it_hides(
    settings: Settings, running: Any, people: Company, admin: asyncpg.Connection
) -> None:
    await plant(admin, people)
    async with visiting(running, settings, people.vic) as vic, visiting(running, settings, people.ann) as ann:
        await vic.open("/users")
        await ann.open("/users")
        masked, plain = (seen.find(label="Users").contents for seen in (vic, ann))
        assert (masked["columns"][0]["sort"], plain["columns"][0]["sort"]) == (None, "name")
        assert (masked["search"], plain["search"]) == ("Whole id or e-mail", "Name, e-mail, id …")
        await vic.sees("Names and e-mail addresses are masked for your role.")
        await vic.open("/users?sort=name")
        assert vic.find(label="Users").contents["error"]["status"] == 422


async def test_a_value_is_revealed_on_this_page_until_it_is_left(
    settings: Settings, running: Any, people: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, paid, _ = await plant(admin, people)
    await admin.execute("UPDATE staff SET role = 'reviewer' WHERE id = $1", people.vic.staff_id)
    async with AsyncExitStack() as stack:
        rita, other = [await stack.enter_async_context(visiting(running, settings, people.vic)) for _ in range(2)]
        for seen in (rita, other):
            await seen.open(f"/users/{user}")
            assert seen.find(kind="head").contents["title"] == MASKED_NAME
        known = rita.find(kind="facts", title="About this user")
        assert known.contents["facts"][:2] == [
            ["Name", "text", MASKED_NAME, "", True],
            ["E-mail", "text", MASKED_EMAIL, "", True],
        ]
        question = f"Reveal “E-mail” of user {user.hex[-8:]}"
        rita.send(known, "act", 1)
        dialog = await rita.answer(question, reason=" ")
        assert set(await rita.refuses(dialog)) == {"reason"}
        rita.send(dialog, "submit", {"reason": "The letter came back"})
        await rita.hears("“E-mail” is shown until you leave this page.")
        await rita.sees(EMAIL)
        known = rita.find(kind="facts", title="About this user")
        assert known.contents["facts"][:2] == [["Name", "text", MASKED_NAME, "", True], ["E-mail", "text", EMAIL, ""]]
        assert rita.find(kind="head").contents["title"] == MASKED_NAME
        assert nothing_of(everything(other))
        latest = "SELECT action, reason, actor_name FROM audit_told() ORDER BY id DESC LIMIT 1"
        assert tuple(await admin.fetchrow(latest)) == ("personal.revealed", "The letter came back", "Vic Vale")

        assert rita.page is not None
        for address in (f"/payments/{paid}", f"/users/{user}"):
            with rita.page:
                await rita.page.sub_pages_router._handle_open(address)
            await rita.sees(MASKED_EMAIL)
            assert nothing_of(everything(rita)), address

        monkeypatch.setattr(personal, "MOST", 1)
        rita.send(rita.find(kind="facts", title="About this user"), "act", 0)
        dialog = await rita.answer(question.replace("E-mail", "Name"), reason="Once more")
        assert (await rita.refuses(dialog))[""].startswith("You have revealed 1 values within an hour.")
        await rita.open(f"/payments/{paid}")
        rita.send(rita.find(kind="facts", title="About this payment"), "act", 2)
        monkeypatch.setattr(personal, "MOST", 30)
        await rita.answer(f"Reveal “For” of payment {paid.hex[-8:]}", reason="Stripe asks")
        await rita.sees(WORDS)


async def test_a_viewer_is_offered_no_reveal(
    settings: Settings, running: Any, people: Company, admin: asyncpg.Connection
) -> None:
    user, *_ = await plant(admin, people)
    async with visiting(running, settings, people.vic) as vic, visiting(running, settings, people.ann) as ann:
        await vic.open(f"/users/{user}")
        known = vic.find(kind="facts", title="About this user").contents["facts"]
        assert known[:2] == [["Name", "text", MASKED_NAME, ""], ["E-mail", "text", MASKED_EMAIL, ""]]
        await ann.open(f"/users/{user}")
        assert ann.find(kind="facts", title="About this user").contents["facts"][0][0] == "Team"
        assert ann.find(kind="head").contents["title"] == NAME
