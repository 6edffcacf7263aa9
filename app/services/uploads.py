"""Uploaded files on their way into an import: streamed to disk, counted byte by byte, named by id only.

A file belongs to the person who sent it until an import takes it. Its facts lie beside it (``ID.json``); what the
browser says about it is never believed.
"""

import asyncio
import hashlib
import json
import shutil
from collections.abc import AsyncIterable
from dataclasses import asdict
from pathlib import Path, PureWindowsPath
from uuid import UUID

from app.actor import Actor, Staff
from app.database import reading
from app.errors import AppError, Forbidden, NotFound, Unavailable
from app.ids import uuid7
from app.permissions import Permission
from app.storage import cleanup
from app.storage.uploads import Store, Upload

BUFFER = 1 << 20
_SPARE = 64 << 20


class TooLarge(AppError):
    """More bytes than allowed; the rest is not read."""

    code = "VALIDATION_ERROR"
    status = 413


async def receive(actor: Actor, store: Store, name: str, declared: int | None, body: AsyncIterable[bytes]) -> Upload:
    """Take a file in. ``declared`` is the length that the browser announces, if it does.

    Raises:
        TooLarge: more bytes than allowed, announced or counted.
        Unavailable: the disk is full.
    """
    async with reading(actor, Permission.IMPORTS_RUN):
        owner = _owner(actor)
    if declared is not None and declared > store.max_bytes:
        raise _too_large(store)
    _make_room(store, declared or 0)
    upload_id = uuid7()
    part = store.folder / f"{upload_id}.part"
    try:
        size, digest = await _write(store, part, body)
        upload = Upload(upload_id, _plain_name(name), size, digest, owner)
        # The facts first: a file without them would never be tidied up.
        store.facts(upload_id).write_text(json.dumps(asdict(upload), default=str))
        part.rename(store.path(upload_id))
    except OSError as problem:
        raise Unavailable("The file could not be kept: the disk does not take it. Tell an administrator.") from problem
    finally:
        part.unlink(missing_ok=True)
    return upload


async def get(actor: Actor, store: Store, upload_id: UUID) -> Upload:
    """One's own upload; somebody else's does not exist."""
    async with reading(actor, Permission.IMPORTS_RUN):
        owner = _owner(actor)
    try:
        facts = json.loads(store.facts(upload_id).read_text())
    except (OSError, ValueError):
        raise NotFound("This upload is gone. Choose the file again.") from None
    upload = Upload(UUID(facts["id"]), facts["name"], facts["bytes"], facts["sha256"], UUID(facts["staff_id"]))
    if upload.staff_id != owner:
        raise NotFound("This upload is gone. Choose the file again.")
    return upload


def _plain_name(name: str) -> str:
    """What people call the file: no folders of their machine, no signs that cannot be seen or kept."""
    last = PureWindowsPath(name).name  # parts at both kinds of slashes
    return "".join(c for c in last if c.isprintable()).strip(". ")[:200] or "file"


def _owner(actor: Actor) -> UUID:
    if not isinstance(actor, Staff):
        raise Forbidden("Only people upload files.")
    return actor.staff_id


async def _write(store: Store, part: Path, body: AsyncIterable[bytes]) -> tuple[int, str]:
    """Stream to disk; memory stays at one buffer whatever arrives."""
    size, digest, held = 0, hashlib.sha256(), bytearray()
    with part.open("wb") as file:

        def put(data: bytes) -> None:
            digest.update(data)
            file.write(data)

        async for piece in body:
            size += len(piece)
            if size > store.max_bytes:
                raise _too_large(store)
            held += piece
            if len(held) >= BUFFER:
                full, held = bytes(held), bytearray()
                await asyncio.to_thread(put, full)
        await asyncio.to_thread(put, bytes(held))
    return size, digest.hexdigest()


def _make_room(store: Store, declared: int) -> None:
    store.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    cleanup.remove_uploads(store.folder)
    if shutil.disk_usage(store.folder).free < declared + _SPARE:
        raise Unavailable("There is not enough room on the disk for this file. Tell an administrator.")


def _too_large(store: Store) -> TooLarge:
    return TooLarge(f"This file is larger than {store.max_bytes / 1_000_000:,.0f} MB, the most that is taken.")
