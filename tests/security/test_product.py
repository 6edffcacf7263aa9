"""The main attacks on the real product: its own job page, its grid, its uploads, its files, its sign-in."""

import asyncio
import html
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import aiohttp
import httpx
import pytest

from app.actor import Staff
from app.ids import uuid7
from tests.factories import add_job, add_values, make_dataset
from tests.people import PASSWORD
from tests.product import COOKIE, UPLOAD_BYTES, Product, Session, drawn, http
from tests.security.conftest import Wire, frame


@dataclass(frozen=True)
class OpenJob:
    """A job page that somebody has open, with everything that its HTML gives away."""

    client_id: str
    element: int
    listener: str

    def click(self, index: int = 0) -> str:
        """The frame that pressing a button of the page's head sends."""
        return self._event([json.dumps(index)])

    def _event(self, args: list[str]) -> str:
        values = {"id": self.element, "client_id": self.client_id, "listener_id": self.listener, "args": args}
        return frame("event", values)


async def open_job(session: Session, job_id: UUID) -> OpenJob:
    async with session.http(accept="text/html") as client:
        text = html.unescape((await drawn(client, f"/jobs/{job_id}")).text)
    client_id = re.search(r"['\"]client_id['\"]: ['\"]([0-9a-f-]{36})", text)
    elements = re.search(r"String\.raw`(.*?)`", text, re.DOTALL)
    assert client_id
    assert elements
    found: dict[str, Any] = json.loads(elements[1])
    head = next(id_ for id_, e in found.items() if '"kind":"head"' in e.get("props", {}).get("data", ""))
    assert "Retry job" in found[head]["props"]["data"]
    listener = next(event["listener_id"] for event in found[head]["events"] if event["type"] == "act")
    return OpenJob(client_id[1], int(head), listener)


class Wired:
    """A socket of our own making to the product."""

    def __init__(self, session: Session | None, product: Product, client_id: str, origin: str | None = None) -> None:
        query = {"client_id": client_id, "tab_id": "t", "document_id": "d", "implicit_handshake": "true"}
        words = urlencode({**query, "EIO": 4, "transport": "websocket"})
        self.url = f"{product.origin}/_nicegui_ws/socket.io/?{words}"
        self.headers = {"origin": origin or product.origin}
        if session:
            self.headers["cookie"] = f"{COOKIE}={session.cookie}"

    async def __aenter__(self) -> Wire:
        self._http = aiohttp.ClientSession()
        try:
            return Wire(await self._http.ws_connect(self.url, headers=self.headers))
        except BaseException:
            await self._http.close()
            raise

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()


async def failed_job(product: Product) -> UUID:
    """A job that waits for somebody to retry it."""
    async with product.behind() as admin:
        return await add_job(admin, product.company.acme, "failed", "dataset.import")


async def untouched(product: Product, job_id: UUID) -> bool:
    row = await product.fetch("SELECT status, epoch FROM jobs WHERE id = $1", job_id)
    entries = "SELECT count(*) FROM audit_entries WHERE target_id = $1 AND action LIKE 'job.%'"
    return (*row[0], await product.value(entries, str(job_id))) == ("failed", 0, 0)


async def dialog_of(wire: Wire) -> tuple[int, str]:
    """The dialog that asks why, once it is on the page: its element, and who listens to its answer."""
    while True:
        update = json.loads((await wire.text('42["update"'))[2:])[1]
        for id_, element in update.items():
            if isinstance(element, dict) and "Why retry this job?" in json.dumps(element, ensure_ascii=False):
                return int(id_), next(e["listener_id"] for e in element["events"] if e["type"] == "submit")


async def test_own_click_opens_the_dialog(product: Product) -> None:
    """The attack's tools work: what is refused below is not refused by accident."""
    job_id, ann = await failed_job(product), await product.session(product.company.ann)
    opened = await open_job(ann, job_id)
    async with Wired(ann, product, opened.client_id) as wire:
        assert (await wire.connect()).startswith("40")
        await wire.ws.send_str(opened.click())
        assert await dialog_of(wire)


@pytest.mark.parametrize("told", [True, False], ids=["told", "silent"])
async def test_click_after_revocation_changes_nothing_and_the_page_leaves(product: Product, told: bool) -> None:
    job_id, ann = await failed_job(product), await product.session(product.company.ann)
    opened = await open_job(ann, job_id)
    async with Wired(ann, product, opened.client_id) as wire:
        assert (await wire.connect()).startswith("40")
        await wire.ws.send_str(opened.click())
        dialog, listener = await dialog_of(wire)
        await ann.revoke(told=told)
        if told:
            assert "/login" in await wire.text('42["open"')
        answer = {"id": dialog, "client_id": opened.client_id, "listener_id": listener}
        with suppress(ConnectionError):
            await wire.ws.send_str(frame("event", {**answer, "args": [json.dumps({"reason": "too late"})]}))
        if not told:
            assert "/login" in await wire.text('42["open"')
    async with Wired(ann, product, opened.client_id) as again:
        assert "Implicit handshake failed" in await again.connect()
    assert await untouched(product, job_id)


@pytest.mark.parametrize("who", ["vic", "nobody", "ann again"])
async def test_foreign_client(product: Product, who: str) -> None:
    """Somebody else who knows the ids of ann's page, even ann herself in another session."""
    job_id, ann = await failed_job(product), await product.session(product.company.ann)
    opened = await open_job(ann, job_id)
    people = {"vic": product.company.vic, "ann again": product.company.ann}
    stranger = await product.session(people[who]) if who in people else None
    async with Wired(stranger, product, opened.client_id) as wire:
        assert "Implicit handshake failed" in await wire.connect()
    assert await untouched(product, job_id)


async def test_foreign_origin_socket(product: Product) -> None:
    ann = await product.session(product.company.ann)
    opened = await open_job(ann, await failed_job(product))
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with Wired(ann, product, opened.client_id, "https://evil.example"):
            pass
    assert refused.value.status == 403


def leftovers(product: Product) -> list[str]:
    return sorted(path.name for path in (product.settings.data_dir / "uploads").glob("*"))


async def test_upload_by_nobody_and_from_a_foreign_origin(product: Product) -> None:
    before = leftovers(product)
    async with http(product.origin) as client:
        assert (await client.put("/uploads?name=a.csv", content=b"a,b\n")).status_code == 401
    ann = await product.session(product.company.ann)
    for origin in ("https://evil.example", "null"):
        async with ann.http(origin=origin) as client:
            assert (await client.put("/uploads?name=a.csv", content=b"a,b\n")).status_code == 403
    for person in (product.company.vic, product.company.nil):
        async with (await product.session(person)).http() as client:
            assert (await client.put("/uploads?name=a.csv", content=b"a,b\n")).status_code == 403
    assert leftovers(product) == before


async def test_upload_too_large_is_counted_whatever_is_declared(product: Product) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(UPLOAD_BYTES // 1_000_000 + 5):
            yield b"x" * 1_000_000

    before = leftovers(product)
    async with (await product.session(product.company.ann)).http() as client:
        # The server answers and hangs up in the middle of the body; whether the answer is still read is luck.
        with suppress(httpx.WriteError, httpx.ReadError):
            answer = await client.put("/uploads?name=big.csv", content=chunks())
            assert answer.status_code == 413
            assert "larger than 20 MB" in answer.json()["message"]
        with suppress(httpx.WriteError, httpx.ReadError):
            answer = await client.put("/uploads?name=big.csv", content=b"x" * (UPLOAD_BYTES + 1))
            assert answer.status_code == 413
    assert leftovers(product) == before
    async with (await product.session(product.company.ann)).http() as client:
        assert (await client.put("/uploads?name=ok.csv", content=b"a,b\n1,2\n")).status_code == 201


async def test_upload_of_somebody_else_and_strange_names(product: Product) -> None:
    async with (await product.session(product.company.ann)).http() as client:
        answer = await client.put("/uploads", params={"name": "../../../etc/passwd"}, content=b"a,b\n1,2\n")
    assert answer.json()["name"] == "passwd"
    assert {name.split(".")[0] for name in leftovers(product)} >= {answer.json()["id"]}


async def _theirs(product: Product) -> tuple[UUID, UUID, UUID]:
    """A dataset of Nordlicht with an import that has a file of bad rows: dataset, import, row."""
    async with product.behind() as admin:
        made = await make_dataset(admin, product.company.nordlicht, f"Secret {uuid7()}", {"word": "text"})
        import_id = await add_values(admin, made, [{"word": "secret"}])
        await admin.execute("UPDATE imports SET started_at = now(), finished_at = now() WHERE id = $1", import_id)
        row = await admin.fetchval("SELECT id FROM dataset_rows WHERE dataset_number = $1", made.number)
    folder = product.settings.data_dir / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{import_id}.errors.csv").write_text("word\nsecret\n")
    return made.id, import_id, row


async def test_another_teams_rows_files_and_pages_do_not_exist(product: Product) -> None:
    dataset, import_id, row = await _theirs(product)
    grid = f"/api/datasets/{dataset}/rows?from=0&to=10"
    paths = [
        grid, f"{grid}&f=word.contains.s", f"{grid}&sort=word", f"/api/imports/{import_id}/errors.csv",
        f"/datasets/{dataset}", f"/datasets/{dataset}/rows/{row}", f"/datasets/{dataset}/imports",
        f"/datasets/{dataset}/import", f"/imports/{import_id}",
    ]  # fmt: skip
    for person, status in ((product.company.ann, 200), (product.company.tess, 404)):
        async with (await product.session(person)).http() as client:
            for path in paths:
                answer = await drawn(client, path)
                assert answer.status_code == status, path
                assert status == 200 or "secret" not in answer.text.lower(), path
    async with http(product.origin) as client:
        assert (await client.get(grid)).status_code == 401
        assert (await client.get(f"/api/imports/{import_id}/errors.csv")).status_code == 401
    async with (await product.session(product.company.nil)).http() as client:
        assert (await client.get(grid)).status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        "from=-1&to=10", "from=0&to=100000", "from=x&to=1", "", "from=5&to=1", "from=0&to=9&sort=word%3BDROP",
        "from=0&to=9&f=word", "from=0&to=9&f=word.is", "from=0&to=9&f=nothing.is.1", "from=0&to=9&f=word.gt.1",
        "from=0&to=9&sort=-nothing", "from=0&to=9&f=word.is." + "x" * 5000, "from=0&to=9" + "&f=word.is.x" * 30,
        "from=0&to=9&f=word'.is.x", "from=0&to=99999999999999999999999",
    ],
)  # fmt: skip
async def test_strange_questions_of_the_grid_are_refused_in_words(product: Product, query: str) -> None:
    dataset, _, _ = await _theirs(product)
    async with (await product.session(product.company.ann)).http() as client:
        answer = await client.get(f"/api/datasets/{dataset}/rows?{query}")
        assert answer.status_code in {200, 400}, answer.text
        if answer.status_code == 400:
            assert answer.json()["code"] == "VALIDATION_ERROR"
            assert answer.json()["message"]


async def _try(product: Product, email: str, password: str) -> tuple[int, str, float]:
    async with http(product.origin) as client:
        started = time.perf_counter()
        answer = await client.post("/auth/login", data={"email": email, "password": password})
        took = time.perf_counter() - started
    return answer.status_code, answer.text.replace(email, "EMAIL"), took


async def test_sign_in_tells_nobody_who_exists(product: Product) -> None:
    """Known, unknown, strange: the same status, the same page, and no session. (Costs are compared in unit tests.)"""
    before = await product.value("SELECT count(*) FROM staff_sessions")
    known = await _try(product, "ann@example.com", "wrong")
    for email in ("nobody@example.com", "ANN@example.com", "ann@example.com ", "x", "' OR 1=1 --", "a" * 5000):
        status, page, _ = await _try(product, email, "wrong")
        assert status == known[0] == 401
        said = [re.search(r'role="alert">(.*?)<', text) for text in (page, known[1])]
        assert said[0]
        assert said[1]
        assert said[0][1] == said[1][1]
    assert await product.value("SELECT count(*) FROM staff_sessions") == before
    assert (await _try(product, "ann@example.com", PASSWORD))[0] == 303


async def test_signed_out_session_opens_nothing(product: Product) -> None:
    ann = await product.session(product.company.ann)
    async with ann.http() as client:
        assert (await client.get("/")).status_code == 200
        assert (await client.post("/auth/logout")).status_code == 303
        for path in ("/", "/datasets", "/audit"):
            answer = await client.get(path)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/login")
        assert (await client.put("/uploads?name=a.csv", content=b"a")).status_code == 401


async def test_changed_rights_count_at_once_on_an_open_page(product: Product) -> None:
    """Ann's page was drawn with the button; meanwhile she became a viewer."""
    job_id = await failed_job(product)
    person: Staff = product.company.sue
    sue = await product.session(person)
    opened = await open_job(sue, job_id)
    async with Wired(sue, product, opened.client_id) as wire, product.behind() as admin:
        await wire.connect()
        await wire.ws.send_str(opened.click())
        id_, listener = await dialog_of(wire)
        await admin.execute("UPDATE staff SET role = 'viewer' WHERE id = $1", person.staff_id)
        try:
            values = {"id": id_, "client_id": opened.client_id, "listener_id": listener}
            await wire.ws.send_str(frame("event", {**values, "args": [json.dumps({"reason": "once allowed"})]}))
            refused = "SELECT count(*) FROM audit_entries WHERE action = 'access.refused' AND actor_id = $1"
            await asyncio.wait_for(product.until(f"SELECT ({refused}) > 0", person.staff_id), 60)
        finally:
            await admin.execute("UPDATE staff SET role = 'super_admin' WHERE id = $1", person.staff_id)
    assert await untouched(product, job_id)
