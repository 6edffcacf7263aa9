"""API tokens: a secret that a program sends with every request, and the digest of it that is kept.

``qd_`` and 72 hexadecimal digits. The first eight are the hint that stays readable in lists; the other 64 are 256
random bits that nobody keeps. So scanners for leaked secrets find one by ``qd_[0-9a-f]{72}``.
"""

import hashlib
import re
import secrets

PREFIX = "qd_"
HINT_LENGTH = len(PREFIX) + 8
_SECRET_BYTES = 4 + 32
_SHAPE = re.compile(rf"{PREFIX}[0-9a-f]{{{2 * _SECRET_BYTES}}}")


def new_secret() -> str:
    """A new token, as a program sends it."""
    return PREFIX + secrets.token_hex(_SECRET_BYTES)


def hint(secret: str) -> str:
    """The beginning of a token, by which people tell theirs apart. It opens nothing."""
    return secret[:HINT_LENGTH]


def digest(secret: str) -> bytes | None:
    """What is kept of a token; None for what cannot be one. It needs no salt and no slow hash: nobody guesses 256 bits.

    Only the digest is ever compared. Whoever tries tokens cannot choose its bits, so how long a comparison takes tells
    nothing about the right one.
    """
    return hashlib.sha256(secret.encode("ascii")).digest() if _SHAPE.fullmatch(secret) else None


def masked(text: str) -> str:
    """A text as others may read it: of each token in it no more than the hint."""
    return _SHAPE.sub(lambda found: f"{hint(found[0])}…", text)
