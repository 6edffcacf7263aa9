"""Attacks on open pages: what a stranger or another person can do with the ids in somebody's HTML."""

import aiohttp
import asyncpg
import pytest

from tests.security.conftest import Site, frame


async def _press(
    site: Site, page_of: str, wire_of: str | None, *, origin: str | None = None, at_once: bool = True
) -> str:
    """Press the button of the page of one cookie over a socket of another; returns the server's welcome or refusal."""
    opened = await site.open(page_of)
    handshake = frame("handshake", {"client_id": opened.client_id, "tab_id": "t", "document_id": "d"})
    async with site.wire(opened.client_id, wire_of, origin, at_once=at_once) as wire:
        answer = await wire.connect()
        if answer.startswith("44"):
            return answer
        if not at_once:
            await wire.ws.send_str(f"420{handshake[2:]}")
            answer = await wire.text("430")
        await wire.ws.send_str(opened.click())
        # Messages of one socket are handled in their order: once this one is answered, the click was decided.
        await wire.ws.send_str(f"421{handshake[2:]}")
        await wire.text("431")
        return answer


async def test_own_click_on_own_page_counts(site: Site) -> None:
    before = await site.fired()
    ann = await site.sign_in()
    assert (await _press(site, ann, ann)).startswith("40")
    assert await site.fired() == before + 1


async def test_page_that_joins_by_a_later_handshake_counts_too(site: Site) -> None:
    before = await site.fired()
    ann = await site.sign_in()
    assert await _press(site, ann, ann, at_once=False) == "430[true]"
    assert await site.fired() == before + 1


async def test_foreign_client_id_from_another_session(site: Site) -> None:
    before = await site.fired()
    ann, vic = await site.sign_in(), await site.sign_in("vic@example.com")
    assert "Implicit handshake failed" in await _press(site, ann, vic)
    assert "Implicit handshake failed" in await _press(site, ann, vic, at_once=False)
    assert await site.fired() == before


async def test_foreign_client_id_from_another_session_of_the_same_person(site: Site) -> None:
    before = await site.fired()
    assert "Implicit handshake failed" in await _press(site, await site.sign_in(), await site.sign_in())
    assert await site.fired() == before


async def test_foreign_client_id_without_cookie(site: Site) -> None:
    before = await site.fired()
    ann = await site.sign_in()
    assert "Implicit handshake failed" in await _press(site, ann, None)
    assert "Implicit handshake failed" in await _press(site, ann, None, at_once=False)
    assert await site.fired() == before


async def test_client_id_given_twice(site: Site) -> None:
    """The first counts for NiceGUI; whoever checks another one checks nothing."""
    ann, vic = await site.sign_in(), await site.sign_in("vic@example.com")
    anns, vics = await site.open(ann), await site.open(vic)
    async with site.wire(f"{anns.client_id}&client_id={vics.client_id}", vic) as wire:
        assert (await wire.connect()).startswith("44")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", ""])
async def test_websocket_with_foreign_or_without_origin(site: Site, origin: str) -> None:
    before = await site.fired()
    ann = await site.sign_in()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await _press(site, ann, ann, origin=origin)
    assert refused.value.status == 403
    assert await site.fired() == before


async def test_own_socket_with_someone_elses_event(site: Site) -> None:
    before = await site.fired()
    ann, vic = await site.sign_in(), await site.sign_in("vic@example.com")
    anns, vics = await site.open(ann), await site.open(vic)
    async with site.wire(vics.client_id, vic) as wire:
        assert (await wire.connect()).startswith("40")
        await wire.ws.send_str(anns.click())
        await wire.ws.send_str(frame("ack", {"client_id": anns.client_id, "next_message_id": 10**9}))
        await wire.ws.send_str(frame("log", {"client_id": anns.client_id, "level": "error", "message": "forged"}))
        await wire.ws.send_str(vics.click())
        await wire.text("42")
    assert await site.fired() == before + 1
    assert "forged" not in site.log.read_text()


async def test_own_socket_listening_at_someone_elses_page(site: Site) -> None:
    ann, vic = await site.sign_in(), await site.sign_in("vic@example.com")
    anns, vics = await site.open(ann), await site.open(vic)
    async with site.wire(vics.client_id, vic) as wire:
        await wire.connect()
        values = {"client_id": anns.client_id, "tab_id": "t", "document_id": "d", "next_message_id": 0}
        await wire.ws.send_str(f"427{frame('handshake', values)[2:]}")
        assert await wire.text("437") == "437[false]"


async def test_click_after_revocation(site: Site, behind: asyncpg.Connection) -> None:
    """Signed out elsewhere: the open page is told to leave, its clicks count no more, its socket is closed."""
    before = await site.fired()
    ann = await site.sign_in()
    opened = await site.open(ann)
    async with site.wire(opened.client_id, ann) as wire:
        assert (await wire.connect()).startswith("40")
        async with site.http(ann) as client:
            assert (await client.post("/auth/logout")).status_code == 303
        assert "/login" in await wire.text('42["open"')
        await wire.ws.send_str(opened.click())
        assert await wire.hung_up()
    assert await site.fired() == before
    async with site.wire(opened.client_id, ann) as wire:
        assert "Implicit handshake failed" in await wire.connect()
    assert await behind.fetchval("SELECT count(*) FROM audit_entries WHERE action = 'session.ended'") >= 1


async def test_unknown_page_is_told_to_reload(site: Site) -> None:
    """After a restart every open tab comes with an id that nobody knows: a plain 403 would leave it hanging."""
    for cookie in (await site.sign_in(), None):
        async with site.wire("6d3c1f0e-0000-4000-8000-000000000000", cookie) as wire:
            assert "Implicit handshake failed" in await wire.connect()


async def test_polling_is_refused(site: Site) -> None:
    opened = await site.open(ann := await site.sign_in())
    async with site.http(ann) as client:
        query = {"client_id": opened.client_id, "EIO": "4", "transport": "polling"}
        assert (await client.get("/_nicegui_ws/socket.io/", params=query)).status_code == 404
    async with site.http() as client:
        assert (await client.get("/_nicegui_ws/socket.io/", params=query)).status_code == 401


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "x",
        "9",
        "2probe",
        "4",
        "4x",
        "40",
        "40/other,",
        "42",
        "42{}",
        "42[]",
        "42[1]",
        "42[null,{}]",
        '42["event"]',
        '42["event",1]',
        '42["event",{}]',
        '42["event",{},{}]',
        '42["disconnect",{}]',
        '42["connect",{"client_id":"x"}]',
        '42["nothing",{"client_id":"x"}]',
        '42[["event"],{"client_id":"x"}]',
        '42["event",{"client_id":["x"],"id":1,"listener_id":"x","args":[]}]',
        '42["event",{"client_id":"x","id":"1","listener_id":"x","args":[]}]',
        '42["event",{"client_id":"x","id":1,"listener_id":"x","args":["{"]}]',
        '42["event",{"client_id":"x","id":1,"listener_id":"x","args":[NaN]}]',
        '42["ack",{"client_id":"x","next_message_id":"1"}]',
        '42["ack",{"client_id":"x","next_message_id":-1}]',
        '42["log",{"client_id":"x","level":"critical","message":"x"}]',
        '42["log",{"client_id":"x","level":"error","message":{}}]',
        '42["javascript_response",{"client_id":"x","request_id":[]}]',
        '42/other,["event",{}]',
        "421234567890[]",
        '451-["event",{"_placeholder":true,"num":0}]',
        "46",
        '42["event",' + "[" * 100_000 + "]" * 100_000 + "]",
        '42["event",' + '{"a":' * 5_000 + "1" + "}" * 5_000 + "]",
        '42["log",{"client_id":"x","level":"info","message":"' + "x" * 1_000_001 + '"}]',
    ],
    ids=lambda garbage: garbage[:50],
)
async def test_malformed_message_ends_the_connection_without_a_traceback(site: Site, garbage: str) -> None:
    ann = await site.sign_in()
    opened = await site.open(ann)
    async with site.wire(opened.client_id, ann) as wire:
        assert (await wire.connect()).startswith("40")
        await wire.ws.send_str(garbage)
        assert await wire.hung_up()


async def test_binary_message_ends_the_connection(site: Site) -> None:
    opened = await site.open(ann := await site.sign_in())
    async with site.wire(opened.client_id, ann) as wire:
        await wire.connect()
        await wire.ws.send_bytes(b"42[]")
        assert await wire.hung_up()


async def test_click_on_what_is_not_there_is_dropped(site: Site) -> None:
    before = await site.fired()
    opened = await site.open(ann := await site.sign_in())
    async with site.wire(opened.client_id, ann) as wire:
        await wire.connect()
        for id_, listener in ((10**6, opened.listener), (opened.button, "no-such-listener")):
            values = {"id": id_, "client_id": opened.client_id, "listener_id": listener, "args": []}
            await wire.ws.send_str(frame("event", values))
        await wire.ws.send_str(opened.click())
        await wire.text("42")
    assert await site.fired() == before + 1


async def test_console_lines_cannot_forge_log_lines(site: Site) -> None:
    opened = await site.open(ann := await site.sign_in())
    async with site.wire(opened.client_id, ann) as wire:
        await wire.connect()
        message = "mine\n2026-01-01 [warning] forged line" + "x" * 9_000
        await wire.ws.send_str(frame("log", {"client_id": opened.client_id, "level": "warning", "message": message}))
        await wire.ws.send_str(opened.click())
        await wire.text("42")
    lines = [line for line in site.log.read_text().splitlines() if "mine" in line]
    assert len(lines) == 1
    assert len(lines[0]) < 800
