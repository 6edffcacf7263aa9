"""Attacks on the second factor: half a sign-in taken for a whole one, codes of others, used twice, stale forms."""

import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg
import httpx
import pyotp
import pytest

from app.web.sign_in.password import CODE as SIGN_IN
from app.web.sign_in.second_factor import NEW_CODES, OFF, PAGES, SET_UP
from tests.people import PASSWORD
from tests.security.conftest import COOKIE, Site

WAITING = f"{COOKIE}-code"
SECRET = re.compile(r"<code>([A-Z2-7 \n]{39})</code>")
CODES = re.compile(r"<code>((?:[a-z0-9]{6}-){3}[a-z0-9]{6})</code>")
SECONDS = 30


@dataclass
class Phone:
    """What somebody has beside their password. Each code of it is used once, as time does not stand still."""

    secret: str
    recovery: list[str]
    step: int

    def code(self) -> str:
        """A code that was not used so far and still counts: of this step or, when that is used, of the next one."""
        self.step = max(self.step + 1, int(time.time()) // SECONDS)
        return self.present()

    def present(self) -> str:
        """The code that was used last."""
        return pyotp.HOTP(self.secret).at(self.step)


@pytest.fixture
async def vic(site: Site, behind: asyncpg.Connection) -> AsyncIterator[str]:
    """Vic's cookie; whatever happens to his second factor is undone, and no try is held against anybody."""
    yield await site.sign_in("vic@example.com")
    await behind.execute("UPDATE staff SET totp_secret = NULL, totp_step = NULL, totp_set_at = NULL")
    await behind.execute("DELETE FROM staff_recovery_codes")
    await behind.execute("DELETE FROM role_rules")
    await behind.execute("DELETE FROM sign_in_tries")


@pytest.fixture
async def phone(site: Site, vic: str) -> Phone:
    async with site.http(vic) as client:
        return await set_up(client)


async def set_up(client: httpx.AsyncClient) -> Phone:
    """As a browser does it: read the form, send it with a code of its secret."""
    shown = await client.get(SET_UP)
    secret = secret_in(shown.text)
    made = Phone(secret, [], int(time.time()) // SECONDS)
    answer = await client.post(SET_UP, data={"ticket": ticket_in(shown.text), "code": made.present()})
    assert answer.status_code == 200, answer.text
    made.recovery = CODES.findall(answer.text)
    assert len(made.recovery) == 10
    assert secret not in answer.text
    return made


def secret_in(text: str) -> str:
    found = SECRET.search(text)
    assert found, text
    return re.sub(r"\s", "", found[1])


def ticket_in(text: str) -> str:
    found = re.search(r'name="ticket" value="([^"]+)"', text)
    assert found, text
    return found[1]


async def half(site: Site, email: str = "vic@example.com") -> str:
    """The cookie after the right password."""
    async with site.http() as client:
        answer = await client.post("/auth/login", data={"email": email, "password": PASSWORD, "next": "/jobs?a=b"})
    assert answer.headers["location"] == f"{SIGN_IN}?next=/jobs%3Fa%3Db"
    [made] = [cookie for cookie in answer.headers.get_list("set-cookie") if cookie.startswith(f"{WAITING}=")]
    attributes = {part.strip().lower() for part in made.split(";")[1:]}
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= attributes
    return made.partition("=")[2].partition(";")[0]


async def type_code(site: Site, waiting: str, code: str, **fields: str) -> httpx.Response:
    async with site.http() as client:
        client.headers["cookie"] = f"{WAITING}={waiting}"
        return await client.post(SIGN_IN, data={"code": code, **fields})


async def test_the_password_and_a_code_sign_in_and_each_code_once(site: Site, phone: Phone) -> None:
    answer = await type_code(site, await half(site), phone.code(), next="/jobs?a=b")
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?a=b")
    async with site.http(session_in(answer)) as client:
        assert (await client.get("/")).status_code == 200
    again = await type_code(site, await half(site), phone.present())
    assert (again.status_code, "This code does not work" in again.text) == (422, True)
    recovery = await type_code(site, await half(site), phone.recovery[0])
    assert recovery.status_code == 303
    assert (await type_code(site, await half(site), phone.recovery[0])).status_code == 422


def session_in(answer: httpx.Response) -> str:
    [made] = [cookie for cookie in answer.headers.get_list("set-cookie") if cookie.startswith(f"{COOKIE}=")]
    return made.partition("=")[2].partition(";")[0]


async def test_half_a_sign_in_opens_nothing(site: Site, phone: Phone) -> None:
    waiting = await half(site)
    for cookie in (f"{WAITING}={waiting}", f"{COOKIE}={waiting}", f"{COOKIE}={waiting}; {WAITING}={waiting}"):
        async with site.http() as client:
            client.headers["cookie"] = cookie
            for path in ("/", "/jobs", "/profile", *sorted(PAGES - {SIGN_IN})):
                answer = await client.get(path)
                assert answer.status_code == 303, path
                assert urlsplit(answer.headers["location"]).path == "/login", path
            for path in ("/api/fired", "/auth/step-up"):
                assert (await client.get(path)).status_code == 401, path
            for path in (SET_UP, NEW_CODES, OFF):
                answer = await client.post(path, data={"code": phone.code()})
                assert urlsplit(answer.headers["location"]).path == "/login", path
            assert (await client.put("/uploads", content=b"x")).status_code == 401
    opened = await site.open(await site.sign_in("ann@example.com"))
    before = await site.fired()
    async with site.wire(opened.client_id, waiting) as wire:
        assert (await wire.connect()).startswith("44")
    assert await site.fired() == before


async def test_half_a_sign_in_of_another_person_takes_none_of_ones_codes(site: Site, phone: Phone) -> None:
    async with site.http(await site.sign_in("tess@example.com")) as client:
        theirs = await set_up(client)
    waiting = await half(site, "tess@example.com")
    for code in (phone.code(), phone.recovery[0]):
        assert (await type_code(site, waiting, code)).status_code == 422
    assert (await type_code(site, waiting, theirs.recovery[0])).status_code == 303


async def test_a_cookie_that_waits_for_no_code(site: Site, phone: Phone, behind: asyncpg.Connection, vic: str) -> None:
    waiting, used = await half(site), await half(site)
    header, payload, _ = waiting.split(".")
    assert (await type_code(site, used, phone.recovery[1])).status_code == 303
    for attack in (vic, f"{header}.{payload}.{'A' * 43}", "x.y.z", "", used):
        await _waits_for_nothing(site, attack, phone.code())
    await behind.execute("UPDATE sign_in_challenges SET expires_at = now()")
    await behind.execute("DELETE FROM sign_in_tries")
    await _waits_for_nothing(site, waiting, phone.code())


async def _waits_for_nothing(site: Site, waiting: str, code: str) -> None:
    answer = await type_code(site, waiting, code)
    assert (answer.status_code, "Begin again" in answer.text) == (401, True)
    async with site.http() as client:
        client.headers["cookie"] = f"{WAITING}={waiting}"
        assert (await client.get(SIGN_IN)).headers["location"] == "/login"


async def test_wrong_codes_are_throttled_however_many_sign_ins_are_begun(
    site: Site, phone: Phone, behind: asyncpg.Connection
) -> None:
    for _ in range(4):
        assert (await type_code(site, await half(site), "not-a-code")).status_code == 422
    waiting = await half(site)
    # The wait that has begun lasts a second; however slow this machine is, it is not over before the next try.
    await behind.execute(
        "UPDATE sign_in_tries SET blocked_until = now() + interval '1 hour' WHERE blocked_until > last_at"
    )
    for code in ("not-a-code", phone.code(), phone.recovery[0]):
        answer = await type_code(site, waiting, code)
        assert answer.status_code == 429
        assert 3_000 < int(answer.headers["retry-after"]) <= 3_600


async def test_the_answer_to_a_wrong_password_is_the_same_with_a_second_factor(site: Site, phone: Phone) -> None:
    said = set()
    for email in ("vic@example.com", "ann@example.com", "nobody@example.com"):
        async with site.http() as client:
            answer = await client.post("/auth/login", data={"email": email, "password": "a wrong password"})
        text = re.sub(r'nonce="[^"]+"', "", answer.text.replace(email, "EMAIL"))
        said.add((answer.status_code, text, str(answer.headers.get("set-cookie"))))
    assert len(said) == 1


async def test_forms_come_from_our_own_pages_only(site: Site, vic: str) -> None:
    for path in PAGES:
        async with site.http(vic, origin="https://evil.example") as client:
            assert (await client.post(path, data={"code": "000000"})).status_code == 403


async def test_where_to_go_on_is_always_ours(site: Site, phone: Phone) -> None:
    attack = '//evil.example/"><script>alert(1)</script>'
    answer = await type_code(site, await half(site), "000000", next=attack, by="<b>")
    assert 'name="next" value="/"' in answer.text
    assert "evil.example" not in answer.text
    assert "<b>" not in answer.text
    answer = await type_code(site, await half(site), phone.recovery[2], next=attack)
    assert answer.headers["location"] == "/"


async def test_a_stale_session_sets_nothing_up_without_the_password(
    site: Site, vic: str, behind: asyncpg.Connection
) -> None:
    await behind.execute("UPDATE staff_sessions SET authenticated_at = now() - interval '11 minutes'")
    async with site.http(vic) as client:
        shown = await client.get(SET_UP)
        assert 'name="password"' in shown.text
        secret, ticket = secret_in(shown.text), ticket_in(shown.text)
        form = {"ticket": ticket, "code": pyotp.TOTP(secret).now()}
        for password in ("", "a wrong password"):
            answer = await client.post(SET_UP, data=form | {"password": password})
            assert (answer.status_code, "This is not your password." in answer.text) == (422, True)
            assert secret_in(answer.text) == secret, "the app has it already"
        assert (await client.post(SET_UP, data=form | {"password": PASSWORD})).status_code == 200


async def test_the_secret_is_shown_by_no_page_after_the_set_up(site: Site, vic: str, phone: Phone) -> None:
    async with site.http(vic) as client:
        for path in (SET_UP, NEW_CODES, OFF, "/"):
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert answer.headers["cache-control"] == "no-store"
            assert phone.secret not in re.sub(r"\s", "", answer.text)
            assert not any(code in answer.text for code in phone.recovery)
        assert secret_in((await client.get(SET_UP)).text) != secret_in((await client.get(SET_UP)).text)
    log = site.log.read_text()
    assert phone.secret not in log
    assert not any(code in log for code in phone.recovery)


async def test_a_ticket_of_another_session_sets_nothing_up(site: Site, vic: str) -> None:
    """Else somebody could have a person turn on a secret that they know."""
    async with site.http(await site.sign_in("ann@example.com")) as client:
        theirs = (await client.get(SET_UP)).text
    async with site.http(vic) as client:
        form = {"ticket": ticket_in(theirs), "code": pyotp.TOTP(secret_in(theirs)).now()}
        answer = await client.post(SET_UP, data=form)
    assert answer.status_code == 409
    assert secret_in(answer.text) != secret_in(theirs)


async def test_who_lacks_what_the_role_demands_reaches_the_set_up_and_nothing_else(
    site: Site, vic: str, behind: asyncpg.Connection
) -> None:
    opened = await site.open(vic)
    await behind.execute(
        "INSERT INTO role_rules (id, role, second_factor, version, updated_at)"
        " VALUES (gen_random_uuid(), 'viewer', true, 1, now())"
    )
    async with site.http(vic) as client:
        for path, leads in (("/", SET_UP), ("/jobs", SET_UP), ("/profile", SET_UP), ("/login", "/")):
            answer = await client.get(path)
            assert (answer.status_code, urlsplit(answer.headers["location"]).path) == (303, leads), path
        assert "Your role needs a second factor" in (await client.get(SET_UP)).text
        for path in ("/api/fired", NEW_CODES, OFF):
            assert (await client.get(path)).status_code in {401, 303}, path
        assert (await client.get(f"/_nicegui/client/{opened.client_id}/upload")).status_code == 401
        assert (await client.put("/uploads", content=b"x")).status_code == 401
        shown = await client.get((await client.get("/jobs?a=b")).headers["location"])
        made = Phone(secret_in(shown.text), [], 0)
        form = {"ticket": ticket_in(shown.text), "code": made.code(), "next": "/jobs?a=b"}
        answer = await client.post(SET_UP, data=form)
        assert 'action="/jobs"' in answer.text
        assert 'name="a" value="b"' in answer.text
        assert (await client.get("/")).status_code == 200
        assert (await client.post(OFF, data={"code": "000000"})).status_code == 409


async def test_a_new_session_at_each_sign_in_with_a_code(site: Site, vic: str, phone: Phone) -> None:
    """A cookie that somebody put into the browser before is worth nothing after."""
    waiting = await half(site)
    async with site.http() as client:
        client.headers["cookie"] = f"{COOKIE}={vic}; {WAITING}={waiting}"
        answer = await client.post(SIGN_IN, data={"code": phone.recovery[3]})
    assert session_in(answer) not in {vic, waiting}
    async with site.http(vic) as client:
        assert (await client.get("/")).status_code == 303
