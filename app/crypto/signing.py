"""Signatures that anybody can check and only the holder of a key can make: Ed25519, by a ring of keys."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SHORTEST = 32
"""Characters of a secret that makes a key."""
_PUBLIC = 32


class Unusable(ValueError):
    """What should be a key is none. The sentence never holds it."""


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """The key that signs. ``key_id`` is its public name, ``public`` what others check with."""

    key_id: str
    public: bytes
    _private: Ed25519PrivateKey

    def sign(self, message: bytes) -> bytes:
        """The signature (64 bytes)."""
        return self._private.sign(message)


def signer(secret: str) -> Signer:
    """The key that a secret text makes: always the same one.

    Raises:
        Unusable: it is so short that it might be guessed.
    """
    if len(secret) < SHORTEST:
        raise Unusable(f"A secret that signs needs at least {SHORTEST} characters.")
    private = Ed25519PrivateKey.from_private_bytes(
        hashlib.sha256(b"quarterdeck/signing/key\0" + secret.encode()).digest()
    )
    public = private.public_key().public_bytes_raw()
    return Signer(key_id(public), public, private)


def key_id(public: bytes) -> str:
    """The name of a public key, as signatures carry it."""
    return hashlib.sha256(b"quarterdeck/signing/name\0" + public).hexdigest()[:16]


def public_key(text: str) -> bytes:
    """A public key that somebody typed: 64 hexadecimal digits.

    Raises:
        Unusable: it is none.
    """
    try:
        public = bytes.fromhex(text)
    except ValueError:
        public = b""
    if len(public) != _PUBLIC:
        raise Unusable("A public key is 64 hexadecimal digits.")
    return public


def ring(publics: Iterable[bytes]) -> Mapping[str, Ed25519PublicKey]:
    """Public keys by their names."""
    return {key_id(public): Ed25519PublicKey.from_public_bytes(public) for public in publics}


def is_signed(keys: Mapping[str, Ed25519PublicKey], name: str, signature: bytes, message: bytes) -> bool | None:
    """Whether the key ``name`` signed the message; None: there is no such key in the ring."""
    if (public := keys.get(name)) is None:
        return None
    try:
        public.verify(signature, message)
    except InvalidSignature:
        return False
    return True
