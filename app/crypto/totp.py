"""Second factors: time-based codes (RFC 6238: SHA-1, 6 digits, 30 s), and the recovery codes that stand in for them."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

import pyotp

DIGITS = 6
SECONDS = 30
DRIFT = 1
"""Steps that a clock may be early or late."""
RECOVERY_CODES = 10
_GROUPS, _GROUP = 4, 6
# 32 letters and digits (5 bits each) of which none looks like another one: 24 of them are 120 bits.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz023456789"


def new_secret() -> str:
    """160 random bits in base32, as authenticator apps take them."""
    return pyotp.random_base32(32)


def address(secret: str, email: str, issuer: str) -> str:
    """What the QR code says: ``otpauth://totp/…``."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=SECONDS).provisioning_uri(name=email, issuer_name=issuer)


def step_at(moment: datetime) -> int:
    """The number of the time step that a moment lies in."""
    return int(moment.timestamp()) // SECONDS


def accepted_step(secret: str, code: str, now: datetime) -> int | None:
    """The step whose code this is, when it is the present one or one beside it. Whoever accepts it keeps the step, so
    that the code is good once.
    """
    counter = pyotp.HOTP(secret, digits=DIGITS)
    typed, found = _digits(code).encode(), None
    for step in range(step_at(now) - DRIFT, step_at(now) + DRIFT + 1):
        if hmac.compare_digest(counter.at(step).encode(), typed):
            found = step
    return found


def looks_like_code(code: str) -> bool:
    """Whether somebody typed six digits, not a recovery code."""
    typed = _digits(code)
    return len(typed) == DIGITS and typed.isascii() and typed.isdecimal()


def new_recovery_codes() -> Sequence[str]:
    """Ten codes of 120 random bits, in groups that can be copied by hand."""
    return [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
        for _ in range(RECOVERY_CODES)
    ]


def recovery_digest(code: str) -> bytes:
    """What is kept of a recovery code, however it is typed. Nobody guesses 120 bits, so it needs no slow hash."""
    plain = "".join(letter for letter in code.lower() if letter.isalnum()).replace("o", "0")
    return hashlib.sha256(plain.encode("utf-8", "replace")).digest()


def _digits(code: str) -> str:
    return "".join(code.split())
