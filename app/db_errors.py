"""What a database error means to a person: the sentence for it, or the error itself when it is a bug of ours."""

import asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError

from app.errors import AppError, Conflict, Duplicate, Invalid, TooSlow, Unavailable

_UNIQUE = {
    "uq_datasets_team_id_name": "This team already has a dataset with that name.",
    "uq_imports_running": "Another import of this dataset is running. Wait until it ends, or cancel it.",
    "uq_jobs_unique_key": "The same job is already waiting or running.",
    "uq_staff_email_lower": "There is already a staff account with this e-mail.",
    "uq_teams_name": "There is already a team with this name.",
    "uq_users_email_lower": "There is already a user with this e-mail.",
}
# A NUL character in a text, a number beyond its column: what people put into links and searches.
_NO_SUCH_VALUE = frozenset({"22021", "22000", "22003"})


def translated(problem: DBAPIError) -> Exception:
    """The sentence for a database error, or the error itself when it is a bug of ours."""
    cause = getattr(problem.orig, "__cause__", None)
    state = getattr(cause, "sqlstate", None) or getattr(problem.orig, "sqlstate", "") or ""
    if isinstance(problem, IntegrityError) and state == "23505":
        name = getattr(cause, "constraint_name", "") or ""
        return Duplicate(_UNIQUE.get(name, "Such a record exists already."))
    lost = problem.connection_invalidated or isinstance(problem, InterfaceError)
    return _sentence(state) or (_no_answer() if lost else problem)


def of_driver(problem: asyncpg.PostgresError) -> Exception:
    """The same for an error of raw work, which nobody has wrapped."""
    return _sentence(str(problem.sqlstate or "")) or problem


def _sentence(state: str) -> AppError | None:
    if state == "57014":
        return TooSlow("This took too long and was stopped. Narrow it down, and try again.")
    if state in _NO_SUCH_VALUE:
        return Invalid("This holds a character or a number that cannot be looked for. Change it, and try again.")
    if state in {"40001", "40P01"}:
        return Conflict("Somebody changed the same thing at the same moment. Try again.")
    # 28 and 3D: the login or the database itself was taken away while we were connected.
    if state[:2] in {"08", "28", "3D", "53", "57"}:
        return _no_answer()
    return None


def _no_answer() -> Unavailable:
    return Unavailable("The database does not answer. Try again in a moment.")
