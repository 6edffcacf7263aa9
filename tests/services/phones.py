"""People with a second factor, for tests: a phone, a clock that stands still, half a sign-in and the whole of it."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg
import pyotp
import pytest

from app import clock
from app.actor import Nobody, Staff
from app.authentication import second_factor, sessions
from app.authentication.second_factor import Lapsed, Sealing
from app.authentication.sessions import Asked, SignedIn
from app.config import Settings
from app.crypto import passwords
from app.errors import Invalid, RateLimited
from tests.people import PASSWORD, Company

NOBODY = Nobody("10.0.0.7")


@dataclass
class Clock:
    """Time that stands still until it is moved on."""

    moment: datetime = field(default_factory=clock.now)

    def __call__(self) -> datetime:
        return self.moment

    def step(self, steps: int = 1) -> None:
        self.moment += timedelta(seconds=30 * steps)


@dataclass
class Phone:
    """The app, and the paper with the recovery codes."""

    time: Clock
    secret: str
    recovery: Sequence[str]

    def code(self, offset: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(self.time(), counter_offset=offset)

    def next(self) -> str:
        """A code that was not used so far."""
        self.time.step()
        return self.code()


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr(clock, "now", stopped)
    return stopped


@pytest.fixture
async def ann(company: Company, settings: Settings, time: Clock, monkeypatch: pytest.MonkeyPatch) -> Staff:
    """She signed in just now. Passwords are compared, not measured, which is slow on purpose."""

    async def compared(password: str, stored: str | None) -> tuple[bool, str | None]:
        return stored is not None and password == PASSWORD, None

    monkeypatch.setattr(passwords, "verify_and_update", compared)
    sessions.bind(sessions.Signing(settings.session_keys, timedelta(hours=1)))
    second_factor.bind(Sealing(settings.totp_keys, "Quarterdeck (Tests)"))
    return company.ann


@pytest.fixture
async def phone(ann: Staff, time: Clock) -> Phone:
    """Ann has a second factor; the code that proved it is used up."""
    return await enrol(ann, time)


async def enrol(person: Staff, time: Clock) -> Phone:
    pending = await second_factor.begin(person)
    made = Phone(time, pending.secret, ())
    made.recovery = await second_factor.set_up(person, pending.ticket, made.code())
    return made


async def ask(person: Staff) -> str:
    """Half a sign-in: what the browser holds after the right password."""
    asked = await sessions.sign_in(NOBODY, person.email, PASSWORD, "a browser")
    assert isinstance(asked, Asked)
    return asked.token


async def finish(token: str, code: str) -> SignedIn:
    return await second_factor.sign_in(NOBODY, token, code, "a browser")


async def actions(admin: asyncpg.Connection) -> list[str]:
    return [row["action"] for row in await admin.fetch("SELECT action FROM audit_entries ORDER BY id")]


async def draw_out(admin: asyncpg.Connection) -> None:
    """Let the waits that have begun last: however slow this machine is, they are not over before the next try."""
    await admin.execute(
        "UPDATE sign_in_tries SET blocked_until = now() + interval '1 hour' WHERE blocked_until > last_at"
    )


async def refused(trying: Awaitable[object]) -> bool:
    """Whether it was refused as a code that does not work."""
    try:
        await trying
    except (Invalid, Lapsed, RateLimited):
        return True
    return False
