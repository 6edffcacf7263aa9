"""The six people of the demo's staff: their accounts, their working days, and who is at work at a moment.

None of them can sign in: nobody knows a password behind their hash, and every session of theirs has ended.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.crypto.passwords import NOBODYS_HASH
from app.demo.dice import Dice
from app.demo.history import Actor, History, Record, Target
from app.models import Action
from app.permissions import Role

FOUNDER = Actor("command", None, "founder")
_PEOPLE = (
    ("Ada Lindqvist", "ada", Role.SUPER_ADMIN, False, 0.7),
    ("Tomás Ibáñez", "tomas", Role.ADMIN, False, 0.85),
    ("Mei Tanaka", "mei", Role.SUPPORT, False, 0.9),
    ("Olu Adeyemi", "olu", Role.SUPPORT, True, 0.8),
    ("Priya Nair", "priya", Role.VIEWER, False, 0.9),
    ("Gus Halvorsen", "gus", Role.VIEWER, False, 0.35),
)
"""Name, address, first role, whether limited to some teams, and how many working days they are there."""
_BROWSERS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML) Version/19.0 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Safari/537.36",
)
_EXAMINED_AFTER = timedelta(days=21)
_LIFETIME = timedelta(hours=24)
_SHORTEST = timedelta(minutes=20)


@dataclass(frozen=True, slots=True)
class _Shift:
    """A stretch of time in which somebody sat at the console."""

    start: datetime
    end: datetime
    actor: Actor


class Office:
    """Who works there, and when."""

    def __init__(self, dice: Dice, history: History, start: datetime, now: datetime) -> None:
        self._dice, self._history = dice, history
        self.people = [self._person(n, start - timedelta(days=8 - n)) for n in range(len(_PEOPLE))]
        self.sessions: list[Record] = []
        self.teams: list[Record] = []
        self._shifts = self._work(start, now)
        self._starts = [shift.start for shift in self._shifts]
        reviewer = self.people[4]
        if at := self.at_work(start + _EXAMINED_AFTER, {Role.SUPER_ADMIN}):
            why = "Passed the reviewers' examination"
            history.change(at[1], at[0], Action.STAFF_ROLE_CHANGED, "staff", reviewer, why, role=Role.REVIEWER.value)

    def limit(self, teams: Sequence[Record], at: datetime) -> None:
        """Say which teams the limited colleague sees."""
        olu = self.people[3]
        self.teams = [{"staff_id": olu["id"], "team_id": team["id"]} for team in teams]
        seen = self.at_work(at, {Role.SUPER_ADMIN})
        if seen is not None:
            names = sorted(team["name"] for team in teams)
            target = Target("staff", olu["id"], olu["name"], None)
            self._history.record(
                seen[1], seen[0], Action.STAFF_TEAMS_CHANGED, target, reason="Looks after these customers",
                before={"teams": []}, after={"teams": names},
            )  # fmt: skip

    def at_work(
        self, after: datetime, roles: set[Role], team: UUID | None = None, *, minutes: int = 0
    ) -> tuple[Actor, datetime] | None:
        """Somebody with one of these roles who sees the team, and a moment of their next hours at work, after which
        they stay for so many ``minutes``; None when nobody comes before now.
        """
        fit = {p["id"] for p in self.people if Role(p["role"]) in roles and (not p["limited"] or self._sees(p, team))}
        first = bisect_left(self._starts, after - timedelta(hours=10))
        found = [
            shift
            for shift in self._shifts[first : first + 24]
            if shift.actor.id in fit and shift.end > max(after, shift.start) + _SHORTEST + timedelta(minutes=minutes)
        ]
        if not found:
            return None
        shift = self._dice.choice(found[:3])
        begin = max(shift.start, after)
        return shift.actor, self._dice.later(begin, 60, (shift.end - begin).total_seconds() - 60 * minutes - 30)

    def _sees(self, person: Record, team: UUID | None) -> bool:
        return any(row["staff_id"] == person["id"] and row["team_id"] == team for row in self.teams)

    def _person(self, n: int, at: datetime) -> Record:
        name, address, role, limited, _ = _PEOPLE[n]
        person: Record = {
            "id": self._dice.id(at),
            "email": f"{address}@staff.example.com",
            "name": name,
            "password_hash": NOBODYS_HASH,
            "role": role.value,
            "limited": limited,
            "status": "active",
            "password_set_at": at,
            "version": 1,
            "created_at": at,
            "updated_at": at,
        }
        target = Target("staff", person["id"], name, None)
        self._history.created(at, FOUNDER, Action.STAFF_CREATED, target, person)
        return person

    def _work(self, start: datetime, now: datetime) -> list[_Shift]:
        shifts = []
        for day in range((now - start).days + 1):
            for n, person in enumerate(self.people):
                midnight = (start + timedelta(days=day)).replace(hour=0, minute=0)
                presence = _PEOPLE[n][4] * (0.12 if midnight.weekday() >= 5 else 1)
                begin = self._dice.later(midnight, 6.6 * 3600, 9.5 * 3600)
                end = min(self._dice.later(begin, 5 * 3600, 9 * 3600), now - timedelta(minutes=2))
                if self._dice.chance(presence) and begin > person["created_at"] and end - begin > _SHORTEST:
                    shifts.append(self._sit(person, n, begin, end))
        return sorted(shifts, key=lambda shift: shift.start)

    def _sit(self, person: Record, n: int, begin: datetime, end: datetime) -> _Shift:
        session = self._dice.id(begin)
        actor = Actor("staff", person["id"], person["name"], session, f"203.0.113.{20 + n}")
        browser = _BROWSERS[n % len(_BROWSERS)]
        self.sessions.append(
            {
                "id": session,
                "staff_id": person["id"],
                "created_at": begin,
                "last_seen_at": end,
                "expires_at": begin + _LIFETIME,
                "authenticated_at": begin,
                "ip": actor.ip,
                "user_agent": browser,
                "revoked_at": end,
                "revoke_reason": "signed out",
            }
        )
        target = Target("session", session, "", None)
        self._history.record(begin, actor, Action.SESSION_STARTED, target, detail={"user_agent": browser})
        self._history.record(end, actor, Action.SESSION_ENDED, target)
        return _Shift(begin, end, actor)
