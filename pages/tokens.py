"""API tokens of one's own: make one for a program, see when each was last used, revoke it."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from app.permissions import IN_PERSON, Permission
from app.services import teams, tokens
from app.services.tokens import NewToken, TokenView
from components.forms.dialogs import ask, confirm
from components.forms.form import Field, Values
from components.forms.secret_once import show_token_once
from components.lists.table import Empty, RowAction
from components.page.ids import record_id
from components.page.screen import View, screen
from components.page.toasts import done
from components.records.blocks import Action, Note, PageHead
from pages.shared.labels import plural
from pages.shared.permission_labels import RIGHTS
from pages.shared.token_list import token_list, works

_SEES = [("all", "Whatever I see"), ("some", "Only some teams")]
_DAYS = [(str(days), plural(days, "day") if days < 365 else "1 year") for days in tokens.DAYS]


@screen("/profile/tokens", title="API tokens", needs=Permission.PROFILE_EDIT)
async def tokens_screen(view: View) -> None:
    """One's own tokens."""
    may = view.may(Permission.TOKENS_CREATE)
    known = await teams.names(view.actor) if may and view.may(Permission.TEAMS_READ) else []

    async def create() -> None:
        made: list[NewToken] = []

        async def save(values: Values) -> None:
            made.append(
                await tokens.create(
                    view.actor,
                    name=values["name"],
                    permissions=_listed(values["permissions"]),
                    team_ids=None if values["sees"] == "all" else [record_id(one) for one in _listed(values["teams"])],
                    days=int(values["days"]) if values["days"].isdecimal() else 0,
                )
            )

        if await ask("Create an API token", submit="Create token", fields=_fields(view, known), on_submit=save):
            [token] = made
            plan = ["It is shown only now: keep it where your program finds it, and nobody else.",
                    "If it is lost or leaks, revoke it and create another one."]  # fmt: skip
            await show_token_once(f"Your token “{token.name}”", token.secret, plan)

    async def revoke(row: TokenView) -> None:
        plan = ["Programs that use it are refused at once. It cannot be undone."]
        if await confirm(f"Revoke “{row.token.name}”?", submit="Revoke", plan=plan, danger=True):
            done(f"“{await tokens.revoke_own(view.actor, row.id)}” is revoked.")

    PageHead(
        "API tokens",
        trail=[("My profile", "/profile")],
        sub="For programs that act for you. A token never may more than you.",
        actions=[Action("Create token", create, needs=Permission.TOKENS_CREATE, main=True)],
    )
    if not may:
        Note("You cannot create tokens", "Your role does not include it. Ask an administrator.", small=True)
    token_list(
        partial(tokens.search_own, view.actor),
        RowAction("Revoke", revoke, shown=works, danger=True),
        Empty("No API tokens yet", "Create one for a program that is to act for you."),
    )


def _fields(view: View, known: Sequence[tuple[UUID, str]]) -> list[Field]:
    rights = [(right.value, RIGHTS[right]) for right in Permission if view.may(right) and right not in IN_PERSON]
    return [
        Field("name", "Name", hint="What is it for? It stands in the audit log.", max_length=120),
        Field("permissions", "May", kind="many", choices=rights,
              hint="As little as it needs. What asks for your password, no token may do."),
        Field("sees", "Sees", kind="choice", value="all", choices=_SEES),
        Field("teams", "Teams", kind="many", choices=[(str(id_), name) for id_, name in known],
              when=("sees", "some")),
        Field("days", "Works for", kind="choice", value="30", choices=_DAYS),
    ]  # fmt: skip


def _listed(ticked: str) -> list[str]:
    return [one for one in ticked.split(",") if one]
