"""Attacks on one-time links and on the password form: guessing, using twice, replaying, reading logs and Referers."""

import asyncio
import json
import re
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest

from app import clock
from app.actor import Staff
from app.crypto import links
from app.ids import uuid7
from tests.people import PASSWORD
from tests.product import COOKIE, Product, http

NEW = "another correct horse battery staple"
FORM = {"password": NEW, "again": NEW}


@dataclass(frozen=True)
class Link:
    """A link made behind the door, for one of the company."""

    token: str
    person: Staff


async def make(product: Product, person: Staff, purpose: str = "invite") -> Link:
    token, now = links.new_token(), clock.now()
    await product.fetch(
        "INSERT INTO staff_links (id, staff_id, purpose, digest, created_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        *(uuid7(), person.staff_id, purpose, links.digest(token), now, now + timedelta(hours=72)),
    )
    return Link(token, person)


def plain(answer: httpx.Response) -> str:
    """What an answer says, without what differs in each."""
    return re.sub(r'nonce="[^"]*"', "", answer.text)


async def test_looking_at_a_link_does_not_use_it_up(product: Product) -> None:
    made = await make(product, product.company.vic)
    async with http(product.origin) as client:
        for _ in range(3):
            answer = await client.get(f"/welcome/{made.token}")
            assert answer.status_code == 200
            assert "Welcome, Vic Vale" in answer.text
            assert "vic@example.com" in answer.text
        looked = await client.head(f"/welcome/{made.token}")
        assert (looked.status_code, looked.text) == (200, ""), "as a mail scanner may look"
        used = await client.post("/welcome", data={"token": made.token, **FORM})
        assert used.status_code == 200
        assert used.headers["set-cookie"].startswith(f"{COOKIE}-device="), "known from now on, not signed in"
        assert "Your password is set" in used.text
        signed_in = await client.post("/auth/login", data={"email": "vic@example.com", "password": NEW})
        assert signed_in.status_code == 303


async def test_what_is_no_password_leaves_the_link_alive(product: Product) -> None:
    made = await make(product, product.company.nil, "reset")
    async with http(product.origin) as client:
        for form, words in (
            ({"password": "short", "again": "short"}, "Use at least 12 characters."),
            ({"password": "x" * 2_000, "again": "x" * 2_000}, "Use at most 1,024 characters."),
            ({"password": NEW, "again": PASSWORD}, "The two passwords differ."),
            ({}, "Use at least 12 characters."),
        ):
            answer = await client.post("/welcome", data={"token": made.token, **form})
            assert (answer.status_code, words in answer.text) == (422, True), words
            assert "Choose a new password" in answer.text
            assert NEW not in answer.text
        assert (await client.get(f"/welcome/{made.token}")).status_code == 200


async def test_two_browsers_at_once_use_it_once(product: Product) -> None:
    made = await make(product, product.company.nil)
    async with http(product.origin) as client:
        answers = await asyncio.gather(
            *(client.post("/welcome", data={"token": made.token, **FORM}) for _ in range(5)),
        )
    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404, 404]
    used = "SELECT count(*) FROM audit_entries WHERE action = 'staff.link_used' AND actor_id = $1"
    assert await product.value(used, made.person.staff_id) == 1


async def test_every_dead_link_says_the_same(product: Product) -> None:
    company = product.company
    expired, revoked, used = [await make(product, company.nil) for _ in range(3)]
    for link, what in ((expired, "expires_at"), (revoked, "revoked_at"), (used, "used_at")):
        await product.fetch(f"UPDATE staff_links SET {what} = now() WHERE digest = $1", links.digest(link.token))
    tokens = [
        expired.token,
        revoked.token,
        used.token,
        links.new_token(),
        "x",
        "../../jobs",
        "%00",
        "ü",
        "a/b",
        "' OR 1=1",
    ]
    shown, sent = set(), set()
    async with http(product.origin) as client:
        for token in tokens:
            answer = await client.get(httpx.URL(product.origin).copy_with(path=f"/welcome/{token.replace('..', 'up')}"))
            shown.add((answer.status_code, plain(answer)))
            answer = await client.post("/welcome", data={"token": token, **FORM})
            sent.add((answer.status_code, plain(answer)))
        bare = await client.get("/welcome")
    assert len(shown) == 1, shown
    assert shown == sent == {(404, plain(bare))}


async def test_a_link_ends_the_sessions_of_its_person_only(product: Product) -> None:
    company = product.company
    mine, others = await product.session(company.nil), await product.session(company.ann)
    made = await make(product, company.nil)
    async with mine.http() as client:
        answer = await client.post("/welcome", data={"token": made.token, **FORM})
        assert answer.status_code == 200
        assert (await client.get("/")).status_code == 303
    async with others.http(accept="text/html") as client:
        assert (await client.get("/")).status_code == 200


async def test_the_secret_reaches_no_log_no_referer_no_cache_and_no_other_site(product: Product) -> None:
    made = await make(product, product.company.nil)
    async with http(product.origin) as client:
        shown = await client.get(f"/welcome/{made.token}")
        assert shown.headers["referrer-policy"] == "strict-origin"
        assert shown.headers["cache-control"] == "no-store"
        assert "http" not in re.sub(
            r'<!doctype html>|<meta [^>]*>|action="/welcome"', "", shown.text.split("<body>")[1]
        )
        assert (await client.get("/login")).headers["referrer-policy"] == "same-origin"
        await client.post(f"/welcome/{made.token}", data=FORM)
        await client.put(f"/welcome/{made.token}/", content=b"")
        await client.get(f"/welcome/{made.token}x")
        await client.post("/welcome", data={"token": made.token, **FORM})
    async with http("https://evil.example") as evil:
        evil.base_url = httpx.URL(product.origin)
        assert (await evil.post("/welcome", data={"token": made.token, **FORM})).status_code == 403
    log = product.log.read_text()
    assert "/welcome/…" in log
    assert made.token not in log
    assert NEW not in log
    assert made.token not in json.dumps([str(row) for row in await product.fetch("SELECT * FROM audit_told()")])


@pytest.mark.parametrize("path", ["/welcome/../jobs", "/welcome/%2e%2e/jobs", "/welcome%2Fx/../../jobs"])
async def test_the_public_path_opens_nothing_else(product: Product, path: str) -> None:
    async with http(product.origin) as client:
        raw = httpx.Request("GET", product.origin + "/", headers=client.headers)
        raw.url = raw.url.copy_with(raw_path=path.encode())
        answer = await client.send(raw)
    assert answer.status_code in {303, 404}
    assert "Jobs" not in answer.text


async def test_the_password_form_needs_a_session_an_own_page_and_the_present_password(product: Product) -> None:
    company = product.company
    session, other = await product.session(company.tess), await product.session(company.tess)
    good = {"present": PASSWORD, **FORM}
    async with http(product.origin) as client:
        answer = await client.post("/auth/password", data=good)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/profile")
    async with session.http() as client:
        assert (
            await client.post("/auth/password", data=good, headers={"origin": "https://evil.example"})
        ).status_code == 403
        assert (await client.get("/auth/password")).headers["location"] == "/profile"
        for form, words in (
            ({**good, "present": "wrong password"}, "This is not your present password."),
            ({**good, "again": "different"}, "The two passwords differ."),
            ({**good, "password": "short", "again": "short"}, "Use at least 12 characters."),
        ):
            answer = await client.post("/auth/password", data=form)
            assert (answer.status_code, words in answer.text) == (422, True), words
            assert PASSWORD not in answer.text
        answer = await client.post("/auth/password", data=good)
        assert answer.status_code == 303
        assert re.fullmatch(r"/profile\?changed=\d+", answer.headers["location"])
        assert (await client.get("/auth/password")).status_code == 303, "this session goes on"
    async with other.http() as client:
        assert (await client.get("/")).headers["location"] == "/login"


async def test_the_form_of_somebody_without_a_role(product: Product) -> None:
    session = await product.session(product.company.nil)
    async with session.http() as client:
        answer = await client.post("/auth/password", data={"present": PASSWORD, **FORM})
    assert answer.status_code == 403
    assert "Your role does not include" in answer.text
