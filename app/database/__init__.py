"""The door: every read and every write of the product goes through a unit of work of this package.

:func:`reading` to look, :func:`writing` to change and to record it, :func:`keeping` for what the product does by
itself.
"""

from app.database.work import (
    RECENT,
    LeaseLost,
    Subject,
    UnrecordedWrite,
    Who,
    Work,
    keeping,
    reading,
    writing,
)

__all__ = [
    "RECENT",
    "LeaseLost",
    "Subject",
    "UnrecordedWrite",
    "Who",
    "Work",
    "keeping",
    "reading",
    "writing",
]
