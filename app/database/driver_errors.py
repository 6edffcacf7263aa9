"""What a database error means to a person: the sentence for it, or the error itself when it is a bug of ours.

What the database has run out of is a warning in the log, and remembered for a while, so that Home can tell of it.
"""

import logging
from collections import deque
from collections.abc import Mapping
from datetime import datetime

import asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError

from app import clock
from app.errors import (
    AppError,
    Conflict,
    DiskFull,
    Duplicate,
    Exhausted,
    Invalid,
    OutOfMemory,
    TooManyConnections,
    TooSlow,
    Unavailable,
)

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
_EXHAUSTED: Mapping[str, type[Exhausted]] = {"53100": DiskFull, "53200": OutOfMemory, "53300": TooManyConnections}
_LATE = asyncpg.InternalClientError
"""A question that was put between the server's last words and its end."""
_MOST_MET = 1_000
_met: Mapping[type[Exhausted], deque[datetime]] = {kind: deque(maxlen=_MOST_MET) for kind in _EXHAUSTED.values()}

log = logging.getLogger(__name__)


def met_since(moment: datetime) -> Mapping[type[Exhausted], int]:
    """How often this process met that the database had run out of something, since ``moment``."""
    return {kind: n for kind, times in _met.items() if (n := sum(at >= moment for at in times))}


def forget() -> None:
    """This process turns to another database."""
    for times in _met.values():
        times.clear()


def translated(problem: DBAPIError) -> Exception:
    """The sentence for a database error, or the error itself when it is a bug of ours."""
    cause = getattr(problem.orig, "__cause__", None)
    state = getattr(cause, "sqlstate", None) or getattr(problem.orig, "sqlstate", "") or ""
    if isinstance(problem, IntegrityError) and state == "23505":
        name = getattr(cause, "constraint_name", "") or ""
        return Duplicate(_UNIQUE.get(name, "Such a record exists already."))
    lost = problem.connection_invalidated or isinstance(problem, InterfaceError) or isinstance(cause, _LATE)
    return _sentence(state, cause or problem) or (_no_answer() if lost else problem)


def of_driver(problem: asyncpg.PostgresError) -> Exception:
    """The same for an error of raw work, which nobody has wrapped."""
    return _sentence(str(problem.sqlstate or ""), problem) or problem


def _sentence(state: str, said: BaseException) -> AppError | None:
    if state == "57014":
        return TooSlow("This took too long and was stopped. Narrow it down, and try again.")
    if state in _NO_SUCH_VALUE:
        return Invalid("This holds a character or a number that cannot be looked for. Change it, and try again.")
    if state in {"40001", "40P01"}:
        return Conflict("Somebody changed the same thing at the same moment. Try again.")
    if (kind := _EXHAUSTED.get(state)) is not None:
        log.warning("The database has run out of something (%s, SQLSTATE %s): %s", kind.code, state, said)
        _met[kind].append(clock.now())
        return kind()
    # 28 and 3D: the login or the database itself was taken away while we were connected.
    if state[:2] in {"08", "28", "3D", "53", "57"}:
        return _no_answer()
    return None


def _no_answer() -> Unavailable:
    return Unavailable("The database does not answer. Try again in a moment.")
