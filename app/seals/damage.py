"""What can be wrong with the log, in words. A log that is as it was sealed has none of it."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Damage(StrEnum):
    """What does not fit."""

    CHANGED = "changed"
    MISSING = "missing"
    UNSEALED = "unsealed"
    TWICE = "twice"
    DOUBLED = "doubled"
    BACKDATED = "backdated"
    CHAIN = "chain"
    SEAL = "seal"
    SIGNATURE = "signature"
    CUT = "cut"
    CHECKPOINT = "checkpoint"
    PERSONAL = "personal"
    WORDS = "words"
    GUARD = "guard"
    FILE = "file"


_SENTENCES = {
    Damage.CHANGED: "Entry {entry} was changed after it was sealed (seal {seal}).",
    Damage.MISSING: "Entry {entry} is missing; seal {seal} has it.",
    Damage.UNSEALED: "Entry {entry} is in no seal, although those before and after it are: it was slipped in.",
    Damage.TWICE: "Entry {entry} is in two seals ({seal} and {other}).",
    Damage.DOUBLED: "Entry {entry} is there twice, with two times.",
    Damage.BACKDATED: (
        "Entry {entry} says that it is from {at}, but was written after seal {before}, which is of {sealed_at} (UTC)."
    ),
    Damage.CHAIN: "Seal {seal} does not follow the one before it: seals were swapped, replaced or removed.",
    Damage.SEAL: "Seal {seal} was changed: {what}.",
    Damage.SIGNATURE: "Seal {seal} {what}.",
    Damage.CUT: "The log is shorter than it was: {what}.",
    Damage.CHECKPOINT: "The log does not fit what is kept outside of it: {what}.",
    Damage.FILE: "Line {line} of the file {what}.",
    Damage.PERSONAL: "The personal values of entry {entry} {what}.",
    Damage.WORDS: "No search by words finds entry {entry}: its words were removed.",
    Damage.GUARD: "The database is not guarded as it was made to be. {what}",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, with the entry or the seal that it is about."""

    kind: Damage
    sentence: str
    entry: int | None = None
    seal: int | None = None

    def as_json(self) -> dict[str, Any]:
        """For the database."""
        return asdict(self)


def of_json(value: dict[str, Any]) -> Problem:
    """A problem that was kept as JSON."""
    return Problem(Damage(value["kind"]), value["sentence"], value["entry"], value["seal"])


def found(kind: Damage, *, entry: int | None = None, seal: int | None = None, **words: object) -> Problem:
    """A problem, with its sentence."""
    return Problem(kind, _SENTENCES[kind].format(entry=entry, seal=seal, **words), entry, seal)
