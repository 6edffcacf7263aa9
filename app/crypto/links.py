"""One-time links: a random token that stands in the link alone, and the digest of it that is kept."""

import hashlib
import secrets

TOKEN_BYTES = 32


def new_token() -> str:
    """256 random bits, as they stand in an address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> bytes:
    """What is kept of a token. It needs no salt and no slow hash: nobody guesses 256 bits."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
