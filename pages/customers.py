"""What the screens of users and of teams ask and tell alike: a new user, which team, what happened."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from app.errors import Duplicate, Invalid, NotFound
from app.models import Action as LogAction
from app.models import Plan
from app.permissions import Permission
from app.privacy.personal import Masked
from app.services import jobs, personal, teams, users
from app.services.users import History
from app.values import emails, money
from components import frame
from components.blocks import Entry, Fact, Part
from components.dialogs import ask
from components.filters import ChoiceFilter, Filter, IdFilter
from components.form import Field, Values
from components.masked import keep, kept
from components.screen import View
from components.toasts import done
from pages.entries import audit_entry
from pages.words import JOB, PAYMENT, PLAN

LINE = 50
"""Entries of a time line."""
FEW_TEAMS = 100
"""So many can be chosen from; of more, one types the name."""

REASON = Field("reason", "Reason", kind="long", hint="Goes into the audit log.")
PLANS = [(plan.value, PLAN[plan][0]) for plan in Plan]


async def team_filter(view: View) -> Filter:
    """The filter by team: by names where there are few, else by id, as links set it."""
    known = await teams.names(view.actor, FEW_TEAMS + 1)
    if len(known) > FEW_TEAMS:
        return IdFilter("team")
    return ChoiceFilter("team", choices={str(id_): name for id_, name in known})


async def team_field(view: View, *, but: UUID | None = None) -> Field:
    """The input of a team, ``but`` one: a choice where there are few, else a name to type."""
    known = await teams.names(view.actor, FEW_TEAMS + 1)
    if len(known) > FEW_TEAMS:
        return Field("team", "Team", hint="Its whole name, or its id.", max_length=teams.NAME_LENGTH)
    return Field("team", "Team", "choice", choices=[(str(id_), name) for id_, name in known if id_ != but])


async def team_of(view: View, values: Values) -> UUID:
    """The team that was chosen or typed."""
    try:
        return UUID(values["team"])
    except ValueError:
        pass
    try:
        return await teams.named(view.actor, values["team"])
    except NotFound as refusal:
        raise Invalid(team=refusal.message) from None


async def ask_new_user(view: View, team_id: UUID | None = None) -> None:
    """The form of a new user, of this team or of one that is chosen; then the user's page."""
    team = [] if team_id else [await team_field(view)]

    async def save(values: Values) -> None:
        chosen = team_id or await team_of(view, values)
        try:
            made = await users.create(view.actor, chosen, values["name"], values["email"], values["plan"])
        except Duplicate as taken:
            raise Invalid(email=taken.message) from None
        done(f"{made.name} is added.")
        frame.navigate(f"/users/{made.id}")

    fields = [
        Field("name", "Name", max_length=users.NAME_LENGTH),
        Field("email", "E-mail", "email", max_length=emails.LENGTH, hint="They sign in to the product with it."),
        *team,
        Field("plan", "Plan", "choice", value=Plan.FREE, choices=PLANS),
    ]
    await ask("New user", submit="Create user", fields=fields, on_submit=save)


async def act(
    title: str,
    submit: str,
    fields: Sequence[Field],
    save: Callable[[Values], Awaitable[str]],
    plan: Sequence[str] = (),
    *,
    danger: bool = False,
) -> None:
    """Ask for what a verb needs and why, in a dialog that stays open until ``save`` has done it. What ``save`` returns
    is said, and the record is drawn anew.
    """
    here = frame.current()

    async def submitted(values: Values) -> None:
        done(await save(values))

    asked = [*fields, REASON]
    if await ask(title, submit=submit, plan=plan, fields=asked, danger=danger, on_submit=submitted) is not None:
        with here.client.content:  # the button that was pressed may be gone: the record is live
            await here.redraw()


def about(view: View, label: str, value: object, record: str, record_id: UUID, field: str, *, opens: str = "") -> Fact:
    """A fact about a person. Who sees it masked reveals it for a reason, if their role lets them; then it is shown on
    this page until they leave it. ``field`` of the ``record`` ("user") holds the value.
    """
    if not isinstance(value, Masked):
        return Fact(label, value, opens=opens)
    what = (record, record_id, field)
    if (known := kept(view, what)) is not None:
        return Fact(label, known, opens=opens)

    async def reveal() -> None:
        async def save(values: Values) -> str:
            keep(view, what, await personal.reveal(view.actor, record, record_id, field, values["reason"]))
            return f"“{label}” is shown until you leave this page."

        plan = ["It is shown on this page only, until you leave it.", "The audit log keeps that you looked, and why."]
        await act(f"Reveal “{label}” of {record} {record_id.hex[-8:]}", "Reveal", [], save, plan)

    return Fact(label, value, opens=opens, reveal=reveal if view.may(Permission.PERSONAL_REVEAL) else None)


def line(history: History, creation: LogAction, born: Entry, *, linked: bool) -> list[Entry]:
    """Everything that happened, in one line, newest first, down to ``born``, unless the log tells of the ``creation``.
    ``linked``: the reader may open entries of the audit log.
    """
    created = any(act.action == creation for act in history.acts)
    entries = [
        *(audit_entry(act, linked=linked) for act in history.acts),
        *(_job(job) for job in history.jobs),
        *(_payment(payment) for payment in history.payments),
        *([] if created else [born]),
    ]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)[:LINE]


def note(entries: Sequence[Entry]) -> str:
    """What a time line says beside its title."""
    return f"the latest {LINE}" if len(entries) == LINE else ""


def day(value: date | None) -> str | None:
    """A day in words: "3 Nov 2026"."""
    return None if value is None else f"{value.day} {value:%b %Y}"


def _job(job: Any) -> Entry:  # noqa: ANN401 - a row of the history
    words, tone = JOB[job.status]
    parts: list[Part] = ["Job ", (jobs.KINDS.get(job.kind, job.kind), f"/jobs/{job.id}"), f": {words.lower()}"]
    return Entry(job.created_at, parts, (job.error or "").partition("\n")[0][:300], tone=tone)


def _payment(payment: Any) -> Entry:  # noqa: ANN401 - a row of the history
    words, tone = PAYMENT[payment.status]
    amount = money.shown(payment.amount_minor, payment.currency)
    parts: list[Part] = ["Payment of ", (amount, f"/payments/{payment.id}"), f": {words.lower()}"]
    return Entry(payment.created_at, parts, payment.description, tone=tone)
