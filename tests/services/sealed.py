"""What the tests of seals share: a key, entries, a worker that seals and looks, and somebody who breaks things."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from pydantic import SecretStr

from app.config import Settings
from app.seals import verifying
from app.seals.damage import Problem
from app.worker.sealer import Sealer

KEY = "one-that-only-tests-use-to-seal-their-audit-log"
ENTRY = (
    "INSERT INTO audit_entries (actor_name, actor_kind, action, target_type, target_id, target_label, before, after)"
    " VALUES ('Ann', 'staff', 'team.renamed', 'team', $1, 'Acme', '{\"name\": \"A\"}', '{\"name\": \"Acme\"}')"
    " RETURNING id"
)


@dataclass
class Log:
    """An audit log that is sealed, and a superuser's connection to it."""

    admin: asyncpg.Connection
    sealer: Sealer

    @property
    def folder(self) -> Path:
        return self.sealer.folder

    async def write(self, n: int = 1) -> list[int]:
        """Write entries, each in a transaction of its own."""
        return [await self.admin.fetchval(ENTRY, f"t{number}") for number in range(n)]

    async def sealed(self, *batches: int) -> list[list[int]]:
        """Write and seal, batch by batch; returns their numbers."""
        written = []
        for n in batches:
            written.append(await self.write(n))
            assert await self.sealer.seal() == n
        return written

    async def verified(self) -> list[Problem]:
        """What a look at the whole log finds."""
        return [problem async for looked in verifying.whole(self.sealer.keys.public) for problem in looked.problems]

    async def sentences(self) -> list[str]:
        return [problem.sentence for problem in await self.verified()]

    @asynccontextmanager
    async def broken_open(self) -> AsyncIterator[asyncpg.Connection]:
        """As a superuser who turned the guards off."""
        parts = await self.admin.fetch(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_entries'::regclass"
        )
        guarded = ["audit_entries", "audit_seals", *(part[0] for part in parts)]
        for table in guarded:
            await self.admin.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
        yield self.admin
        for table in guarded:
            await self.admin.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")


def log_of(settings: Settings, admin: asyncpg.Connection, keys: Sequence[str] = (KEY,)) -> Log:
    """The log of a bound database."""
    return Log(admin, Sealer(settings.model_copy(update={"seal_key": SecretStr(",".join(keys))})))
