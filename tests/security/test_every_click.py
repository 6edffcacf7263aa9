"""A click on every action of every screen, by somebody whose rights were taken away while the page stood open.

No button is named here. Every screen of ``pages.SCREENS`` is opened by a super admin, with records in each state that
offers other actions; every event that its elements listen to is found on the page and sent, as a browser would. What
is sent after the role was taken away must change nothing in any table, and the person must hear why.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from nicegui import Client, core
from nicegui.element import Element
from nicegui.outbox import Outbox

from app.actor import Actor
from app.database import work
from app.permissions import ROLE_PERMISSIONS, Permission, Role
from app.postgres.embedded import EmbeddedPostgres
from app.web import websocket
from components.lists.table import DataTable
from components.page.ticking import Ticking
from components.records.blocks import PageHead
from pages import SCREENS
from tests.conftest import cloned, settings_for
from tests.factories import Desk, Made, add_job, add_user, add_values, make_dataset
from tests.pages.test_screens import FIELDS, addresses
from tests.pages.visitor import Visitor, application, visiting
from tests.people import Company, found_company
from tests.security.clicks import ACTING, Event, Sent, dialogs, events, settled, standing
from tests.untouched import picture

REFUSAL = ("does not include", "You are not allowed", "no role has been given", "session has ended")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Door:
    """What was asked of the door since it was last emptied."""

    asked: list[Permission] = field(default_factory=list)
    refused: set[Permission] = field(default_factory=set)

    @asynccontextmanager
    async def open(self, actor: Actor, permission: Permission, timeout: float, **how: Any) -> AsyncIterator[work.Work]:
        self.asked.append(permission)
        if permission not in ROLE_PERMISSIONS[Role.NONE]:
            self.refused.add(permission)
        async with _GENUINE(actor, permission, timeout, **how) as block:
            self.refused.discard(permission)
            yield block


_GENUINE = work._open


@dataclass
class House:
    """The application, its records, and everybody's open pages."""

    admin: asyncpg.Connection
    people: Company
    sent: Sent
    addresses: list[str]
    sues: list[Visitor]
    vics: list[Visitor]
    always: frozenset["asyncio.Task[Any]"]
    """What runs as long as the application does."""
    told: Counter[str]
    """How much each page was told that a person hears or sees at once: toasts, and being led elsewhere."""
    fetches: list[str]
    """Addresses that pages told their browser to ask for."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Every screen opened by sue (super admin) and by vic (viewer); once, because that takes longest."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(cloned(server))
        settings = settings_for(database, tmp_path_factory.mktemp("data"))
        admin = await asyncpg.connect(database.admin_url)
        stack.push_async_callback(admin.close)
        people = await found_company(admin)
        made = await make_dataset(admin, people.acme, "Cities", FIELDS)
        await add_values(admin, made, [{"city": "Ulm", "people": 1}])
        where = [*(await addresses(admin, made)).values(), *await _other_states(admin, people, made)]
        # To open every screen may take longer than a worker may be silent before it counts as lost.
        await admin.execute("UPDATE workers SET heartbeat_at = now() + interval '1 day'")
        # What asks by the clock would ask in the middle of somebody's click, and be taken for it.
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(Ticking, "_tick", _never)
        running = await stack.enter_async_context(application(settings))
        always = standing()
        sent = await _sent(admin, Desk.of(people.sue, settings))
        opened: dict[str, list[Visitor]] = {"sue": [], "vic": []}
        for name, person in (("sue", people.sue), ("vic", people.vic)):
            for address in where:
                visitor = await stack.enter_async_context(visiting(running, settings, person))
                await visitor.open(address)
                opened[name].append(visitor)
        await settled(always)
        heard = _listen(stack.enter_context(pytest.MonkeyPatch.context()))
        yield House(admin, people, sent, where, opened["sue"], opened["vic"], always, *heard)


async def _sent(admin: asyncpg.Connection, desk: Desk) -> Sent:
    upload = (await desk.look(b"city,people\nBonn,3\n")).upload
    row = await admin.fetchval("SELECT id FROM dataset_rows")
    return Sent(
        {"row_id": str(row), "field": "city", "seen": "Ulm", "value": "Clicked"},
        {"id": str(upload.id), "name": upload.name, "bytes": upload.bytes, "sha256": upload.sha256},
    )


def _listen(monkeypatch: pytest.MonkeyPatch) -> tuple[Counter[str], list[str]]:
    told: Counter[str] = Counter()
    fetches: list[str] = []
    genuine = Outbox.enqueue_message

    def enqueue(outbox: Outbox, kind: Any, data: Any, target: str) -> None:
        told[target] += kind in {"notify", "open"}
        fetches.extend(re.findall(r'"(/export/[^"]+)"', str(data)))
        genuine(outbox, kind, data, target)

    monkeypatch.setattr(Outbox, "enqueue_message", enqueue)
    return told, fetches


async def _other_states(admin: asyncpg.Connection, people: Company, made: Made) -> list[str]:
    """Records in the states that offer other buttons."""
    await admin.execute("UPDATE staff SET password_set_at = now()")
    await admin.execute("UPDATE teams SET status = 'suspended' WHERE id = $1", people.nordlicht)
    await admin.execute("UPDATE staff SET status = 'deactivated' WHERE id = $1", people.nil.staff_id)
    await admin.execute("UPDATE staff SET totp_set_at = now() WHERE id = $1", people.tess.staff_id)
    await admin.execute(
        "INSERT INTO api_tokens (id, staff_id, name, hint, digest, permissions, created_at, expires_at) VALUES"
        " (uuidv7(), $1, 'CI', 'abcd', '\\x00', '{jobs:read}', now(), now() + interval '1 day')",
        people.tess.staff_id,
    )
    gone = await add_user(admin, people.acme, "Gone Girl", "gone@example.com", status="deactivated")
    job = await add_job(admin, people.acme, "queued", "dataset.import")
    waiting: UUID = await admin.fetchval(
        "INSERT INTO imports SELECT (jsonb_populate_record(i, jsonb_build_object('id', uuidv7(), 'status', 'queued',"
        " 'file_id', uuidv7(), 'job_id', $1::text))).* FROM imports i WHERE dataset_id = $2 RETURNING id",
        *(str(job), made.id),
    )
    return [
        f"/users/{gone}", f"/teams/{people.nordlicht}", f"/staff/{people.nil.staff_id}", f"/jobs/{job}",
        f"/imports/{waiting}", f"/staff/{people.sue.staff_id}",
    ]  # fmt: skip


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    watched = Door()
    monkeypatch.setattr(work, "_open", watched.open)
    return watched


async def test_a_page_of_a_viewer_holds_no_event_of_what_a_viewer_may_not_do(house: House) -> None:
    may = ROLE_PERMISSIONS[Role.VIEWER]
    offered = 0
    for visitor in house.vics:
        for element in visitor.elements:
            if isinstance(element, PageHead | DataTable):
                offered += len(element._actions)
                assert {action.needs for action in element._actions} <= may | {None}, visitor.page
    assert offered
    for hers, his in zip(house.sues, house.vics, strict=True):
        shown = set(his.texts())
        for event in events(hers, house.sent):
            if event.needs is not None and event.needs not in may:
                assert _label(event) not in shown, event


def _label(event: Event) -> str:
    if event.name == "bulk":
        return str(event.element._bulk_actions[event.args[0]].label)  # type: ignore[attr-defined] # lists
    index = event.args if isinstance(event.args, int) else event.args[1]
    return str(event.element._actions[index].label)  # type: ignore[attr-defined] # heads and lists


async def test_an_event_of_another_page_is_refused_on_ones_own(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vic knows every id that stands in sue's pages, and sends each event to her page, and to his own."""
    vic = house.vics[0].page
    assert vic is not None
    monkeypatch.setattr(websocket, "_session_of_socket", lambda _sid: house.people.vic.session_id)
    monkeypatch.setattr(core.sio, "rooms", lambda _sid: [client.id for client in Client.instances.values()])
    heard: list[Element] = []
    monkeypatch.setattr(Element, "_handle_event", lambda element, _message: heard.append(element))
    speak = core.sio.handlers["/"]["event"]
    sent = 0
    for event in _all(house):
        assert event.visitor.page is not None
        for listener in event.element._event_listeners.values():
            for page in (event.visitor.page, vic):
                speak("a socket of vic", {"id": event.element.id, "client_id": page.id, "listener_id": listener.id,
                                          "args": [], "tab_id": str(uuid4())})  # fmt: skip
                sent += 1
    assert sent > 2 * len(SCREENS)
    assert not [element for element in heard if element.client is not vic]
    assert not heard, "no listener of hers is one of his"


async def test_every_click_on_a_page_that_outlived_its_rights_is_refused_and_changes_nothing(
    house: House, door: Door
) -> None:
    waiting = await _open_every_dialog(house)
    declared = {event.needs for event in _all(house)} - {None}
    await _take_the_rights_away(house)
    before = await picture(house.admin)
    said: dict[str, str] = {}
    for visitor, dialog in waiting:
        await _answer(house, door, visitor, dialog, said)
    for event in sorted(_all(house), key=lambda event: event.name != "submit"):  # other events may draw forms anew
        await _fire(house, door, event, said)
    after = await picture(house.admin)
    assert {place for place, found in after.items() if found != before[place]} == set()
    assert said == {}
    assert declared <= door.refused, "a button whose permission nobody asked for"
    assert _writing() <= door.refused | set(_BY_OTHER_WAYS), "a permission that no click reached"


async def _open_every_dialog(house: House) -> list[tuple[Visitor, Element]]:
    """Press everything that could open a dialog, with every right, and leave it open."""
    for visitor in house.sues:
        for event in events(visitor, house.sent):
            if event.name in {"act", "export", "done"}:
                event.fire()
        await settled(house.always)
    return [(visitor, dialog) for visitor in house.sues for dialog in dialogs(visitor)]


async def _take_the_rights_away(house: House) -> None:
    await house.admin.execute("UPDATE staff SET role = 'none' WHERE id = $1", house.people.sue.staff_id)
    await house.admin.execute("UPDATE staff_sessions SET revoked_at = NULL")


def _all(house: House) -> Iterator[Event]:
    for visitor in house.sues:
        yield from events(visitor, house.sent)


async def _never(_ticking: Ticking, _seconds: float) -> None:
    """No time passes."""


async def _answer(house: House, door: Door, visitor: Visitor, dialog: Element, said: dict[str, str]) -> None:
    for event in [event for event in events(visitor, house.sent) if event.element is dialog]:
        await _fire(house, door, event, said)


async def _fire(house: House, door: Door, event: Event, said: dict[str, str]) -> None:
    """Send one event, and see whether the person hears of a refusal; a dialog that it opens is filled in and sent."""
    visitor, page = event.visitor, event.visitor.page
    if event.element.is_deleted or page is None:
        return
    told, words, asked = house.told[page.id], _refusals(visitor), len(door.asked)
    open_before = {dialog.id for dialog in dialogs(visitor)}
    event.fire()
    await settled(house.always)
    fetched = await _fetch(house, visitor)
    reached = len(door.asked) > asked
    heard = fetched or house.told[page.id] > told or _refusals(visitor) - words
    opened = [dialog for dialog in dialogs(visitor) if dialog.id not in open_before]
    if reached and not heard and not words:
        said[str(event)] = "was refused silently"
    if event.name in ACTING and not reached and not heard and not opened:
        said[str(event)] = "never reached the door"
    for dialog in opened:
        await _answer(house, door, visitor, dialog, said)


async def _fetch(house: House, visitor: Visitor) -> bool:
    """Ask for what the page told its browser to ask for; whether that was refused in words."""
    told = list(house.fetches)
    house.fetches.clear()
    for address in told:
        answer = await visitor.http.post(address, headers={"origin": str(visitor.http.base_url).rstrip("/")})
        assert answer.status_code == 403
        assert REFUSAL[0] in answer.json()["message"]
    return bool(told)


def _refusals(visitor: Visitor) -> Counter[str]:
    return Counter(text for text in visitor.texts() if any(words in text for words in REFUSAL))


def _writing() -> set[Permission]:
    """What changes something: whatever a viewer does not have, and their own profile."""
    return set(Permission) - ROLE_PERMISSIONS[Role.VIEWER] | {Permission.PROFILE_EDIT}


_BY_OTHER_WAYS = {
    Permission.DOCUMENTS_READ: "a link to a plain route, tried in test_limited_person.py",
    Permission.LISTS_EXPORT: "a plain route, which asks first whether one may see the list: test_exports.py",
    Permission.PERSONAL_READ: "decides what is masked, and is no click",
    Permission.PERSONAL_REVEAL: "offered to those only who see values masked, never to a super admin",
}
"""What no click of a super admin reaches, and why."""
