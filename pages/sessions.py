"""On which devices somebody is signed in, oneself or (for those who administer staff) anybody; and ending that."""

from functools import partial

from app import topics
from app.permissions import Permission
from app.services import own_sessions, staff, staff_sessions
from app.services.own_sessions import SessionView
from components.forms.dialogs import ask, confirm
from components.forms.form import Field, Values
from components.lists.columns import Column, StatusColumn, TextColumn, TimeColumn
from components.lists.table import DataTable, Empty, Load, RowAction
from components.page.ids import record_id
from components.page.screen import View, screen
from components.page.toasts import done
from components.page.values import Tone
from components.records.blocks import Action, PageHead
from pages.shared.labels import plural

_AT_ONCE = "Its open pages lead to the sign-in at once. What was typed there and not saved is lost."


@screen("/profile/sessions", title="My sessions", needs=Permission.PROFILE_EDIT)
async def own_sessions_screen(view: View) -> None:
    """One's own sessions."""

    async def end(row: SessionView) -> None:
        if await confirm(f"End the session on {row.device}?", submit="End session", plan=[_AT_ONCE], danger=True):
            await own_sessions.end(view.actor, row.id)
            done("The session is ended.")
            table.reload()

    async def end_others() -> None:
        plan = ["You stay signed in here, and nowhere else.", "If you do not know one of them, change your password."]
        if await confirm("End all other sessions?", submit="End others", plan=plan, danger=True):
            done(f"{plural(await own_sessions.end_others(view.actor), 'session')} ended.")
            table.reload()

    PageHead(
        "My sessions",
        trail=[("My profile", "/profile")],
        sub="Where you are signed in.",
        actions=[Action("End all others", end_others)],
    )
    table = _table(
        partial(own_sessions.search, view.actor),
        RowAction("End", end, shown=lambda row: not row.here, danger=True),
    )


@screen("/staff/{id}/sessions", title="Sessions of an account", needs=Permission.SESSIONS_READ)
async def staff_sessions_screen(view: View) -> None:
    """Somebody's sessions."""
    staff_id = record_id(view.params["id"])
    member = (await staff.get(view.actor, staff_id)).member

    async def end_all() -> None:
        async def save(values: Values) -> None:
            ended.append(await staff_sessions.end_all(view.actor, staff_id, values["reason"]))

        ended: list[int] = []
        reason = Field("reason", "Reason", kind="long", hint="Goes into the audit log.")
        plan = [f"{member.name} is signed out everywhere, and can sign in again."]
        title = f"End all sessions of {member.name}?"
        if await ask(title, submit="End all", plan=plan, fields=[reason], danger=True, on_submit=save):
            done(f"{plural(sum(ended), 'session')} of {member.name} ended.")
            table.reload()

    async def end(row: SessionView, reason: str) -> None:
        await staff_sessions.end(view.actor, row.id, reason)
        done(f"The session on {row.device} is ended.")
        table.reload()

    own = staff_id == view.actor.staff_id
    PageHead(
        "Sessions",
        trail=[("Staff", "/staff"), (member.name, f"/staff/{staff_id}")],
        sub=f"Where {member.name} is signed in.",
        actions=[] if own else [Action("End all", end_all, needs=Permission.SESSIONS_END)],
    )
    table = _table(
        partial(staff_sessions.search, view.actor, staff_id),
        RowAction(
            "End",
            end,
            needs=Permission.SESSIONS_END,
            shown=lambda _: not own,
            asks="Why end this session?",
            danger=True,
        ),
    )


def _table(load: Load, end: RowAction) -> DataTable:
    where: dict[bool, tuple[str, Tone]] = {True: ("This device", "ok"), False: ("Another device", "idle")}
    columns: list[Column] = [
        TextColumn("device", card=True, wide=True),
        StatusColumn("here", label="Where", shows=where, card=True),
        TextColumn("ip", label="Address", card=True),
        TextColumn("method", label="Signed in by", quiet=True),
        TimeColumn("last_seen_at", label="Last used"),
        TimeColumn("created_at", label="Signed in"),
        TimeColumn("expires_at", label="Ends"),
    ]
    empty = Empty("No sessions", "Nobody is signed in with this account.")
    return DataTable("Sessions", load=load, columns=columns, actions=[end], live=topics.sessions, empty=empty)
