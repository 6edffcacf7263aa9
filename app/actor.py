"""Who acts. A closed union: the door (``app.database.work``) knows how to check each kind and refuses any other."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.permissions import Permission, Role, granted


@dataclass(frozen=True, slots=True)
class Staff:
    """A signed-in person. Only ``session_id`` is believed; the rest is what the page knew when it was drawn,
    good for hiding buttons. The door asks the database again at every block.
    """

    session_id: UUID
    staff_id: UUID
    name: str
    email: str
    role: Role
    team_ids: tuple[UUID, ...] | None = None
    """The teams a person is limited to; ``None`` sees all teams."""
    ip: str = ""
    duty: str = ""
    """What they must do before anything else: ``password``, ``second_factor`` or nothing."""
    locked: bool = False
    """Nobody did anything in this session for hours: its owner has to prove that it is them."""

    def may(self, permission: Permission) -> bool:
        """Whether to offer it on a screen. No protection: the door decides."""
        return permission in granted(self.role, limited=self.team_ids is not None)


@dataclass(frozen=True, slots=True)
class Token:
    """A program that acts for somebody by an API token. Only ``digest`` is believed; the rest is what was known when
    the request came. It opens ``/api/v1`` and nothing else.
    """

    digest: bytes = field(repr=False)
    token_id: UUID
    token_name: str
    expires_at: datetime
    staff_id: UUID
    name: str
    email: str
    role: Role
    permissions: frozenset[Permission]
    """What the token and its owner both may."""
    team_ids: tuple[UUID, ...] | None = None
    """The teams that the token and its owner both see; ``None`` sees all, none at all sees nothing."""
    ip: str = ""

    @property
    def label(self) -> str:
        """As the audit log names it: ``Ann Adler (token “CI”)``."""
        return f"{self.name} (token “{self.token_name}”)"

    def may(self, permission: Permission) -> bool:
        """What both may."""
        return permission in self.permissions


@dataclass(frozen=True, slots=True)
class System:
    """A running job, with the permissions that its task declares, limited to the job's team. A job of no team is the
    console's own work, and sees all.

    ``epoch`` is the fencing token of this run: a run that lost its lease is refused at the door.
    """

    job_id: UUID
    epoch: int
    team_id: UUID | None
    permissions: frozenset[Permission]
    started_by: UUID | None = None

    def may(self, permission: Permission) -> bool:
        """What the task declared."""
        return permission in self.permissions


@dataclass(frozen=True, slots=True)
class Command:
    """Somebody at the machine who can read its secrets, by the operating system's user name."""

    user: str

    def may(self, permission: Permission) -> bool:
        """Whoever holds the machine's secrets may do everything; it is recorded under their name."""
        return bool(permission)


@dataclass(frozen=True, slots=True)
class Nobody:
    """Not signed in yet: may try to sign in, nothing else."""

    ip: str = field(default="")

    def may(self, permission: Permission) -> bool:  # noqa: ARG002 - the same question as to everybody
        """Nothing."""
        return False


Actor = Staff | Token | System | Command | Nobody
