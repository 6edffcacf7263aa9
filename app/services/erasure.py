"""Erasing a person: everything that names one of the customers' people goes, for good. See docs/personal-data.md.

Entries of the audit log stay as they were sealed; the personal values to which they refer are gone, and with them the
salts without which nobody can prove what they were.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from app.actor import Actor
from app.database import Subject, writing
from app.errors import Conflict, Invalid
from app.models import Action, User
from app.permissions import Permission
from app.repositories import users as users_table
from app.storage import uploads
from app.storage.documents import document_file
from app.topics import jobs, payments, teams, users
from app.values import reasons

TIMEOUT = 300.0
"""Seconds: every personal value of the log is looked through for the person's addresses."""


@dataclass(frozen=True, slots=True)
class Erased:
    """How much named the person: entries of the audit log, and documents that jobs had made."""

    entries: int
    documents: int


async def erase(actor: Actor, store: uploads.Store, user_id: UUID, typed: str, reason: str) -> Erased:
    """Erase what names a user. ``typed`` is the user's e-mail address, typed to confirm it.

    Raises:
        Invalid: another address was typed, or the reason names the person: it stays in the log.
        Conflict: it is done already, or jobs of the user still wait or run.
    """
    why = reasons.checked(reason)
    async with writing(actor, Permission.USERS_ERASE, timeout=TIMEOUT) as work:
        user = await work.get(User, user_id, lock=True)
        _confirmed(user, typed, why)
        gone = await users_table.erase(work, user_id)
        if gone.unfinished:
            some = "A job" if gone.unfinished == 1 else f"{gone.unfinished} jobs"
            raise Conflict(f"{some} of this user did not end yet. Cancel them or wait, then erase the user.")
        # Before the commit: what is left undone then can be done again, and no file outlives the erasing of its owner.
        documents = await asyncio.to_thread(_remove, store.folder.parent, gone.jobs)
        about = Subject("user", str(user_id), f"user {user_id.hex[-8:]}", user.team_id)
        erased = Erased(gone.entries, documents)
        work.record(Action.USER_ERASED, about, reason=why, detail={"entries": erased.entries, "documents": documents})
        for topic, id_ in ((users, user_id), (teams, user.team_id), (payments, None), (jobs, None)):
            work.notify(topic, id_)
    return erased


def _confirmed(user: User, typed: str, why: str) -> None:
    if user.erased_at is not None:
        raise Conflict("The personal data of this user are erased already.")
    if typed.strip().lower() != user.email.lower():
        raise Invalid(email="This is not the e-mail address of the user. Type it as it stands on their page.")
    if any(named.lower() in why.lower() for named in (user.email, user.name)):
        raise Invalid(reason="Leave out the name and the address: the reason stays in the audit log.")


def _remove(data_dir: Path, job_ids: Sequence[UUID]) -> int:
    """Remove the files of documents; returns how many there were."""
    files = [file for job_id in job_ids if (file := document_file(data_dir, job_id)).exists()]
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)
