"""A PostgreSQL of somebody else: roles and rights are made or told as SQL, and everything runs on it."""

import asyncio
import re
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from pydantic import SecretStr

import app.postgres.embedded
from app.actor import Staff
from app.config import Settings
from app.database import engine
from app.errors import StartupProblem
from app.permissions import Role
from app.postgres import connecting, external
from app.postgres.embedded import EmbeddedPostgres
from app.postgres.login_passwords import engine_url
from app.postgres.migrate import head, upgrade
from app.repositories import health
from app.services import teams
from app.supervisor.process_settings import resolve
from tests.factories import Desk
from tests.ports import free_port
from tests.processes.running import Up, quarterdeck, refusal, up
from tests.processes.their_server import APP, DBA, SECRETS, WORKER, Theirs, filled, make_certificate, tls_in_front

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

PERSON = {"QUARTERDECK_ADMIN_EMAIL": "ann@example.com", "QUARTERDECK_ADMIN_PASSWORD": "a long sentence, hard to guess"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theirs]:
    port = free_port()
    # Their server has other defaults than ours, and its log repeats each statement.
    theirs = {"listen_addresses": "127.0.0.1", "port": str(port), "log_statement": "all", "timezone": "Asia/Kolkata"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in theirs.items():
            patch.setitem(app.postgres.embedded._FIXED_SETTINGS, name, value)
        started = Theirs(EmbeddedPostgres(tmp_path_factory.mktemp("theirs"), durable=False), port)
        try:
            started.start()
            yield started
        finally:
            started.server.stop()


@pytest.fixture
def theirs(server: Theirs) -> Theirs:
    """The server without a trace of us."""

    async def forget() -> None:
        async with server.behind() as admin:
            await admin.execute("DROP DATABASE IF EXISTS console WITH (FORCE)")
            await admin.execute('DROP DATABASE IF EXISTS "full"')
            await admin.execute("DROP DATABASE IF EXISTS latin")
            for row in await admin.fetch("SELECT rolname AS name FROM pg_roles WHERE oid > 16383"):
                await admin.execute(f'DROP OWNED BY "{row["name"]}"; DROP ROLE "{row["name"]}"')

    asyncio.run(forget())
    return server


def migrate(settings: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    done = quarterdeck("migrate", "--data-dir", folder / "data", settings=settings)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert not any(secret in said for secret in SECRETS), said
    return done


def test_a_superuser_has_everything_made_the_database_too(theirs: Theirs, tmp_path: Path) -> None:
    settings = theirs.settings(*theirs.superuser())
    for _ in range(2):
        done = migrate(settings, tmp_path)
        assert (done.returncode, done.stdout) == (0, "The database is up to date.\n"), done.stderr
    theirs.check_catalog()
    log = theirs.log()
    assert "CREATE ROLE quarterdeck_app" in log
    assert not any(secret in log for secret in SECRETS)


def test_who_may_make_roles_and_owns_the_database_needs_nobody_else(theirs: Theirs, tmp_path: Path) -> None:
    theirs.run(f"CREATE ROLE \"D.B.A.\" LOGIN CREATEROLE PASSWORD '{DBA}'", 'CREATE DATABASE console OWNER "D.B.A."')
    settings = theirs.settings("D.B.A.")
    for _ in range(2):
        done = migrate(settings, tmp_path)
        assert (done.returncode, done.stdout) == (0, "The database is up to date.\n"), done.stderr
    theirs.check_catalog()


def test_who_may_do_nothing_is_told_the_sql_and_everything_runs_once_it_is_done(theirs: Theirs, tmp_path: Path) -> None:
    theirs.run(f"CREATE ROLE deploy LOGIN PASSWORD '{DBA}'")
    settings = theirs.settings("deploy", engine_url=theirs.url("quarterdeck_worker", WORKER))
    refused = migrate(settings, tmp_path)
    assert refusal(refused).startswith("deploy may not set up the database console alone. ")
    assert '"console"' in refused.stdout
    for _ in range(2):
        theirs.psql(filled(refused.stdout))
    done = migrate(settings, tmp_path)
    assert (done.returncode, done.stdout) == (0, "The database is up to date.\n"), done.stderr
    theirs.check_catalog()


def test_everything_runs_on_it_and_outlives_its_absence(theirs: Theirs, tmp_path: Path) -> None:
    theirs.run(f"CREATE ROLE dba LOGIN CREATEROLE PASSWORD '{DBA}'", "CREATE DATABASE console OWNER dba")
    settings = theirs.settings("dba") | PERSON | {"QUARTERDECK_HEARTBEAT_SECONDS": "0.3"}
    with up(tmp_path / "data", settings=settings) as started:
        assert not (tmp_path / "data" / "postgres").exists()
        assert sign_in(started) == 303
        asyncio.run(import_something(theirs, tmp_path / "data"))
        theirs.server.stop()
        wait_for(started, "The database does not answer.")
        theirs.start()
        wait_for(started, "The database answers again.")
        started.wait_until_answering()
        assert sign_in(started) == 303
        assert started.stop() == 0
        assert not any(secret in started.log.read_text() for secret in SECRETS)
        # The engine's library tells of its lost connection by a traceback; nothing of ours does.
        errors = [line for line in started.log.read_text().splitlines() if "[error" in line]
        assert [line for line in errors if "[pgqueuer]" not in line] == []
        assert not re.search(r"Exception Group|process ended", started.log.read_text())


def sign_in(started: Up) -> int:
    form = {"email": PERSON["QUARTERDECK_ADMIN_EMAIL"], "password": PERSON["QUARTERDECK_ADMIN_PASSWORD"]}
    origin = f"http://127.0.0.1:{started.port}"
    return httpx.post(f"{origin}/auth/login", data=form, headers={"origin": origin}, trust_env=False).status_code


def wait_for(started: Up, sentence: str) -> None:
    """Waits; the time limit of the test is the only one."""
    while sentence not in started.log.read_text():
        time.sleep(0.1)


async def import_something(theirs: Theirs, data_dir: Path) -> None:
    """The person who has signed in imports a file; the worker that ``up`` keeps does the job."""
    async with theirs.behind("console") as admin:
        row = await admin.fetchrow("SELECT s.id, m.id AS staff, m.name FROM staff_sessions s, staff m")
        ann = Staff(row["id"], row["staff"], row["name"], PERSON["QUARTERDECK_ADMIN_EMAIL"], Role.SUPER_ADMIN)
        settings = Settings(data_dir=data_dir, database_url=SecretStr(theirs.url("quarterdeck_app", APP)))
        engine.configure(settings)
        try:
            team = (await teams.create(ann, "Acme")).id
            made = await Desk.of(ann, settings).start_new(b"code,n\nA,1\nB,2\nC,3\n", team)
        finally:
            await engine.dispose()
        state = "SELECT status FROM jobs WHERE id = $1 AND finished_at IS NOT NULL"
        while (status := await admin.fetchval(state, made.job_id)) is None:  # noqa: ASYNC110 - of other processes
            await asyncio.sleep(0.05)
        assert status == "succeeded"
        assert await admin.fetchval("SELECT count(*) FROM dataset_rows") == 3


async def prepare(settings: Mapping[str, str]) -> None:
    """``migrate`` up to the schema, without a process of its own."""
    fields = {name.removeprefix("QUARTERDECK_").lower(): value for name, value in settings.items()}
    await external.prepare(resolve(Settings.model_validate(fields | {"session_key": "k" * 43})))


async def test_only_what_is_missing_is_told(theirs: Theirs) -> None:
    async with theirs.behind() as admin:
        await admin.execute(f"CREATE ROLE deploy LOGIN PASSWORD '{DBA}'")
        await admin.execute("CREATE DATABASE console")
    async with theirs.behind("console") as admin:
        await admin.execute("CREATE SCHEMA extensions; CREATE EXTENSION pg_trgm SCHEMA extensions")
        with pytest.raises(external.RightsMissing) as refused:
            await prepare(theirs.settings("deploy"))
        assert "CREATE DATABASE" not in refused.value.script
        theirs.psql(filled(refused.value.script), "console")
        app_url = SecretStr(theirs.url("quarterdeck_app", APP))
        with pytest.raises(StartupProblem, match="Set QUARTERDECK_ENGINE_URL"):
            await external.check_engine(engine_url(app_url), app_url, external.Which(1, "console"))
        await admin.execute("ALTER ROLE quarterdeck_team BYPASSRLS; REVOKE quarterdeck_keeper FROM quarterdeck_app")
        with pytest.raises(external.RightsMissing) as refused:
            await prepare(theirs.settings("deploy"))
        told = [line for line in refused.value.script.splitlines() if not line.startswith("--")]
        assert [line.split()[:3] for line in told] == [
            ["ALTER", "ROLE", "quarterdeck_team"],
            ["GRANT", "quarterdeck_platform,", "quarterdeck_team,"],
        ]
        theirs.psql(refused.value.script, "console")
        await prepare(theirs.settings("deploy"))


@pytest.mark.parametrize(
    ("setting", "url", "sentence"),
    [
        ("migration_url", ("dba", "wrong"), r"refuses dba \(QUARTERDECK_MIGRATION_URL\): the password is wrong"),
        ("migration_url", ("nobody", DBA), "or there is no such login"),
        ("migration_url", ("dba", DBA, "other"), "dba may not set up the database other alone"),
        ("migration_url", ("dba", DBA, "full"), r"holds tables of something else \(invoices\)"),
        ("migration_url", ("dba", DBA, "latin"), "is encoded in LATIN1"),
        ("migration_url", ("dba", DBA, "console", "?sslmode=require"), "offers no TLS"),
        ("migration_url", ("dba", DBA, "console", "?channel_binding=require"), "after the [?]: unrecognized"),
        ("database_url", ("dba", DBA), "DATABASE_URL signs in as dba. It has to be quarterdeck_app"),
        ("engine_url", ("dba", DBA), "ENGINE_URL signs in as dba. It has to be quarterdeck_worker"),
    ],
)
async def test_what_stands_in_the_way_is_one_sentence(
    theirs: Theirs, setting: str, url: tuple[str, ...], sentence: str
) -> None:
    async with theirs.behind() as admin:
        await admin.execute(f"CREATE ROLE dba LOGIN PASSWORD '{DBA}'")
        await admin.execute("CREATE DATABASE console")
        if url[2:3] == ("full",):
            await admin.execute('ALTER DATABASE console RENAME TO "full"')
        if url[2:3] == ("latin",):
            await admin.execute(
                "CREATE DATABASE latin ENCODING latin1 TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C'"
            )
    async with theirs.behind(url[2] if url[2:3] in {("full",), ("latin",)} else "console") as admin:
        if url[2:3] == ("full",):
            await admin.execute("CREATE TABLE invoices (id int)")
    with pytest.raises(StartupProblem, match=sentence) as refused:
        await prepare(theirs.settings("dba") | {f"QUARTERDECK_{setting.upper()}": theirs.url(*url)})
    assert not any(secret in refused.value.sentence for secret in SECRETS)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app:sec/ret@h/db",
        "postgresql://app:sec@ret@h/db",
        "postgresql://app:sec#ret@h/db",
        "postgresql://app:sec?ret@h/db",
        "postgresql://app:secret@h",
        "mysql://app:secret@h/db",
        "postgresql+asyncpg://app:secret@h/db",
        "secret",
    ],
)
def test_an_address_that_is_none_is_not_repeated(url: str) -> None:
    with pytest.raises(StartupProblem, match="In the password, write @ as %40") as refused:
        connecting.address("database_url", SecretStr(url))
    assert not re.search("sec|ret", refused.value.sentence)


async def test_an_old_server_and_a_wrong_database_are_one_sentence(
    theirs: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with theirs.behind() as admin:
        await admin.execute("CREATE DATABASE console")
    superuser = theirs.settings(*theirs.superuser())
    await prepare(superuser)
    fields = {"database_url": theirs.url("quarterdeck_app", APP), "session_key": "k" * 43}
    settings = resolve(Settings.model_validate(fields))
    with pytest.raises(StartupProblem, match=r"has no tables of Quarterdeck yet\. Run `quarterdeck migrate`"):
        await external.check(settings, "0003")
    elsewhere = SecretStr(fields["database_url"].replace("/console", "/postgres"))
    with pytest.raises(StartupProblem, match="leads to another database"):
        await external.check_engine(engine_url(elsewhere), elsewhere, external.Which(1, "console"))
    for revision, sentence in (("0001", "has an older schema"), ("9999", "by a newer version of Quarterdeck")):
        async with theirs.behind("console") as admin:
            await admin.execute("DROP TABLE IF EXISTS alembic_version")
            await admin.execute(f"CREATE TABLE alembic_version AS SELECT '{revision}' AS version_num")
            await admin.execute("GRANT USAGE ON SCHEMA public TO quarterdeck_app")
            await admin.execute("GRANT SELECT ON alembic_version TO quarterdeck_app")
        with pytest.raises(StartupProblem, match=sentence):
            await external.check(settings, "0003")
    monkeypatch.setattr(connecting, "OLDEST", 99)
    with pytest.raises(StartupProblem, match=r"is PostgreSQL 18. Quarterdeck needs 99 or newer"):
        await external.check(settings, "0003")


async def test_tls_is_asked_for_in_the_address(theirs: Theirs, tmp_path: Path) -> None:
    """A server with TLS, checked by its certificate, for the application, its listening, and the migration."""
    async with theirs.behind() as admin:
        await admin.execute("CREATE DATABASE console")
    certificate, another = make_certificate(tmp_path / "theirs"), make_certificate(tmp_path / "another")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with tls_in_front(theirs, context) as port:

        def url(user: str, password: str, query: str) -> str:
            return f"postgresql://{user}:{quote(password, safe='')}@localhost:{port}/console{query}"

        checked = f"?sslmode=verify-full&sslrootcert={certificate}"
        settings = {
            "QUARTERDECK_DATABASE_URL": url("quarterdeck_app", APP, checked),
            "QUARTERDECK_MIGRATION_URL": url(*theirs.superuser(), checked),
        }
        await prepare(settings)
        await upgrade(settings["QUARTERDECK_MIGRATION_URL"])
        full = resolve(
            Settings(database_url=SecretStr(settings["QUARTERDECK_DATABASE_URL"]), session_key=SecretStr("k"))
        )
        await external.check(full, head())
        engine.configure(full)
        async with engine.login() as login:
            assert await health.revision(login) == head()
        await engine.dispose()
        system = settings | {
            "QUARTERDECK_MIGRATION_URL": url(*theirs.superuser(), "?sslmode=verify-full&sslrootcert=/x")
        }
        with pytest.raises(StartupProblem, match="names a file of certificates that does not exist"):
            await prepare(system)
        distrusted = url(*theirs.superuser(), f"?sslmode=verify-full&sslrootcert={another}")
        with pytest.raises(StartupProblem, match=r"TLS with localhost.* failed: .*sslrootcert=FILE"):
            await prepare(settings | {"QUARTERDECK_MIGRATION_URL": distrusted})
