"""Who seals, and whose seals are believed: the ring of the setting ``seal_key``, and public keys besides."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.config import Settings
from app.crypto import signing
from app.crypto.signing import Signer

PublicKeys = Mapping[str, Ed25519PublicKey]


@dataclass(frozen=True, slots=True)
class Keys:
    """``signer`` is None where nothing is sealed. ``public`` are those that count, by name."""

    signer: Signer | None
    public: PublicKeys


def of_settings(settings: Settings) -> Keys:
    """The keys that a process was given.

    Raises:
        Unusable: one of them is no key.
    """
    signers = [signing.signer(secret) for secret in settings.seal_keys]
    publics = [signer.public for signer in signers] + [
        signing.public_key(text) for text in _listed(settings.seal_public_keys)
    ]
    return Keys(signers[0] if signers else None, signing.ring(publics))


def _listed(keys: str | None) -> list[str]:
    return (keys or "").replace(",", " ").split()


def of_texts(texts: Iterable[str]) -> PublicKeys:
    """Public keys that somebody typed, by name.

    Raises:
        Unusable: one of them is no key.
    """
    return signing.ring(signing.public_key(text.strip()) for text in texts)
