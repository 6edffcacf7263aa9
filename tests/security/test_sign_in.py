"""Attacks on the sign-in: guessing who exists, fixing a session, forging or stealing its token, being led elsewhere."""

import base64
import html
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import jwt
import pytest

from app.crypto import tokens
from app.web.sign_in.password import own_path
from tests.people import PASSWORD
from tests.security.conftest import COOKIE, SESSION_KEY, Site, cookie_of

OWN = ["/", "/jobs", "/jobs/0192?tab=log&x=1#top", "/datasets?q=a%20b", "/login-history", "/%2F%2Fevil.example"]
NOT_OURS = [
    "",
    "jobs",
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/a\\..\\b",
    "/jobs//evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\nset-cookie: a=b",
    "\x00/jobs",
    " //evil.example",
    "/ /evil.example",
    "/login",
    "/login?next=/login",
    "/auth/logout",
    "/" + "x" * 2_000,
]


@pytest.fixture(autouse=True)
async def nobody_waits(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """What fails in one test makes nobody wait in the next."""
    yield
    if "site" in request.fixturenames:
        connection = await asyncpg.connect(request.getfixturevalue("site").admin_url)
        await connection.execute("DELETE FROM sign_in_tries")
        await connection.close()


@pytest.mark.parametrize("path", OWN)
def test_own_path_is_gone_on_to(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize("path", NOT_OURS)
async def test_open_redirect(site: Site, path: str) -> None:
    assert own_path(path) == "/"
    async with site.http() as client:
        form = {"email": "ann@example.com", "password": PASSWORD, "next": path}
        answer = await client.post("/auth/login", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        shown = await client.get("/login", params={"next": path})
        assert 'name="next" value="/"' in shown.text
    async with site.http(cookie_of(answer)) as client:
        assert (await client.get("/login", params={"next": path})).headers["location"] == "/"


async def test_signing_in_leads_on_to_where_one_wanted_to_go(site: Site) -> None:
    async with site.http() as client:
        form = {"email": " ANN@Example.COM ", "password": PASSWORD, "next": "/jobs?status=failed"}
        answer = await client.post("/auth/login", data=form)
    assert answer.headers["location"] == "/jobs?status=failed"
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= attributes
    assert not any(attribute.startswith("domain") for attribute in attributes)


async def test_form_escapes_what_it_repeats(site: Site) -> None:
    attack = '"><script>alert(1)</script>'
    async with site.http() as client:
        shown = await client.get("/login", params={"next": "/" + attack})
        failed = await client.post("/auth/login", data={"email": attack, "password": "x", "next": "/" + attack})
    for text in (shown.text, failed.text):
        assert "<script>alert" not in text
        assert "alert(1)</script>" not in text
    assert html.escape(attack) in failed.text


async def test_enumeration_by_text_and_status(site: Site, behind: asyncpg.Connection) -> None:
    """Unknown, known with a wrong password, deactivated with the right one: one answer, but for the e-mail kept."""
    await behind.execute("UPDATE staff SET status = 'deactivated' WHERE email = 'nil@example.com'")
    await behind.execute("DELETE FROM sign_in_tries")
    answers = set()
    async with site.http() as client:
        for email, password in (
            ("nobody@example.com", PASSWORD),
            ("ann@example.com", "wrong password"),
            ("nil@example.com", PASSWORD),
            ("ann@example.com", "x" * 2_000),
            ("ann@example.com", ""),
            ("ann@example.com\0", "\0"),
            ("ann@example.com' OR 1=1 --", "x"),
        ):
            answer = await client.post("/auth/login", data={"email": email, "password": password})
            assert "set-cookie" not in answer.headers
            text = re.sub(r'value="[^"]*" autocomplete="username"|nonce="[^"]*"|\x00', "", answer.text)
            answers.add((answer.status_code, text))
    assert len(answers) == 1
    status, text = answers.pop()
    assert status == 401
    assert '<p class="signin-error" role="alert">The e-mail or the password is wrong.' in text
    refused = await behind.fetchval("SELECT count(*) FROM audit_entries WHERE action = 'session.refused'")
    assert refused >= 7
    await behind.execute("UPDATE staff SET status = 'active' WHERE email = 'nil@example.com'")


@pytest.mark.parametrize(("keep", "days"), [("", 1), ("yes", 7)])
async def test_signed_in_for_a_week_only_when_asked_for(
    site: Site, behind: asyncpg.Connection, keep: str, days: int
) -> None:
    async with site.http() as client:
        shown = (await client.get("/login")).text
        assert re.search(r'<input type="checkbox" name="keep" value="yes"\s*>', shown), "not ticked by itself"
        wrong = await client.post("/auth/login", data={"email": "ann@example.com", "password": "x", "keep": keep})
        assert ("checked" in wrong.text) == bool(keep)
        answer = await client.post("/auth/login", data={"email": "ann@example.com", "password": PASSWORD, "keep": keep})
    claims = tokens.read(cookie_of(answer), SESSION_KEY)
    assert claims
    lasts = int(re.findall(r"Max-Age=(\d+)", answer.headers.get_list("set-cookie")[0])[0])
    assert days * 86_400 - 60 < lasts <= days * 86_400
    row = await behind.fetchrow("SELECT * FROM staff_sessions WHERE id = $1", claims.session_id)
    assert row["remembered"] == bool(keep)
    assert row["expires_at"] == claims.expires_at
    assert claims.expires_at - claims.issued_at == timedelta(days=days)


async def test_device_cookie_signs_nobody_in(site: Site, behind: asyncpg.Connection) -> None:
    async with site.http() as client:
        answer = await client.post("/auth/login", data={"email": "ann@example.com", "password": PASSWORD})
    _, device = answer.headers.get_list("set-cookie")
    attributes = {part.strip().lower() for part in device.split(";")[1:]}
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= attributes
    assert 179 * 86_400 < int(re.findall(r"Max-Age=(\d+)", device)[0]) <= 180 * 86_400
    name, token = device.split(";")[0].split("=", 1)
    assert name == f"{COOKIE}-device"
    assert token not in str(await behind.fetch("SELECT encode(digest, 'escape') FROM staff_devices"))
    async with site.http(token) as client:
        assert (await client.get("/api/fired")).status_code == 401
    async with site.http() as client:
        both = f"{COOKIE}={cookie_of(answer)}; {name}={token}"
        out = await client.post("/auth/logout", headers={"cookie": both})
    assert "device" not in str(out.headers.get_list("set-cookie")), "known again at the next sign-in"


async def test_who_must_choose_a_password_gets_nothing_else_and_then_where_they_wanted(
    site: Site, behind: asyncpg.Connection
) -> None:
    await behind.execute("UPDATE staff SET must_change_password = true WHERE email = 'nil@example.com'")
    cookie = await site.sign_in("nil@example.com")
    new = "something else entirely, quite long"
    async with site.http(cookie) as client:
        led = await client.get("/?status=failed&page=2")
        assert (led.status_code, led.headers["location"]) == (
            303,
            "/auth/password?next=/%3Fstatus%3Dfailed%26page%3D2",
        )
        assert (await client.get("/api/fired")).status_code == 401
        assert (await client.get("/login?next=/jobs")).headers["location"] == "/jobs", "and from there to the form"
        form = await client.get(led.headers["location"])
        assert "Choose another password" in form.text
        assert 'name="next" value="/?status=failed&amp;page=2"' in form.text
        foreign = (await client.get("/auth/password?next=//evil.example")).text
        assert 'name="next" value="/"' in foreign
        good = {"present": PASSWORD, "password": new, "again": new, "next": "/?status=failed&page=2"}
        for wrong, status in (
            ({"present": "wrong password"}, 422),
            ({"password": PASSWORD, "again": PASSWORD}, 422),
            ({"password": "nil@example.com!", "again": "nil@example.com!"}, 422),
        ):
            refused = await client.post("/auth/password", data=good | wrong)
            assert (refused.status_code, "Choose another password" in refused.text) == (status, True)
            assert 'value="/?status=failed&amp;page=2"' in refused.text
        done = await client.post("/auth/password", data=good)
        assert (done.status_code, done.headers["location"]) == (303, "/?status=failed&page=2")
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/auth/password")).headers["location"] == "/profile"
    await behind.execute(
        "UPDATE staff SET password_hash = (SELECT password_hash FROM staff WHERE email = 'ann@example.com')"
    )


async def test_session_fixation(site: Site, behind: asyncpg.Connection) -> None:
    """A cookie that was there before never becomes the signed-in one, and the session before is over."""
    first = await site.sign_in()
    async with site.http(first) as client:
        answer = await client.post("/auth/login", data={"email": "ann@example.com", "password": PASSWORD})
    second = cookie_of(answer)
    assert _session(first) != _session(second)
    assert await behind.fetchval("SELECT revoked_at FROM staff_sessions WHERE id = $1", _session(first))
    async with site.http(first) as client:
        assert (await client.get("/")).status_code == 303
    async with site.http("chosen-by-the-attacker") as client:
        answer = await client.post("/auth/login", data={"email": "ann@example.com", "password": PASSWORD})
        assert cookie_of(answer) != "chosen-by-the-attacker"


async def test_stolen_cookie_after_sign_out(site: Site) -> None:
    stolen = await site.sign_in()
    async with site.http(stolen) as client:
        assert (await client.get("/")).status_code == 200
        answer = await client.post("/auth/logout")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert (await client.get("/")).status_code == 303
        assert (await client.get("/api/fired")).status_code == 401
        assert (await client.post("/auth/logout")).status_code == 303, "signing out twice is no error"


async def test_session_of_a_deactivated_person(site: Site, behind: asyncpg.Connection) -> None:
    cookie = await site.sign_in("tess@example.com")
    await behind.execute("UPDATE staff SET status = 'deactivated' WHERE email = 'tess@example.com'")
    async with site.http(cookie) as client:
        assert (await client.get("/")).status_code == 303
    await behind.execute("UPDATE staff SET status = 'active' WHERE email = 'tess@example.com'")


async def test_expired_session_whose_token_was_kept(site: Site, behind: asyncpg.Connection) -> None:
    cookie = await site.sign_in()
    await behind.execute("UPDATE staff_sessions SET expires_at = now() WHERE id = $1", _session(cookie))
    async with site.http(cookie) as client:
        assert (await client.get("/")).status_code == 303


@pytest.mark.parametrize(
    "attack", ["none", "none by hand", "foreign key", "foreign key, own kid", "expired", "wrong aud"]
)
async def test_forged_token(site: Site, attack: str) -> None:
    forged = _forge(await site.sign_in(), attack)
    async with site.http(forged) as client:
        assert (await client.get("/api/fired")).status_code == 401


async def test_somebody_elses_session_under_ones_own_name(site: Site) -> None:
    claims = tokens.read(await site.sign_in("vic@example.com"), SESSION_KEY)
    anns = tokens.read(await site.sign_in(), SESSION_KEY)
    assert claims
    assert anns
    mixed = tokens.Claims(claims.staff_id, anns.session_id, claims.issued_at, claims.expires_at)
    async with site.http(tokens.sign(mixed, SESSION_KEY)) as client:
        assert (await client.get("/api/fired")).status_code == 401


async def test_link_from_another_site_finds_the_session_again(site: Site) -> None:
    """SameSite=Strict keeps the cookie back on the first request; a page of our own asks once more, and never loops."""
    navigation = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    async with site.http(**navigation) as client:
        bounced = await client.get('/jobs?status=failed&x="><script>')
        assert bounced.status_code == 200
        assert 'http-equiv="refresh" content="0;url=/login?next=/jobs%3Fstatus%3Dfailed' in bounced.text
        assert "<script" not in bounced.text
        assert (await client.get("/login?next=/jobs")).status_code == 200, "the form: no second bounce"
    async with site.http(await site.sign_in()) as client:
        assert (await client.get("/login?next=/jobs")).headers["location"] == "/jobs"


def _session(cookie: str) -> UUID:
    claims = tokens.read(cookie, SESSION_KEY)
    assert claims
    return claims.session_id


def _forge(genuine: str, attack: str) -> str:
    kid = jwt.get_unverified_header(genuine)["kid"]
    payload = jwt.decode(genuine, options={"verify_signature": False})
    claims = tokens.read(genuine, SESSION_KEY)
    assert claims
    match attack:
        case "none":
            return jwt.encode(payload, "", "none", headers={"kid": kid})
        case "none by hand":
            header = base64.urlsafe_b64encode(json.dumps({"alg": "NoNe", "kid": kid}).encode()).rstrip(b"=").decode()
            return ".".join([header, genuine.split(".")[1], genuine.split(".")[2]])
        case "foreign key":
            return tokens.sign(claims, "another key, also long enough for HS256")
        case "foreign key, own kid":
            return jwt.encode(payload, "another key, also long enough for HS256", "HS256", headers={"kid": kid})
        case "expired":
            yesterday = datetime.now(UTC) - timedelta(days=1)  # noqa: TID251 - an attacker has a clock of their own
            return tokens.sign(
                tokens.Claims(claims.staff_id, claims.session_id, yesterday, yesterday + timedelta(hours=1)),
                SESSION_KEY,
            )
        case _:
            _, secret = tokens._derived(SESSION_KEY)
            return jwt.encode({**payload, "aud": "api"}, secret, "HS256", headers={"kid": kid})
