"""What the migrations make of triggers, policies, rights and functions: writes ``app/seals/guards.txt``.

``python -m tests.guards``. A test compares it with a database that was just migrated, so that it is never forgotten.
"""

import asyncio
import tempfile
from pathlib import Path

import asyncpg

from app.postgres.embedded import EmbeddedPostgres
from app.postgres.migrate import DATABASE, head, prepare, upgrade
from app.postgres.roles import LOGINS
from app.seals import guards
from app.storage.secret_files import new_secret

TEXT = Path(guards.__file__).with_name("guards.txt")


async def main() -> None:
    """Migrate a database of its own, and write down what is so in it."""
    with tempfile.TemporaryDirectory(prefix="quarterdeck-") as folder, EmbeddedPostgres(Path(folder)) as server:
        passwords = {login: new_secret() for login in LOGINS}
        await prepare(server.superuser_url(), passwords)
        await upgrade(server.url("quarterdeck_owner", passwords["quarterdeck_owner"], DATABASE))
        admin = await asyncpg.connect(server.superuser_url(DATABASE))
        try:
            TEXT.write_text(guards.written(head(), await guards.facts(admin)), encoding="utf-8")
        finally:
            await admin.close()


if __name__ == "__main__":
    asyncio.run(main())
