"""Checking an exported file of the audit log, without a database: by the file itself and public keys."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from app.crypto import merkle, signing
from app.seals import chain, leaves, verifying
from app.seals.chain import Seal
from app.seals.damage import Damage, Problem, found
from app.seals.exporting import TYPE, VERSION
from app.seals.keys import PublicKeys

_MOST = 2**53
"""What JSON can count to."""


@dataclass(slots=True)
class Report:
    """What a file holds, and what is wrong with it."""

    entries: int = 0
    waiting: int = 0
    """Entries that were not sealed yet when the file was made: only the signature under the whole file proves them."""
    unproved: int | None = None
    """The line of the first of them."""
    seals: int = 0
    is_whole: bool = False
    """A key of ours signed that these are all lines."""
    problems: list[Problem] = field(default_factory=list)


def verify(path: Path, keys: PublicKeys) -> Report:
    """Look at a whole file. It is read twice, line by line, so it may be larger than memory.

    Raises:
        OSError: it cannot be read.
    """
    report, seals = Report(), {}
    for number, told in _lines(path):
        if "signed" in told:
            seal = _seal(told)
            if seal is None:
                report.problems.append(found(Damage.FILE, line=number, what="is no seal"))
                continue
            seals[seal.seq] = seal
            report.problems += verifying.signed(seal, keys)
    report.seals = len(seals)
    _read(path, seals, keys, report)
    if report.unproved is not None and not report.is_whole:
        what = "tells of an entry without a seal, in a file that nobody signed: nothing proves it"
        report.problems.append(found(Damage.FILE, line=report.unproved, what=what))
    return report


def _read(path: Path, seals: Mapping[int, Seal], keys: PublicKeys, report: Report) -> None:
    """The head, the entries and the end."""
    ended = False
    number = 0
    for number, told in _lines(path):
        if number == 1 and (told.get("type"), told.get("version")) != (TYPE, VERSION):
            report.problems.append(found(Damage.FILE, line=1, what="is not that of an export that this version knows"))
        elif "entry" in told:
            report.entries += 1
            if told.get("seal") is None:
                report.waiting += 1
                report.unproved = report.unproved or number
            report.problems += _entry(number, told, seals)
        elif "end" in told:
            ended = True
            report.problems += _end(path, number, told["end"], keys, report)
        elif number > 1 and "signed" not in told:
            report.problems.append(found(Damage.FILE, line=number, what="cannot be read"))
    if not ended:
        report.problems.append(found(Damage.FILE, line=number, what="is the last, and does not say that it is"))


def _entry(number: int, told: Mapping[str, Any], seals: Mapping[int, Seal]) -> Iterator[Problem]:
    try:
        entry, seq = told["entry"], told["seal"]
        id_ = int(entry["id"])
        if seq is None:
            return
        seal, index = seals.get(seq), int(told["index"])
        path = [bytes.fromhex(step) for step in told["proof"]]
        hashed = leaves.leaf_hash(leaves.canonical(entry))
    except (KeyError, TypeError, ValueError):
        yield found(Damage.FILE, line=number, what="is no entry")
        return
    if seal is None:
        yield found(Damage.FILE, line=number, what=f"names seal {seq}, which is not in the file")
    elif chain.place_of(seal.ranges, id_) != index or merkle.root_of_proof(hashed, index, seal.n, path) != seal.root:
        yield found(Damage.CHANGED, entry=id_, seal=seq)


def _end(path: Path, number: int, end: Any, keys: PublicKeys, report: Report) -> Iterator[Problem]:  # noqa: ANN401 - whatever JSON can hold
    counted = {"entries": report.entries, "seals": report.seals, "sha256": _digest_before(path, number)}
    if not isinstance(end, dict) or {name: end.get(name) for name in counted} != counted:
        yield found(Damage.FILE, line=number, what="counts other lines than there are: some were added or taken out")
        return
    if "signature" in end:
        message = leaves.canonical({name: value for name, value in end.items() if name != "signature"})
        try:
            signature = bytes.fromhex(str(end["signature"]))
        except ValueError:
            signature = b""
        report.is_whole = bool(signing.is_signed(keys, str(end.get("key_id")), signature, message))
        if not report.is_whole:
            yield found(Damage.FILE, line=number, what="is not signed by a key of ours")


def _digest_before(path: Path, number: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for at, line in enumerate(file, start=1):
            if at == number:
                break
            digest.update(line)
    return digest.hexdigest()


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                told = orjson.loads(line)
            except orjson.JSONDecodeError:
                told = None
            yield number, told if isinstance(told, dict) else {}


def _seal(told: Mapping[str, Any]) -> Seal | None:
    """A seal as the file tells it; None: it does not."""
    try:
        said = told["signed"]
        counted, named = (said[name] for name in ("seq", "version", "n", "total")), (said["ids"], told["key_id"])
        if not all(type(one) is int and 0 <= one < _MOST for one in counted) or not all(type(o) is str for o in named):
            return None
        (from_xid, _, from_id), (next_xid, _, next_id) = said["from"].partition("/"), said["next"].partition("/")
        seal = Seal(
            seq=said["seq"],
            version=said["version"],
            at=datetime.fromisoformat(said["at"]),
            cluster=int(said["cluster"]),
            from_xid=from_xid,
            from_id=int(from_id),
            next_xid=next_xid,
            next_id=int(next_id),
            floor=int(said["floor"]),
            ids=said["ids"],
            n=said["n"],
            total=said["total"],
            root=bytes.fromhex(said["root"]),
            previous=bytes.fromhex(said["previous"]),
            hash=bytes.fromhex(told["hash"]),
            signature=bytes.fromhex(told["signature"]),
            key_id=told["key_id"],
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return seal
