"""The company of the tests: two teams, and ann (admin), vic (viewer), tess (one team only), nil (no rights)."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg

from app import clock
from app.actor import Staff
from app.ids import uuid7
from app.permissions import Role

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Company:
    acme: UUID
    nordlicht: UUID
    ann: Staff
    vic: Staff
    tess: Staff
    nil: Staff
    sue: Staff


async def found_company(admin: asyncpg.Connection, password_hash: str = "no password") -> Company:
    """Insert the company as superuser, behind the door. ``tess`` is limited to Acme."""
    now = clock.now()
    acme, nordlicht = uuid7(), uuid7()
    for id_, name in ((acme, "Acme"), (nordlicht, "Nordlicht")):
        await admin.execute(
            "INSERT INTO teams (id, name, status, version, created_at, updated_at)"
            " VALUES ($1, $2, 'active', 1, $3, $3)",
            id_,
            name,
            now,
        )
    people = {
        "ann": await _person(admin, "Ann Adler", Role.ADMIN, password_hash),
        "vic": await _person(admin, "Vic Vale", Role.VIEWER, password_hash),
        "tess": await _person(admin, "Tess Tam", Role.ADMIN, password_hash, team=acme),
        "nil": await _person(admin, "Nil Noor", Role.NONE, password_hash),
        "sue": await _person(admin, "Sue Super", Role.SUPER_ADMIN, password_hash),
    }
    return Company(acme, nordlicht, **people)


async def _person(
    admin: asyncpg.Connection, name: str, role: Role, password_hash: str, team: UUID | None = None
) -> Staff:
    now, staff_id, session_id = clock.now(), uuid7(), uuid7()
    email = f"{name.split(maxsplit=1)[0].lower()}@example.com"
    await admin.execute(
        "INSERT INTO staff (id, email, name, password_hash, role, limited, status, version, created_at, updated_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, 'active', 1, $7, $7)",
        staff_id,
        email,
        name,
        password_hash,
        role.value,
        team is not None,
        now,
    )
    if team is not None:
        await admin.execute("INSERT INTO staff_teams (staff_id, team_id) VALUES ($1, $2)", staff_id, team)
    await admin.execute(
        "INSERT INTO staff_sessions (id, staff_id, created_at, last_seen_at, expires_at, authenticated_at)"
        " VALUES ($1, $2, $3, $3, $4, $3)",
        session_id,
        staff_id,
        now,
        now + timedelta(days=1),
    )
    return Staff(session_id, staff_id, name, email, role, (team,) if team else None, ip="127.0.0.1")
