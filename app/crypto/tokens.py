"""Session tokens: a JWT (HS256, pinned) that only points at a session. Whether the session lives, its row decides."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

import jwt

from app import clock

ALGORITHM = "HS256"
ISSUER = "quarterdeck"
AUDIENCE = "web"
CHALLENGE = "second factor"
"""The audience of a token that points at a sign-in whose code is still missing: it opens nothing."""
KEY_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. Times are UTC, whole seconds."""

    staff_id: UUID
    session_id: UUID
    issued_at: datetime
    expires_at: datetime


def sign(claims: Claims, key: str, *, audience: str = AUDIENCE) -> str:
    """The signed token. ``key`` has at least 32 characters, else :class:`ValueError`."""
    kid, secret = _derived(key)
    payload = {
        "iss": ISSUER,
        "aud": audience,
        "sub": str(claims.staff_id),
        "sid": str(claims.session_id),
        "iat": int(claims.issued_at.timestamp()),
        "exp": int(claims.expires_at.timestamp()),
    }
    return jwt.encode(payload, secret, ALGORITHM, headers={"kid": kid})


def read(token: str, *keys: str, audience: str = AUDIENCE) -> Claims | None:
    """What a token says, when one of ``keys`` (the present one, then older ones) signed it for this audience and it has
    not expired.
    """
    ring = dict(_derived(key) for key in keys)
    try:
        secret = ring[jwt.get_unverified_header(token)["kid"]]
        payload = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=ISSUER,
            # Expiry is checked below, by our own clock.
            options={"require": ["iss", "aud", "sub", "sid", "iat", "exp"], "verify_exp": False, "verify_iat": False},
        )
        claims = Claims(UUID(payload["sub"]), UUID(payload["sid"]), _time(payload["iat"]), _time(payload["exp"]))
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError):
        return None
    return claims if clock.now() < claims.expires_at else None


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@lru_cache(maxsize=8)
def _derived(key: str) -> tuple[str, bytes]:
    """The public name and the secret bytes of a key: derived apart, so that the name tells nothing of the secret."""
    if len(key) < KEY_LENGTH:
        raise ValueError(f"The session key needs at least {KEY_LENGTH} characters.")
    return (
        hashlib.sha256(b"quarterdeck/session/kid\0" + key.encode()).hexdigest()[:12],
        hashlib.sha256(b"quarterdeck/session/key\0" + key.encode()).digest(),
    )
