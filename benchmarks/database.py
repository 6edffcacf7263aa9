"""A database of its own for one run: the embedded server as people run it, in a temporary folder, gone afterwards."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
from pydantic import SecretStr

from app import clock
from app.actor import Staff
from app.config import Settings
from app.database import engine
from app.ids import uuid7
from app.permissions import Role
from app.postgres.embedded import EmbeddedPostgres
from app.postgres.migrate import DATABASE, prepare, upgrade
from app.postgres.roles import LOGINS
from app.storage.secret_files import new_secret


@dataclass(frozen=True, slots=True)
class Bench:
    """A migrated database with one team and one administrator; ``admin`` is a superuser's connection."""

    settings: Settings
    admin: asyncpg.Connection
    admin_url: str
    team: UUID
    ann: Staff


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """Start it, with this process bound to it; ends the server and removes the folder."""
    with tempfile.TemporaryDirectory(prefix="quarterdeck-bench-") as folder, EmbeddedPostgres(Path(folder)) as server:
        passwords = {login: new_secret() for login in LOGINS}
        await prepare(server.superuser_url(), passwords)
        urls = {login: SecretStr(server.url(login, word, DATABASE)) for login, word in passwords.items()}
        await upgrade(urls["quarterdeck_owner"].get_secret_value())
        settings = Settings(
            data_dir=Path(folder),
            database_url=urls["quarterdeck_app"],
            engine_url=urls["quarterdeck_worker"],
            session_key=SecretStr(new_secret()),
            totp_key=SecretStr(new_secret()),
        )
        admin_url = server.superuser_url(DATABASE)
        async with _connected(settings, admin_url) as admin:
            yield Bench(settings, admin, admin_url, *await _people(admin))


@asynccontextmanager
async def _connected(settings: Settings, admin_url: str) -> AsyncIterator[asyncpg.Connection]:
    engine.configure(settings)
    admin = await asyncpg.connect(admin_url)
    try:
        yield admin
    finally:
        await engine.dispose()
        await admin.close()


async def _people(admin: asyncpg.Connection) -> tuple[UUID, Staff]:
    now, team, staff, session = clock.now(), uuid7(), uuid7(), uuid7()
    await admin.execute(
        "INSERT INTO teams (id, name, status, version, created_at, updated_at)"
        " VALUES ($1, 'Acme', 'active', 1, $2, $2)",
        team,
        now,
    )
    await admin.execute(
        "INSERT INTO staff (id, email, name, password_hash, role, limited, status, version, created_at, updated_at)"
        " VALUES ($1, 'ann@example.com', 'Ann Adler', 'no password', 'admin', false, 'active', 1, $2, $2)",
        staff,
        now,
    )
    await admin.execute(
        "INSERT INTO staff_sessions (id, staff_id, created_at, last_seen_at, expires_at, authenticated_at)"
        " VALUES ($1, $2, $3, $3, $4, $3)",
        session,
        staff,
        now,
        now + timedelta(days=1),
    )
    return team, Staff(session, staff, "Ann Adler", "ann@example.com", Role.ADMIN, None, ip="127.0.0.1")
