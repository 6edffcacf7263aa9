"""What attacks cost those who work: ends of sessions, clicks while passwords are guessed, and what guessing finds out.

``security/revoke_ms``: from the request that ends a session until its open tab in Chromium shows the sign-in.
``security/click_under_attack_ms``: a change of screens in Chromium, from the click until it is painted, while 50 wrong
passwords a second arrive from as many addresses, for a known and unknown people in turns; the reference is the same
click before. ``security/enumeration``: a wrong password for somebody who exists; the reference is the same for nobody.
They take turns, each as a first try.
"""

import asyncio
import itertools
import math
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from statistics import median

import httpx
from playwright.async_api import Browser

from app import clock
from app.actor import Staff
from app.config import Settings
from app.crypto.passwords import hash_password
from app.ids import uuid7
from app.storage.secret_files import new_secret
from app.web.sign_in.password import cookie_name
from benchmarks import company
from benchmarks.chromium import browser, person, tab
from benchmarks.database import Bench, bench
from benchmarks.options import Options
from benchmarks.report import Aim, Measure
from benchmarks.web import running, token

USERS = 5_000
REVOKED, CLICKS, GUESSES = 20, 30, 60
ATTACK_RATE = 50
"""Wrong passwords a second."""
_SIGN_IN = re.compile(r"/login\b")
_SCREENS = (
    {"title": "Users", "path": "/users", "list": True},
    {"title": "Jobs", "path": "/jobs", "list": True},
)


async def run(options: Options) -> Sequence[Measure]:
    """Make ``options.rows`` users, let ann work among them, and attack."""
    async with bench() as made:
        # The attackers' addresses are told by a proxy that is believed, as they would be in front of the product.
        believing = {"trusted_proxies": "127.0.0.1", "log_level": "WARNING"}
        at = replace(made, settings=made.settings.model_copy(update=believing))
        await company.make(at, options.rows or USERS)
        await at.admin.execute("UPDATE staff SET password_hash = $1", await hash_password(new_secret()))
        async with running(at, "benchmarks.watched") as (settings, _), browser() as chromium:
            return [
                *await _revoked(at, settings, chromium),
                *await _attacked(at, settings, chromium),
                await _enumeration(at, settings),
            ]


async def _revoked(at: Bench, settings: Settings, chromium: Browser) -> list[Measure]:
    times = []
    for _ in range(REVOKED):
        who = await _another_session(at)
        cookie = (cookie_name(settings), token(settings, who))
        async with (
            _requests(settings) as elsewhere,
            person(chromium, settings.browser_origin, cookie) as context,
            tab(context, settings.browser_origin) as opened,
        ):
            await opened.open(_SCREENS[0])
            began = time.perf_counter()
            ended = await elsewhere.post("/auth/logout", headers={"cookie": "=".join(cookie)})
            await opened.page.wait_for_url(_SIGN_IN, wait_until="commit")
            times.append((time.perf_counter() - began) * 1000)
            if ended.status_code != httpx.codes.SEE_OTHER:
                raise RuntimeError(f"The session was not ended: {ended.status_code}.")
    return [
        Measure("security/revoke_ms", median(times), "ms"),
        Measure("security/revoke_ms/p95", _p95(times), "ms", aim=Aim(most=2000)),
    ]


async def _another_session(at: Bench) -> Staff:
    now, session_id = clock.now(), uuid7()
    await at.admin.execute(
        "INSERT INTO staff_sessions (id, staff_id, created_at, last_seen_at, expires_at, authenticated_at)"
        " VALUES ($1, $2, $3, $3, $4, $3)",
        *(session_id, at.ann.staff_id, now, now + timedelta(days=1)),
    )
    return replace(at.ann, session_id=session_id)


async def _attacked(at: Bench, settings: Settings, chromium: Browser) -> list[Measure]:
    answers: list[int] = []
    cookie = (cookie_name(settings), token(settings, at.ann))
    async with (
        person(chromium, settings.browser_origin, cookie) as context,
        tab(context, settings.browser_origin) as opened,
    ):
        await opened.open(_SCREENS[0])

        async def clicks() -> list[float]:
            return [await opened.measured("change", _SCREENS[(n + 1) % 2]) for n in range(CLICKS)]

        await clicks()  # warms up, and ends where it began
        quiet = await clicks()
        async with _attack(at.ann.email, settings, answers):
            began = time.perf_counter()
            loud = await clicks()
            seconds = time.perf_counter() - began
    aim = Aim(most=200)
    return [
        Measure("security/click_under_attack_ms", median(loud), "ms", median(quiet), aim),
        Measure("security/click_under_attack_ms/p95", _p95(loud), "ms", _p95(quiet)),
        Measure("security/attack_rate", len(answers) / seconds, "1/s"),
        Measure("security/attack_measured", sum(status == httpx.codes.UNAUTHORIZED for status in answers), "tries"),
    ]


@asynccontextmanager
async def _attack(email: str, settings: Settings, answers: list[int]) -> AsyncIterator[None]:
    """Wrong passwords, evenly, for the time of the block; ``answers`` gets the status of each."""
    async with _requests(settings) as client, asyncio.TaskGroup() as group:

        async def guess(number: int) -> None:
            known = email if number % 2 else f"nobody-{number}@example.com"
            with suppress(httpx.TransportError):  # the server may let an attacker wait, or hang up
                answers.append((await _guess(client, known, number)).status_code)

        async def keep_guessing() -> None:
            for number in itertools.count():
                group.create_task(guess(number))
                await asyncio.sleep(1 / ATTACK_RATE)

        attacking = group.create_task(keep_guessing())
        await asyncio.sleep(1)
        answers.clear()
        yield
        attacking.cancel()


async def _enumeration(at: Bench, settings: Settings) -> Measure:
    times: dict[bool, list[float]] = {True: [], False: []}
    async with _requests(settings) as client:
        for number in range(2 * GUESSES):
            known = number % 2 == 0
            await at.admin.execute("DELETE FROM sign_in_tries")
            began = time.perf_counter()
            answer = await _guess(client, at.ann.email if known else f"nobody-{number}@example.com", number)
            times[known].append((time.perf_counter() - began) * 1000)
            if answer.status_code != httpx.codes.UNAUTHORIZED:
                raise RuntimeError(f"The try was not measured: {answer.status_code}.")
    aim = Aim(least_ratio=0.9, most_ratio=1.1)
    return Measure("security/enumeration", median(times[True]), "ms", median(times[False]), aim)


async def _guess(client: httpx.AsyncClient, email: str, number: int) -> httpx.Response:
    """One wrong password, from an address of its own."""
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    form = {"email": email, "password": f"a wrong password, number {number}"}
    return await client.post("/auth/login", data=form, headers={"x-forwarded-for": address})


def _requests(settings: Settings) -> httpx.AsyncClient:
    # An attacker opens a connection for each try; a kept one might be closed by the server just as it is used.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    origin = settings.browser_origin
    return httpx.AsyncClient(base_url=origin, headers={"origin": origin}, timeout=60, limits=limits, trust_env=False)


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[min(len(times) - 1, math.ceil(len(times) * 0.95) - 1)]
