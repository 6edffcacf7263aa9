"""The customers: teams and their users, and what staff changed about them since."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.demo.dice import Dice, Rhythm
from app.demo.history import History, Record, Target
from app.demo.names import FIRMS, LOCALES, SPECIAL, Firm, Person
from app.demo.staff import Office
from app.models import Action, Plan, TeamStatus, UserStatus
from app.permissions import Role

USERS = 1_500
_NEW_TEAMS = 9
"""So many of the teams came within the days that are shown; the others were there before."""
_BEFORE = timedelta(days=280)
_SINCE = 0.46
"""The share of users who came within the days that are shown."""
_SUPPORT = {Role.SUPPORT, Role.ADMIN}
_ADMIN = {Role.ADMIN, Role.SUPER_ADMIN}


@dataclass
class Customer:
    """A user: the row, how busy they are, and what decides whose purchases they make when."""

    row: Record
    busy: float
    moves: list[tuple[datetime, UUID]] = field(default_factory=list)
    """When they moved, and from which team."""
    away: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    """From when to when they could not work; None: still."""

    def team_at(self, at: datetime) -> UUID:
        """Their team at a moment."""
        return next((team for moved, team in self.moves if at < moved), self.row["team_id"])

    def works_at(self, at: datetime) -> bool:
        """Whether they were there and could work."""
        away = any(start <= at and (end is None or at < end) for start, end in self.away)
        return bool(self.row["created_at"] < at) and not away


class Customers:
    """All teams and users, in the order in which they came."""

    def __init__(self, dice: Dice, history: History, office: Office, start: datetime, now: datetime) -> None:
        self._dice, self._history, self._office = dice, history, office
        self._start, self._now = start, now
        self.firms: dict[UUID, Firm] = {}
        self.teams = [self._team(firm, at) for firm, at in zip(FIRMS, self._foundings(), strict=True)]
        office.limit(self.teams[:3], start + timedelta(days=2))
        self.users = self._users()
        self.by_team = {
            team["id"]: [user for user in self.users if user.row["team_id"] == team["id"]] for team in self.teams
        }
        self._change_teams()
        self._change_users()

    def currency(self, team_id: UUID) -> str:
        """What a team pays in."""
        return self.firms[team_id].currency

    # Who comes

    def _foundings(self) -> list[datetime]:
        old = Rhythm(self._start - _BEFORE, self._start - timedelta(days=3), 1).moments(
            self._dice, len(FIRMS) - _NEW_TEAMS
        )
        return old + Rhythm(self._start, self._now - timedelta(days=6), 1.5).moments(self._dice, _NEW_TEAMS)

    def _team(self, firm: Firm, at: datetime) -> Record:
        team: Record = {
            "id": self._dice.id(at),
            "name": firm.name,
            "status": TeamStatus.ACTIVE.value,
            "user_limit": None,
            "dataset_limit": None,
            "version": 1,
            "created_at": at,
            "updated_at": at,
        }
        self.firms[team["id"]] = firm
        if found := self._office.at_work(at, _ADMIN):
            actor, made = found
            if at >= self._start:  # before, the console was not there to make it
                team.update(id=self._dice.id(made), created_at=made, updated_at=made)
                self.firms[team["id"]] = firm
                target = Target("team", team["id"], firm.name, team["id"])
                self._history.created(made, actor, Action.TEAM_CREATED, target, team)
        return team

    def _users(self) -> list[Customer]:
        since = int(USERS * _SINCE)
        first = self.teams[0]["created_at"].replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        moments = Rhythm(first, self._start, 2).moments(self._dice, USERS - since)
        moments += Rhythm(self._start, self._now, 1.8).moments(self._dice, since)
        sizes = [1 / (3 + n % 17) for n in range(len(self.teams))]
        seen: dict[str, int] = {}
        founders = [self._dice.later(team["created_at"], 120, 900) for team in self.teams]
        users = [self._user(team, at, seen) for team, at in zip(self.teams, founders, strict=True) if at < self._now]
        for at in moments[len(users) :]:
            there = [(team, size) for team, size in zip(self.teams, sizes, strict=True) if team["created_at"] < at]
            users.append(self._user(self._dice.of(there), at, seen))
        return sorted(users, key=lambda user: user.row["id"])

    def _user(self, team: Record, at: datetime, seen: dict[str, int]) -> Customer:
        firm, person = self.firms[team["id"]], self._person(team)
        address = f"{person.plain}@{firm.domain}"
        seen[address] = again = seen.get(address, 0) + 1
        if again > 1:
            address = f"{person.plain}{again}@{firm.domain}"
        user = {
            "id": self._dice.id(at),
            "team_id": team["id"],
            "email": address,
            "name": person.name,
            "plan": Plan.PREMIUM.value if self._dice.chance(0.27) else Plan.FREE.value,
            "status": UserStatus.ACTIVE.value,
            "options": self._options(firm),
            "version": 1,
            "created_at": at,
            "updated_at": at,
        }
        return Customer(user, min(self._dice.paretovariate(1.3), 25) * (3 if user["plan"] == Plan.PREMIUM else 1))

    def _person(self, team: Record) -> Person:
        if not self._dice.randrange(60):
            return self._dice.choice(SPECIAL)
        locale = LOCALES[self._dice.choice(self.firms[team["id"]].locales)]
        return locale.person(self._dice.randrange(1000), self._dice.randrange(1000))

    def _options(self, firm: Firm) -> Record:
        options: Record = {"locale": firm.locales[0] if firm.locales[0] != "nordic" else "sv"}
        if self._dice.chance(0.4):
            options["newsletter"] = self._dice.chance(0.6)
        if self._dice.chance(0.25):
            options["paper"] = self._dice.choice(["A4", "letter"])
        return options

    # What staff changed

    def _change_teams(self) -> None:
        changes: Sequence[tuple[int, float, Action, str, Record]] = (
            (4, 20, Action.TEAM_RENAMED, "The company has a new name", {"name": "Żółw & Synowie"}),
            (21, 33, Action.TEAM_RENAMED, "Renamed on request, ticket 4127", {"name": "Größenwahn & Co."}),
            (2, 12, Action.TEAM_LIMITS_CHANGED, "Contract of a small team", {"user_limit": 120}),
            (5, 41, Action.TEAM_LIMITS_CHANGED, "Contract signed", {"user_limit": 100, "dataset_limit": 5}),
            (5, 63, Action.TEAM_LIMITS_CHANGED, "They grow: more seats", {"user_limit": 250}),
            (35, 55, Action.TEAM_SUSPENDED, "Two invoices unpaid", {"status": TeamStatus.SUSPENDED.value}),
            (35, 61, Action.TEAM_RESUMED, "Both invoices paid", {"status": TeamStatus.ACTIVE.value}),
            (24, 78, Action.TEAM_SUSPENDED, "Chargebacks on three payments", {"status": TeamStatus.SUSPENDED.value}),
        )
        for n, day, action, reason, values in changes:
            team = self.teams[n]
            found = self._office.at_work(max(self._start + timedelta(days=day), team["updated_at"]), _ADMIN, team["id"])
            if found is None:
                continue
            self._history.change(found[1], found[0], action, "team", team, reason, **values)
            for user in self.by_team[team["id"]]:
                if action == Action.TEAM_SUSPENDED:
                    user.away.append((found[1], None))
                elif action == Action.TEAM_RESUMED:
                    user.away[-1] = (user.away[-1][0], found[1])

    def _change_users(self) -> None:
        shares: Sequence[tuple[float, Callable[[Customer], None]]] = (
            (0.13, self._change_plan),
            (0.025, self._correct_email),
            (0.05, self._edit_options),
            (0.035, self._deactivate),
            (0.015, self._move),
        )
        for user in self.users:
            for share, change in shares:
                if self._dice.chance(share):
                    change(user)

    def _act(
        self,
        user: Customer,
        roles: set[Role],
        action: Action,
        reason: str,
        **values: Any,  # noqa: ANN401 - columns
    ) -> datetime | None:
        """Somebody changes the user some time after the last change; None when nobody came since."""
        since = max(user.row["updated_at"], self._start)
        wanted = since + self._dice.random() * (self._now - since)
        found = self._office.at_work(wanted, roles, user.row["team_id"])
        if found is None:
            return None
        self._history.change(found[1], found[0], action, "user", user.row, reason, **values)
        return found[1]

    def _change_plan(self, user: Customer) -> None:
        up = user.row["plan"] == Plan.FREE
        why = ("Upgrade asked for by e-mail", "Trial became a contract", "Won by sales, see the offer of June")
        down = ("Ends the subscription at the month's end", "Too expensive, keeps the free plan")
        plan = Plan.PREMIUM if up else Plan.FREE
        reason = self._dice.choice(why if up else down)
        self._act(user, _SUPPORT, Action.USER_PLAN_CHANGED, reason, plan=plan.value)

    def _correct_email(self, user: Customer) -> None:
        name, _, host = user.row["email"].partition("@")
        address = f"{name.replace('.', '-')}.new@{host}"
        self._act(
            user, _SUPPORT, Action.USER_EMAIL_CORRECTED, "Letters did not arrive; corrected by phone", email=address
        )

    def _edit_options(self, user: Customer) -> None:
        options = user.row["options"]
        new = options | {"newsletter": not options.get("newsletter", False)}
        if self._dice.chance(0.4):
            new |= {"beta": ["tables"]}
        self._act(user, _SUPPORT, Action.USER_OPTIONS_EDITED, "Asked for in the chat", options=new)

    def _deactivate(self, user: Customer) -> None:
        reason = self._dice.choice(("Left the company", "Shared account", "Spam reported by two teams"))
        status = UserStatus.DEACTIVATED.value
        if at := self._act(user, _SUPPORT, Action.USER_DEACTIVATED, reason, status=status):
            back = None
            if self._dice.chance(0.3):
                again, status = "Was a mistake, back again", UserStatus.ACTIVE.value
                back = self._act(user, _SUPPORT, Action.USER_REACTIVATED, again, status=status)
            user.away.append((at, back))

    def _move(self, user: Customer) -> None:
        old = user.row["team_id"]
        there = [t for t in self.teams if t["id"] != old and t["created_at"] < self._start]
        team = self._dice.choice(there)
        if at := self._act(user, _ADMIN, Action.USER_MOVED, "Changed employer, keeps the account", team_id=team["id"]):
            user.moves.append((at, old))
