"""Secrets in places where they would be kept: logs, audit entries, inputs of jobs.

Logs of the whole run are watched besides (``tests/secret_watch.py``), by the shapes of secrets; here recognisable ones
are typed into everything that takes something, whatever it is called.
"""

import io
import logging
import re
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi.routing import APIRoute

from app import logs
from app.actor import Command
from app.config import Settings
from app.permissions import Role
from app.services import staff
from app.web.sign_in.one_time_links import LINKS
from tests.pages.visitor import application, visiting
from tests.people import PASSWORD, Company

PLANTED = "Pl4nted-by-the-tests"


@pytest.fixture
def everything() -> Iterator[io.StringIO]:
    """What our handler writes at the chattiest level."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs._TALKATIVE}
    logs.configure("DEBUG", "json")
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    out = io.StringIO()
    handler.setStream(out)
    yield out
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)
    for name, kept in levels.items():
        logging.getLogger(name).setLevel(kept)


def routes_of(guard: Any) -> Iterator[APIRoute]:
    """Every route of ours, however deep it was included."""
    pending = list(guard._app.routes)
    while pending:
        route = pending.pop()
        if isinstance(route, APIRoute):
            yield route
        else:
            pending += getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", [])


async def test_nothing_that_is_typed_into_a_form_or_sent_as_a_token_is_logged(
    company: Company, settings: Settings, everything: io.StringIO
) -> None:
    tried = set()
    async with application(settings) as guard, visiting(guard, settings, company.sue) as sue:
        for route in routes_of(guard):
            for method in route.methods or ():
                tried.add((method, route.path))
                await _plant(sue.http, route, method)
    said = everything.getvalue()
    assert ("POST", "/auth/login") in tried
    assert len(tried) > 10
    assert "POST /auth/login" in said, "the log is listened to"
    assert PLANTED not in said


async def _plant(http: httpx.AsyncClient, route: APIRoute, method: str) -> None:
    """Ask one route for something, with a secret in each field of its form, as a token, in the query, in a cookie, and
    in the path of a link, the only path that holds one.
    """
    form = {param.alias: f"{PLANTED} {param.alias}" for param in route.dependant.body_params}
    path = re.sub(r"\{[^}]*\}", PLANTED if route.path.startswith(LINKS) else "x", route.path)
    headers = {"origin": str(http.base_url), "authorization": f"Bearer qd_{PLANTED}", "x-planted": PLANTED}
    for cookie in (http.headers["cookie"], f"__Host-quarterdeck={PLANTED}; other={PLANTED}"):
        sent: dict[str, Any] = {"headers": {**headers, "cookie": cookie}, "params": {"q": PLANTED}}
        await http.request(method, path, **sent | ({"data": form} if method == "POST" else {}))


async def test_audit_entries_name_no_secret(company: Company, admin: asyncpg.Connection) -> None:
    """Whoever reads the log of changes learns that a password was set, never which, nor what became of it."""
    root = Command("root")
    await staff.create(root, "new@example.com", "New Person", Role.VIEWER, f"{PLANTED} 1")
    await staff.set_password(root, "new@example.com", f"{PLANTED} 2")
    link = await staff.make_link_for(root, "new@example.com", "Forgot it")
    hashed = await admin.fetchval("SELECT password_hash FROM staff WHERE email = 'new@example.com'")
    entries = await admin.fetch("SELECT to_jsonb(a)::text AS told FROM audit_told() a")
    assert len(entries) >= 3
    for entry in entries:
        for secret in (PLANTED, hashed, link.path, link.path.rpartition("/")[2], PASSWORD):
            assert secret not in entry["told"]
