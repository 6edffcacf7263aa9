"""The form of a new user."""

from uuid import UUID

from app.errors import Duplicate, Invalid
from app.models import Plan
from app.services import users
from app.values import emails
from components.forms.dialogs import ask
from components.forms.form import Field, Values
from components.page import frame
from components.page.screen import View
from components.page.toasts import done
from pages.shared.labels import PLAN
from pages.shared.team_fields import team_field, team_of

PLANS = [(plan.value, PLAN[plan][0]) for plan in Plan]


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
