"""My profile: one's own name, role and teams in words, and the password."""

from app.permissions import Permission
from app.services import profile
from app.services.profile import PASSWORD_LENGTH, Profile
from components import frame
from components.blocks import Action, Fact, Facts, Note, PageHead, Panel
from components.form import Field, Form, Values
from components.plain_form import PlainForm, Secret
from components.screen import View, screen
from components.toasts import done
from pages.words import plural


@screen("/profile", title="My profile", needs=Permission.PROFILE_EDIT)
async def profile_screen(view: View) -> None:
    """Who one is here, and what one may change of it."""
    seen = await profile.get(view.actor)
    tokens = Action("API tokens", opens="/profile/tokens")
    PageHead("My profile", sub=seen.account.email, actions=[tokens])
    if (ended := view.query.get("changed", ("",))[0]).isdecimal():
        others = f"{plural(int(ended), 'other session')} ended." if int(ended) else "You had no other sessions."
        Note("Your password is changed", others, small=True)

    async def rename(values: Values) -> None:
        name = await profile.rename(view.actor, values["name"])
        frame.current().rename(name)
        done(f"You are called {name} now.")

    Facts(_facts(seen), title="What you may do")
    with Panel("Your name", "It stands beside everything that you do."):
        Form([Field("name", "Name", value=seen.account.name, max_length=120)], submit="Save name", on_submit=rename)
    PlainForm(
        "Change your password",
        "/auth/password",
        [
            Secret("present", "Present password", "current-password"),
            Secret(
                "password", "New password", hint=f"At least {PASSWORD_LENGTH} characters.", min_length=PASSWORD_LENGTH
            ),
            Secret("again", "Repeat the new password"),
        ],
        submit="Change password",
        username=seen.account.email,
    )


def _facts(seen: Profile) -> list[Fact]:
    account, teams = seen.account, seen.teams
    sees = "All teams" if teams is None else ", ".join(name for _, name in teams) or "No team"
    return [
        Fact("Role", account.role.label, opens="/staff/roles"),
        Fact("Sees", sees),
        Fact("Signed in on", plural(account.sessions, "device")),
        Fact("Password chosen", account.password_set_at, "time"),
        Fact("Member since", account.created_at, "time"),
    ]
