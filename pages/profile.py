"""My profile: one's own name, role and teams in words, and the password."""

from app.authentication import second_factor
from app.authentication.second_factor import SecondFactor
from app.permissions import Permission
from app.services import profile
from app.services.profile import PASSWORD_LENGTH, Profile
from components.forms.form import Field, Form, Values
from components.forms.plain_form import PlainDoors, PlainForm, Secret
from components.page import frame
from components.page.screen import View, screen
from components.page.toasts import done
from components.records.blocks import Action, Fact, Facts, Note, PageHead, Panel
from pages.shared.labels import plural

_FACTOR = "/auth/second-factor"
_FEW = 3


@screen("/profile", title="My profile", needs=Permission.PROFILE_EDIT)
async def profile_screen(view: View) -> None:
    """Who one is here, and what one may change of it."""
    seen = await profile.get(view.actor)
    PageHead(
        "My profile",
        sub=seen.account.email,
        actions=[Action("API tokens", opens="/profile/tokens"), Action("My sessions", opens="/profile/sessions")],
    )
    if (ended := view.query.get("changed", ("",))[0]).isdecimal():
        others = f"{plural(int(ended), 'other session')} ended." if int(ended) else "You had no other sessions."
        Note("Your password is changed", others, small=True)

    async def rename(values: Values) -> None:
        name = await profile.rename(view.actor, values["name"])
        frame.current().rename(name)
        done(f"You are called {name} now.")

    Facts(_facts(seen), title="What you may do")
    _second_factor(await second_factor.get(view.actor))
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


def _second_factor(own: SecondFactor) -> None:
    """How one signs in beyond the password. Codes are typed on plain pages, never here."""
    if own.set_at is None:
        words = "An app on your phone shows six digits that you type after your password: so a password that somebody"
        words += " else knows opens nothing."
        PlainDoors("Second factor", words, [("Set up a second factor", f"{_FACTOR}/set-up")])
        return
    left = plural(own.codes_left, "recovery code")
    doors = [("Make new recovery codes", f"{_FACTOR}/recovery-codes"), ("Set up another app", f"{_FACTOR}/set-up")]
    if not own.demanded:
        doors.append(("Turn off", f"{_FACTOR}/turn-off"))
    needed = " Your role needs it." if own.demanded else ""
    words = f"On. You type a code of your app after your password.{needed} {left} left: each signs you in once if you"
    PlainDoors("Second factor", f"{words} lose your phone.", doors)
    if own.codes_left <= _FEW:
        Note("Few recovery codes are left", "Make new ones before you need them.", small=True)


def _facts(seen: Profile) -> list[Fact]:
    account, teams = seen.account, seen.teams
    sees = "All teams" if teams is None else ", ".join(name for _, name in teams) or "No team"
    return [
        Fact("Role", account.role.label, opens="/staff/roles"),
        Fact("Sees", sees),
        Fact("Signed in on", plural(account.sessions, "device"), opens="/profile/sessions"),
        Fact("Password chosen", account.password_set_at, "time"),
        Fact("Member since", account.created_at, "time"),
    ]
