"""What a person reads when something was refused or went wrong."""

import logging
from dataclasses import dataclass

from app import ids
from app.actor import Staff
from app.errors import AppError, Forbidden, NotFound, TooSlow, Unavailable
from app.permissions import ALL_TEAMS_ONLY, ROLE_PERMISSIONS, Permission

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal in words: a title, a sentence, whether trying again may help; a reference only for our own bugs."""

    title: str
    sentence: str
    status: int = 500
    reference: str = ""
    again: bool = False
    slow: bool = False


TITLES: dict[type[AppError], str] = {
    Forbidden: "You are not allowed to see this",
    NotFound: "Not found",
    Unavailable: "Not available right now",
    TooSlow: "This question took too long",
}


def explain(error: BaseException) -> Refusal:
    """Put an error into words. An unexpected one is logged with its traceback under a reference that is shown."""
    if isinstance(error, AppError):
        title = next((words for kind, words in TITLES.items() if isinstance(error, kind)), "That did not work")
        retry = not isinstance(error, Forbidden | NotFound)
        return Refusal(title, error.message, error.status, again=retry, slow=isinstance(error, TooSlow))
    reference = ids.reference()
    log.error("Reference %s: %s", reference, error, exc_info=error)
    return Refusal(
        "Something went wrong on our side",
        "It is written down under this reference. Try again; if it stays, give an administrator the reference.",
        reference=reference,
        again=True,
    )


def missing_permission(actor: Staff, permission: Permission) -> Forbidden:
    """The refusal for a screen that this person may not open, naming whom to ask."""
    if not ROLE_PERMISSIONS[actor.role]:
        return Forbidden(no_rights(actor))
    if permission in ALL_TEAMS_ONLY & ROLE_PERMISSIONS[actor.role]:
        return Forbidden("Only people who see all teams may open this. Ask an administrator if you need it.")
    return Forbidden(
        f"Your role, {actor.role.label}, does not include “{permission.value}”. Ask an administrator to change it."
    )


def no_rights(actor: Staff) -> str:
    """The one sentence that a person without any rights reads."""
    return (
        f"You are signed in as {actor.email}, but no role has been given to you yet. "
        "Ask an administrator of Quarterdeck to give you one."
    )
