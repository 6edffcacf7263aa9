"""The passwords of the logins in a PostgreSQL of one's own: taken from the settings, or made from them."""

import base64
import hashlib
import hmac
import secrets

from passlib.utils import saslprep
from pydantic import SecretStr
from sqlalchemy.engine import URL

from app.config import Settings
from app.postgres import roles
from app.postgres.connecting import address

USERS = {"database_url": roles.APP, "engine_url": roles.WORKER}
"""As whom the application and its workers sign in; who migrates may be anybody."""
_ROUNDS = 4096


def engine_url(database_url: SecretStr) -> SecretStr:
    """How workers reach their queue when no setting says it: like the application, with a password made of its own.

    The login ``quarterdeck_worker`` gets that password when ``migrate`` makes it.
    """
    parts = address("database_url", database_url)
    derived = parts.set(username=roles.WORKER, password=_workers_password(parts))
    return SecretStr(derived.render_as_string(hide_password=False))


def kept_passwords(settings: Settings) -> dict[str, str]:
    """What the server keeps instead of each password: so its log, too, can never tell one."""
    found = {}
    for field, role in USERS.items():
        url = getattr(settings, field)
        password = address(field, url).password if url is not None else None
        if password:
            found[role] = roles.literal(_scram(str(password)))
    return found


def _scram(password: str) -> str:
    """PostgreSQL's form of a SCRAM-SHA-256 secret (RFC 5803)."""
    try:
        prepared = saslprep(password)
    except ValueError:
        prepared = password  # as PostgreSQL itself does
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", prepared.encode(), salt, _ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${_ROUNDS}:{salt64}${stored64}:{server64}"


def _workers_password(parts: URL) -> str | None:
    if not parts.password:
        return None
    digest = hmac.digest(str(parts.password).encode(), roles.WORKER.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
