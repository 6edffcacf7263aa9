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
    await admin.executemany(
        "INSERT INTO teams (id, name, status, version, created_at, updated_at) VALUES ($1, $2, 'active', 1, $3, $3)",
        [(acme, "Acme", now), (nordlicht, "Nordlicht", now)],
    )
    people = {
        "ann": _named("Ann Adler", Role.ADMIN),
        "vic": _named("Vic Vale", Role.VIEWER),
        "tess": _named("Tess Tam", Role.ADMIN, (acme,)),
        "nil": _named("Nil Noor", Role.NONE),
        "sue": _named("Sue Super", Role.SUPER_ADMIN),
    }
    await _insert(admin, list(people.values()), password_hash)
    return Company(acme, nordlicht, **people)


async def _person(
    admin: asyncpg.Connection, name: str, role: Role, password_hash: str, team: UUID | None = None
) -> Staff:
    person = _named(name, role, (team,) if team else None)
    await _insert(admin, [person], password_hash)
    return person


def _named(name: str, role: Role, teams: tuple[UUID, ...] | None = None) -> Staff:
    email = f"{name.split(maxsplit=1)[0].lower()}@example.com"
    return Staff(uuid7(), uuid7(), name, email, role, teams, ip="127.0.0.1")


async def _insert(admin: asyncpg.Connection, people: list[Staff], password_hash: str) -> None:
    now = clock.now()
    await admin.executemany(
        "INSERT INTO staff (id, email, name, password_hash, role, limited, status, version, created_at, updated_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, 'active', 1, $7, $7)",
        [(p.staff_id, p.email, p.name, password_hash, p.role.value, p.team_ids is not None, now) for p in people],
    )
    await admin.executemany(
        "INSERT INTO staff_teams (staff_id, team_id) VALUES ($1, $2)",
        [(p.staff_id, team) for p in people for team in p.team_ids or ()],
    )
    await admin.executemany(
        "INSERT INTO staff_sessions (id, staff_id, created_at, last_seen_at, expires_at, authenticated_at)"
        " VALUES ($1, $2, $3, $3, $4, $3)",
        [(p.session_id, p.staff_id, now, now + timedelta(days=1)) for p in people],
    )
