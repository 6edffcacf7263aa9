"""The PostgreSQL server of somebody else, for tests: on a port of this machine, with logins and a DBA of its own."""

import asyncio
import contextlib
import inspect
import re
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg

import app.postgres.embedded
from app.postgres.embedded import EmbeddedPostgres
from tests.services import test_catalog

APP, WORKER, DBA = "app's p@ss/word:ü", "w0rker", "the dba: %$secret"
SECRETS = [
    secret for plain in (APP, WORKER, DBA) for secret in (plain, plain.replace("'", "''"), quote(plain, safe=""))
]
CLAIMS = [
    claim
    for name, claim in vars(test_catalog).items()
    if name.startswith("test_") and [*inspect.signature(claim).parameters] == ["admin"]
]
PSQL = app.postgres.embedded._programs() / "psql"


@dataclass
class Theirs:
    """The server of somebody else, which listens on a port of this machine."""

    server: EmbeddedPostgres
    port: int

    def start(self) -> None:
        self.server.start()
        with (self.server.pgdata / "pg_hba.conf").open("a", encoding="utf-8") as file:
            file.write("host all all 127.0.0.1/32 scram-sha-256\n")
        self.run("SELECT pg_reload_conf()")

    def url(self, user: str, password: str, database: str = "console", query: str = "") -> str:
        return f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}{query}"

    def admin_url(self, database: str = "postgres") -> str:
        return f"{self.server.superuser_url(database)}&port={self.port}"

    def superuser(self) -> tuple[str, str]:
        return "postgres", self.server.secrets.get("database_postgres")

    def settings(self, migrator: str, password: str = DBA, **more: str) -> dict[str, str]:
        urls = {"database_url": self.url("quarterdeck_app", APP), "migration_url": self.url(migrator, password)} | more
        return {f"QUARTERDECK_{name.upper()}": url for name, url in urls.items() if url}

    @asynccontextmanager
    async def behind(self, database: str = "postgres") -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.admin_url(database))
        try:
            yield connection
        finally:
            await connection.close()

    def run(self, *statements: str, database: str = "postgres") -> None:
        async def execute() -> None:
            async with self.behind(database) as connection:
                for statement in statements:
                    await connection.execute(statement)

        asyncio.run(execute())

    def psql(self, script: str, database: str = "postgres") -> None:
        """As their DBA runs what we printed."""
        command = [str(PSQL), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.admin_url(database)]
        done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr

    def check_catalog(self) -> None:
        """What the catalog of the embedded database promises is so here too."""

        async def check() -> None:
            async with self.behind("console") as admin:
                for claim in CLAIMS:
                    await claim(admin)
                await test_catalog.test_functions_that_act_for_the_owner_are_closed(admin, "public")

        asyncio.run(check())

    def log(self) -> str:
        return "".join(path.read_text() for path in (self.server.pgdata / "log").iterdir())


def filled(script: str) -> str:
    """As the DBA fills it in."""
    passwords = {"quarterdeck_app": APP, "quarterdeck_worker": WORKER}

    def password(match: re.Match[str]) -> str:
        return "'" + passwords[match[1]].replace("'", "''") + "'"

    script = re.sub(r"'<password of (\w+), as in QUARTERDECK_(?:DATABASE|ENGINE)_URL>'", password, script)
    assert "PASSWORD '<" not in script
    return script


def make_certificate(path: Path) -> Path:
    """A certificate for localhost, and its key, in one file."""
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    done = subprocess.run([*make.split(), "-keyout", "/dev/stdout"], check=True, capture_output=True)
    path.write_bytes(done.stdout)
    return path


@asynccontextmanager
async def tls_in_front(theirs: Theirs, context: ssl.SSLContext) -> AsyncIterator[int]:
    """Their server's TLS: the embedded programs come without."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(8) == bytes.fromhex("0000000804d2162f")  # "TLS, please"
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(context)
        there, to_there = await asyncio.open_connection("127.0.0.1", theirs.port)
        with contextlib.suppress(OSError):
            async with asyncio.TaskGroup() as group:
                group.create_task(pass_on(reader, to_there))
                group.create_task(pass_on(there, writer))

    async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(65536):
                target.write(piece)
                await target.drain()
        target.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
