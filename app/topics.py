"""What is told live: names and payloads of PostgreSQL NOTIFY, and who listens in this process.

A topic only says "something changed"; whoever hears it asks again through a service, with their own rights. So a
payload holds ids, never contents. Sending is part of a transaction (``Work.notify``); ``app.database.listening``
receives.
"""

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

CHANNEL = "quarterdeck"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed. ``id`` is None when many did, or when messages may have been missed."""

    topic: str
    id: UUID | None = None
    kind: str = "changed"

    def encode(self) -> str:
        """The NOTIFY payload (PostgreSQL allows 8,000 bytes; this takes under 120)."""
        return json.dumps([self.topic, str(self.id) if self.id else None, self.kind], separators=(",", ":"))

    @classmethod
    def decode(cls, payload: str) -> "Change":
        """Read a payload of ours."""
        topic, id_, kind = json.loads(payload)
        return cls(topic, UUID(id_) if id_ else None, kind)


Listener = Callable[[Change], None]
_KEPT = 256


@dataclass(eq=False, slots=True)
class Topic:
    """A noun whose changes are told live."""

    name: str
    told: int = 0
    """How many changes were told since the process began."""
    _listeners: set[Listener] = field(default_factory=set)
    _recent: deque[Change] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear every change from now on, on the event loop; returns how to stop. Must not block or raise."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def tell(self, change: Change) -> None:
        """Hand a change to the listeners of this process."""
        self.told += 1
        self._recent.append(change)
        for listener in tuple(self._listeners):
            listener(change)

    def since(self, mark: int) -> Sequence[Change]:
        """What was told after ``told`` was ``mark``, for who read something then and listens only now."""
        missed = self.told - mark
        return [Change(self.name)] if missed > len(self._recent) else list(self._recent)[len(self._recent) - missed :]

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)


jobs = Topic("jobs")
datasets = Topic("datasets")
rows = Topic("rows")
users = Topic("users")
teams = Topic("teams")
payments = Topic("payments")
staff = Topic("staff")
audit = Topic("audit")
sessions = Topic("sessions")
seals = Topic("seals")
queues = Topic("queues")
workers = Topic("workers")
schedules = Topic("schedules")

_ALL = (jobs, datasets, rows, users, teams, payments, staff, audit, sessions, seals, queues, workers, schedules)
TOPICS = {topic.name: topic for topic in _ALL}


def marks() -> Mapping[str, int]:
    """How far each topic has come: see ``Topic.since``."""
    return {name: topic.told for name, topic in TOPICS.items()}
