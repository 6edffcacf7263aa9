"""Passwords: argon2id through passlib, never on the event loop, never more than a few at a time.

Hashing is slow on purpose, so it is also the cheapest way to make us busy: two threads do it, twenty more may wait,
the rest is told to come back.
"""

import asyncio
import os
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from passlib.context import CryptContext

from app.crypto.common_passwords import why_weak
from app.errors import Invalid, Unavailable

MIN_LENGTH = 12
MAX_LENGTH = 1024
THREADS = 2
WAITING = 20
NICENESS = 5
"""By how much the threads let others go first (as of the command ``nice``)."""

_context = CryptContext(
    ["argon2"],
    deprecated="auto",
    argon2__type="ID",
    argon2__memory_cost=19456,
    argon2__time_cost=2,
    argon2__parallelism=1,
)


def _step_back() -> None:
    """Let everything else go first: under attack a click must not wait for wrong passwords."""
    if sys.platform == "linux":  # elsewhere this number would not be a thread's
        with suppress(OSError):  # a container may forbid it
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords", initializer=_step_back)

_places = threading.BoundedSemaphore(THREADS + WAITING)
T = TypeVar("T")

# The hash of a forgotten random password, at the cost of the policy above: what an unknown e-mail is measured against,
# so that it takes as long as a known one. A test compares its cost with the policy.
NOBODYS_HASH = "$argon2id$v=19$m=19456,t=2,p=1$27vXure2VooRwtgbI+Sc0w$94E/SzZzYkS6x/e1J1K/AFDx2z1nxJVtEBb/qYjDra0"


def check_policy(password: str, about: Iterable[str] = ()) -> None:
    """Refuse (:class:`Invalid`, field ``password``) what may not become a password: what has not 12 to 1,024
    characters, and what is guessed first, also by those who know ``about`` its owner (name, e-mail).
    """
    if len(password) < MIN_LENGTH:
        raise Invalid(password=f"Use at least {MIN_LENGTH} characters.")
    if len(password) > MAX_LENGTH:
        raise Invalid(password=f"Use at most {MAX_LENGTH:,} characters.")
    if weakness := why_weak(password, about):
        raise Invalid(password=weakness)


async def hash_password(password: str, about: Iterable[str] = ()) -> str:
    """The hash to keep for a new password. Refuses what :func:`check_policy` refuses."""
    check_policy(password, about)
    return await _in_pool(lambda: str(_context.hash(_prepared(password))))


async def verify_and_update(password: str, stored: str | None) -> tuple[bool, str | None]:
    """Whether ``password`` is the one behind ``stored``, and a fresh hash when the stored one is weaker than today's.

    ``stored`` is None when there is no such person: the answer is no, after the same time.
    """
    if len(password) > MAX_LENGTH:  # no such password can exist; the length says nothing about who does
        password, stored = "", None

    def verify() -> tuple[bool, str | None]:
        good, fresh = _context.verify_and_update(_prepared(password), stored or NOBODYS_HASH)
        return bool(good and stored), fresh if stored else None

    return await _in_pool(verify)


def _prepared(password: str) -> bytes:
    # The same letters arrive composed or decomposed, depending on the keyboard.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace")


async def _in_pool(work: Callable[[], T]) -> T:
    if not _places.acquire(blocking=False):
        raise Unavailable("Too many people are signing in at this moment. Try again in a few seconds.")
    future = _pool.submit(work)
    # Not in a finally: a browser that hangs up must not free a place in which a thread still works.
    future.add_done_callback(lambda _: _places.release())
    return await asyncio.wrap_future(future)
