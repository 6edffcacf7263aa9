"""Watches every log that a run of the tests writes: of this process, of all servers and workers that tests start, and
of their PostgreSQL. A secret in any of them fails the run, at the end of the last test that wrote there.

Secrets are known by their shape, so nobody has to remember to name a new one; passwords have none, so those that tests
use are named in :data:`WORDS`.
"""

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

HASH = "the hash of a password"
SHAPES = {
    "a signed token (of a session, or of a sign-in that waits for a code)": r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{20,}",
    "a one-time link": r"/welcome/[\w-]{43}",
    "an API token": r"qd_[0-9a-f]{72}",
    "a second factor's secret": r"otpauth://|(?<![A-Z2-7])[A-Z2-7]{32}(?![A-Z2-7])",
    "a recovery code": r"(?<![\w-])[a-z0-9]{6}(?:-[a-z0-9]{6}){3}(?![\w-])",
    "a key of Stripe": r"(?<!\w)(?:[sr]k_(?:test|live)|whsec)_\w{8,}",
    "a password in a database's address": r"postgres(?:ql)?(?:\+\w+)?://[^\s:/@]+:(?!\*\*\*@)[^\s@/]+@",
    HASH: r"\$argon2id?\$v=|SCRAM-SHA-256\$\d+:",
}
WORDS = (
    "correct horse battery staple",
    "another correct horse battery staple",
    "a long sentence, hard to guess",
    "one-that-only-tests-use-long-enough-for-HS256",
    "another-that-only-tests-use-to-seal-their-factors",
    "only for tests",
)
"""Passwords and keys of invented people and databases."""
LOGS = re.compile(r"(^|[-.])log$")
NO_LOGS = {"base", "global", "pg_wal", "uploads", "secrets", "cache"}
"""Folders that hold no logs and much else."""
LOGS_ALL = "theirs"
"""The database of somebody else, told to log each statement whole: the hashes in them are its owner's choice."""

_WORDS = {form for word in WORDS for form in (word, quote(word), quote_plus(word))}
_SECRET = re.compile(
    "|".join([*(f"(?P<s{n}>{shape})" for n, shape in enumerate(SHAPES.values())), *map(re.escape, sorted(_WORDS))])
)


def secrets_in(text: str) -> Iterator[str]:
    """What of a text is secret, in words, with a little of what stands around it."""
    for found in _SECRET.finditer(text):
        kind = next((what for n, what in enumerate(SHAPES) if found[f"s{n}"]), "a password or key of the tests")
        yield f"{kind}: …{text[max(found.start() - 100, 0) : found.end()]}"


def secrets_of(folder: Path) -> Iterator[str]:
    """The same of all logs below a folder."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in NO_LOGS]
        here = Path(place)
        for name in files:
            if LOGS.search(name) or here.name == "log":
                found = secrets_in((here / name).read_text(errors="replace"))
                wanted = any(part.startswith(LOGS_ALL) for part in here.parts)
                yield from (f"{here / name}: {told}" for told in found if not (wanted and told.startswith(HASH)))


class Watch(logging.Handler):
    """Reads every line that this process logs, from whichever logger, whoever else keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one line."""
        try:
            self.found += secrets_in(self.format(record))
        except Exception:  # noqa: BLE001 - a line that cannot be formatted is no secret, and its test sees to it
            return
