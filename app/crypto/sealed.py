"""Secrets encrypted at rest: AES-256-GCM, by a ring of keys. The newest key seals; a seal names the key that opens it.

A seal is the name of its key (8 bytes), a nonce (12 bytes), and the ciphertext with its tag. It belongs to a context,
such as the record that it stands in: elsewhere it opens nothing.
"""

import hashlib
import os
from collections.abc import Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_LENGTH = 32
_NAME = 8
_NONCE = 12


class Unreadable(Exception):
    """A seal that no key of the ring opens, that was tampered with, or that belongs to another context."""


def seal(plain: str, keys: Sequence[str], context: str) -> bytes:
    """Encrypt with the newest key, which is the first one."""
    name, cipher = _derived(keys[0])
    nonce = os.urandom(_NONCE)
    return name + nonce + cipher.encrypt(nonce, plain.encode(), context.encode())


def unseal(sealed: bytes, keys: Sequence[str], context: str) -> str:
    """What was sealed, by whichever of ``keys`` it names.

    Raises:
        Unreadable: it cannot be opened.
    """
    ring = dict(_derived(key) for key in keys)
    try:
        cipher = ring[sealed[:_NAME]]
        plain = cipher.decrypt(sealed[_NAME : _NAME + _NONCE], sealed[_NAME + _NONCE :], context.encode())
    except (KeyError, InvalidTag, ValueError) as problem:
        raise Unreadable("No key of the ring opens this seal.") from problem
    return plain.decode()


def is_newest(sealed: bytes, keys: Sequence[str]) -> bool:
    """Whether the newest key made this seal: else it had better be sealed anew."""
    return sealed[:_NAME] == _derived(keys[0])[0]


@lru_cache(maxsize=8)
def _derived(key: str) -> tuple[bytes, AESGCM]:
    """The public name and the cipher of a key: derived apart, so that the name tells nothing of the secret."""
    if len(key) < KEY_LENGTH:
        raise ValueError(f"A key that seals needs at least {KEY_LENGTH} characters.")
    return (
        hashlib.sha256(b"quarterdeck/sealed/name\0" + key.encode()).digest()[:_NAME],
        AESGCM(hashlib.sha256(b"quarterdeck/sealed/key\0" + key.encode()).digest()),
    )
