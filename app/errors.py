"""Saying no: every refusal is raised as an :class:`AppError` with a sentence written for a person.

::

    AppError
    ├── Invalid          422  a form or a value is wrong, field by field
    ├── NotSignedIn      401  no session, or one that has ended
    │   └── Unfinished   401  signed in, but something comes first: a new password, a second factor
    ├── StepUpRequired   401  signed in, but not lately enough for what was asked
    │   ├── Locked       401  nobody did anything for hours: only the owner may go on
    │   └── NotProved    401  asked to prove it, the person would not
    ├── Forbidden        403  signed in, but not allowed
    ├── NotFound         404  not there, or another team's
    ├── Conflict         409  the world changed meanwhile (theirs, yours, original)
    │   └── Duplicate    409  such a thing exists already
    ├── RateLimited      429  too many tries
    ├── Unavailable      503  a part we need does not answer
    │   └── Exhausted    503  the database has run out of something: DiskFull, OutOfMemory, TooManyConnections
    └── TooSlow          504  the question ran into its time limit

Nobody catches these on the way: the frame shows them (a toast, a field, an error card), the API answers
``{"code": …, "message": …}`` with :attr:`AppError.status`.
"""

from collections.abc import Mapping
from typing import ClassVar


class AppError(Exception):
    """A refusal with a sentence for a person; never a bug of ours."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Invalid(AppError):
    """Values that break a rule. ``fields`` maps a field's name to its sentence; ``""`` is the whole form."""

    code = "VALIDATION_ERROR"
    status = 422

    def __init__(self, message: str = "", **fields: str) -> None:
        self.fields: Mapping[str, str] = fields or {"": message}
        super().__init__(message or " ".join(fields.values()))


class NotSignedIn(AppError):
    """There is no session, or it was revoked, expired, or its owner deactivated."""

    code = "UNAUTHORIZED"
    status = 401

    def __init__(self, message: str = "Your session has ended. Sign in again.") -> None:
        super().__init__(message)


class Unfinished(NotSignedIn):
    """There is a session, and its owner has a duty before they may do anything: the sign-in leads them to it."""

    def __init__(self) -> None:
        super().__init__("One thing comes first: finish your sign-in.")


class StepUpRequired(AppError):
    """There is a session, but its owner must prove again that it is them: the frame asks, then repeats the click."""

    code = "STEP_UP_REQUIRED"
    status = 401

    def __init__(self, message: str = "Prove that it is you: this needs your password or code once more.") -> None:
        super().__init__(message)


class Locked(StepUpRequired):
    """There is a session, but nobody did anything in it for hours: its owner may have left the device."""

    code = "LOCKED"

    def __init__(self) -> None:
        super().__init__("This session is locked, because nobody did anything for hours. Prove that it is you.")


class NotProved(StepUpRequired):
    """The person was asked, and closed the question: nothing happened."""

    def __init__(self) -> None:
        super().__init__("Nothing was done: this needs your password or code.")


class Forbidden(AppError):
    """Signed in, but without the permission."""

    code = "FORBIDDEN"
    status = 403


class NotFound(AppError):
    """Not there; another team's record looks exactly the same."""

    code = "NOT_FOUND"
    status = 404


class Conflict(AppError):
    """Somebody changed it meanwhile. Carries what is needed to decide without typing again."""

    code = "CONFLICT"
    status = 409

    def __init__(self, message: str, *, original: object = None, theirs: object = None, yours: object = None) -> None:
        super().__init__(message)
        self.original = original
        self.theirs = theirs
        self.yours = yours


class Duplicate(Conflict):
    """A unique rule of the database was hit."""

    code = "DUPLICATE"


class RateLimited(AppError):
    """Too many tries; ``retry_after`` is in seconds, ``limit`` how many are allowed, where that is told."""

    code = "RATE_LIMITED"
    status = 429

    def __init__(self, message: str, retry_after: int = 1, *, limit: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.limit = limit


class Unavailable(AppError):
    """A part that we need (the database, a worker, Stripe) does not answer."""

    code = "UNAVAILABLE"
    status = 503


class Exhausted(Unavailable):
    """The database has run out of something that somebody has to give it. A job that meets it waits long, and begins
    again by itself. ``uses_up``: it counts as an attempt all the same, as the job may be what takes too much.
    """

    sentence: ClassVar[str] = "The database has run out of something. Tell whoever runs Quarterdeck."
    uses_up: ClassVar[bool] = False
    code = "EXHAUSTED"

    def __init__(self) -> None:
        super().__init__(self.sentence)


class DiskFull(Exhausted):
    """The disk of the database takes nothing more."""

    code = "DISK_FULL"
    sentence = "The disk of the database is full: nothing was saved. Tell whoever runs Quarterdeck."


class OutOfMemory(Exhausted):
    """The database has no memory left for what was asked."""

    code = "OUT_OF_MEMORY"
    sentence = "The database ran out of memory. Tell whoever runs Quarterdeck."
    uses_up = True


class TooManyConnections(Exhausted):
    """The database lets nobody more in."""

    code = "TOO_MANY_CONNECTIONS"
    sentence = "The database takes no more connections. Try again in a moment."


class TooSlow(AppError):
    """The question ran into its time limit and was stopped in the database."""

    code = "TIMEOUT"
    status = 504


class StartupProblem(Exception):
    """Something at this machine prevents the start; the sentence says what, and what to do about it.

    The command line shows the sentence without a traceback and ends with ``exit_code`` (1: the machine, 2: what was
    asked for, such as an option or a setting).
    """

    def __init__(self, sentence: str, *, exit_code: int = 1) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.exit_code = exit_code
