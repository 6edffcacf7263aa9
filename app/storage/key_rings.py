"""New keys for sessions, second factors and seals, in front of the older ones, which count until they are forgotten."""

from enum import StrEnum

from app.config import Settings
from app.errors import StartupProblem
from app.storage.secret_files import SecretFiles, new_secret


class Ring(StrEnum):
    """Which keys."""

    SESSION = "session"
    TOTP = "totp"
    SEAL = "seal"


_NEVER_FORGOTTEN = {
    Ring.TOTP: "Second factors are sealed with these keys: without the older ones nobody could use theirs any more.",
    Ring.SEAL: "The audit log is sealed with these keys: without the older ones its older seals could not be believed.",
}


def rotate(settings: Settings, ring: Ring, *, forget: bool = False) -> int:
    """Put a new key in front of a ring in the data directory; returns how many keys it has now.

    ``forget`` leaves none but the new one: everybody signs in again. It takes effect when the web process starts anew.

    Raises:
        StartupProblem: the ring is a setting; or forgetting would make everybody's second factor unreadable.
    """
    name = f"{ring}_key"
    if getattr(settings, name) is not None:
        raise StartupProblem(
            f"QUARTERDECK_{name.upper()} is set. Put a new key in front of it there, followed by a comma; the older"
            " ones count until you take them out.",
            exit_code=2,
        )
    if forget and ring in _NEVER_FORGOTTEN:
        raise StartupProblem(_NEVER_FORGOTTEN[ring], exit_code=2)
    secrets = SecretFiles(settings.data_dir)
    kept = secrets.change(name, lambda older: new_secret() if forget else f"{new_secret()} {older}")
    return len(kept.split())
