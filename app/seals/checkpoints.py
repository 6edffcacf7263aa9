"""Signed marks outside the database: how long the log was at some moment, and by which seal it ended.

Whoever holds the database can cut its end, seals and all, and what is left fits together. It does not fit a checkpoint.
They lie in ``DATA_DIR/checkpoints``: ``latest.json``, and the last of each day. Best also where
nobody who may reach the database may write: the webhook is for that.
"""

import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from app import clock
from app.crypto import signing
from app.crypto.signing import Signer
from app.seals.chain import Seal
from app.seals.damage import Damage, Problem, found
from app.seals.keys import PublicKeys
from app.seals.leaves import canonical, stamp
from app.storage.secret_files import give_to_owner_of

LATEST = "latest.json"


class Unreadable(Exception):
    """A file that is no checkpoint. The sentence says which."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``seal`` is the number of the newest seal, ``hash`` its hash, ``entries`` how many are sealed."""

    at: str
    seal: int
    entries: int
    hash: str
    key_id: str
    type: str = "quarterdeck checkpoint"
    version: int = 1
    signature: str = ""

    @property
    def message(self) -> bytes:
        """What is signed."""
        return canonical({name: value for name, value in asdict(self).items() if name != "signature"})

    def as_text(self) -> str:
        """For a file or a webhook: one line of JSON."""
        return canonical(asdict(self)).decode() + "\n"


def made_of(newest: Seal, signer: Signer) -> Checkpoint:
    """The mark of this moment."""
    parts: dict[str, Any] = {
        "at": stamp(clock.now()),
        "seal": newest.seq,
        "entries": newest.total,
        "hash": newest.hash.hex(),
        "key_id": signer.key_id,
    }
    return Checkpoint(**parts, signature=signer.sign(Checkpoint(**parts).message).hex())


def read(path: Path) -> Checkpoint:
    """A checkpoint from a file.

    Raises:
        Unreadable: it cannot be read, or is none.
    """
    try:
        return Checkpoint(**orjson.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as problem:
        raise Unreadable(f"{path} is no checkpoint that can be read.") from problem


def kept(folder: Path) -> list[Path]:
    """The files of checkpoints in a folder, oldest first, the latest last."""
    return sorted(folder.glob("*.json")) if folder.is_dir() else []


def forget(folder: Path) -> None:
    """Remove all of them: the database that they tell of is made anew."""
    for path in kept(folder):
        path.unlink()


def keep(folder: Path, checkpoint: Checkpoint) -> None:
    """Keep it as the latest, and as the last of its day; whole or not at all."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        give_to_owner_of(folder.parent, folder)
    for name in (f"{checkpoint.at[:10]}.json", LATEST):
        draft = folder / f".{name}.{secrets.token_hex(8)}"
        with draft.open("x", encoding="utf-8") as file:
            file.write(checkpoint.as_text())
            file.flush()
            os.fsync(file.fileno())
        give_to_owner_of(folder, draft)
        draft.replace(folder / name)


async def compared(connection: Any, checkpoints: Sequence[Checkpoint], keys: PublicKeys) -> list[Problem]:  # noqa: ANN401 - asyncpg ships no types
    """What the database denies of what the checkpoints say. Older ones that say the same as newer ones add nothing."""
    problems = []
    for checkpoint in checkpoints:
        problem = _forged(checkpoint, keys) or _denied(
            checkpoint, await connection.fetchrow(_SEAL, checkpoint.seal), await connection.fetchval(_LENGTH)
        )
        if problem is not None:
            problems.append(problem)
    return problems


def _forged(checkpoint: Checkpoint, keys: PublicKeys) -> Problem | None:
    try:
        signature = bytes.fromhex(checkpoint.signature)
    except ValueError:
        signature = b""
    if signing.is_signed(keys, checkpoint.key_id, signature, checkpoint.message):
        return None
    what = f"the checkpoint of {checkpoint.at} was not made by a key of ours"
    return found(Damage.CHECKPOINT, what=what)


def _denied(checkpoint: Checkpoint, seal: Any, length: int | None) -> Problem | None:  # noqa: ANN401
    if seal is None:
        there = f"{length:,}" if length else "none"
        what = f"at {checkpoint.at} it had {checkpoint.entries:,} sealed entries (seal {checkpoint.seal}), now {there}"
        return found(Damage.CUT, seal=checkpoint.seal, what=what)
    if (seal["hash"].hex(), seal["total"]) != (checkpoint.hash, checkpoint.entries):
        what = f"seal {checkpoint.seal} is not the one that the checkpoint of {checkpoint.at} knows"
        return found(Damage.CHECKPOINT, seal=checkpoint.seal, what=what)
    return None


_SEAL = "SELECT hash, total FROM audit_seals WHERE seq = $1"
_LENGTH = "SELECT total FROM audit_seals ORDER BY seq DESC LIMIT 1"
