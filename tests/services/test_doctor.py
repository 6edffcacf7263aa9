"""``quarterdeck doctor`` finds what is wrong, says what to do, changes nothing, and never fails itself."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr, ValidationError

from app import __version__, clock, doctor
from app.config import Settings
from app.doctor import database as of_database
from app.doctor import machine, outside, report, workers
from app.doctor import settings as of_settings
from app.doctor.findings import Finding, Level
from app.repositories.checkup import Sign
from tests.conftest import Database
from tests.factories import add_job
from tests.people import Company
from tests.ports import free_port
from tests.processes.running import quarterdeck

DELTAS = (
    "INSERT INTO stats_deltas (metric, dimension, bucket, n, total)"
    " SELECT 'users', '', now(), 1, 0 FROM generate_series(1, {})"
)


@pytest.fixture
def full(settings: Settings, database: Database) -> Settings:
    """All three ways into the test's database, and nobody at the port."""
    url = SecretStr(database.url("quarterdeck_owner"))
    return settings.model_copy(update={"migration_url": url, "port": free_port()})


async def sign_on(admin: asyncpg.Connection, *, maintenance: bool = True, version: str = __version__) -> None:
    await admin.execute(
        "INSERT INTO workers (id, host, pid, started_at, heartbeat_at, concurrency, engine, version, maintenance)"
        " VALUES (uuidv7(), 'here/1', 1, now(), now(), 2, 'pgqueuer', $1, $2)",
        *(version, maintenance),
    )


async def found(settings: Settings) -> dict[str, list[Finding]]:
    """What is found, by check."""
    by_check: dict[str, list[Finding]] = {}
    for finding in await doctor.examine(settings, "tests"):
        by_check.setdefault(finding.check, []).append(finding)
    return by_check


async def test_a_healthy_installation_has_nothing_to_say_but_that_no_pages_are_served(
    full: Settings, admin: asyncpg.Connection
) -> None:
    await sign_on(admin)
    findings = await doctor.examine(full, "tests")
    told = {finding.check: finding.sentence for finding in findings if finding.level is not Level.OK}
    assert told == {"Web": f"No pages are served at 127.0.0.1:{full.port}."}
    checks = {finding.check for finding in findings}
    assert checks >= {"Settings", "Disk", "Database", "Database rights", "Database schema", "Clock", "Queue of jobs"}
    assert checks >= {"Migration", "Workers", "Waiting jobs", "Numbers", "Stripe"}
    assert await admin.fetchval("SELECT count(*) FROM audit_entries") == 0
    assert not full.data_dir.exists()


@pytest.mark.parametrize(
    ("damage", "check", "level", "sentence", "advice"),
    [
        (
            "ALTER TABLE users NO FORCE ROW LEVEL SECURITY",
            *("Database schema", "problem", "not forced on users:", "ALTER TABLE users ENABLE"),
        ),
        ("UPDATE alembic_version SET version_num = '0001'", "Database schema", "problem", "has an older schema", ""),
        ("UPDATE alembic_version SET version_num = '9999'", "Database schema", "problem", "by a newer version", ""),
        ("REVOKE ALL ON alembic_version FROM quarterdeck_app", "Database schema", "problem", "has no tables", ""),
        (
            "DROP TABLE engine.pgqueuer CASCADE",
            *("Database schema", "problem", "tables of the queue of jobs are missing", "quarterdeck migrate"),
        ),
        (
            "DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO PUBLIC', current_database()); END $$",
            *("Database rights", "problem", "that nobody else may enter the database", "REVOKE ALL ON DATABASE"),
        ),
        (
            "REVOKE USAGE ON SCHEMA engine FROM quarterdeck_worker",
            *("Queue of jobs", "problem", "may not use the queue of jobs", ""),
        ),
        (
            DELTAS.format(10_000),
            "Numbers",
            "warning",
            "10,000 changes wait to be added up.",
            "log: one of them adds up",
        ),
        ("DELETE FROM workers", "Workers", "warning", "No worker runs.", "Start one with"),
        (
            "UPDATE workers SET heartbeat_at = now() - interval '3 hours'",
            *("Workers", "warning", "No worker runs. The last one showed life 3 hours ago.", "Start one with"),
        ),
        (
            "UPDATE workers SET maintenance = false",
            "Workers",
            "warning",
            "None of them does",
            "QUARTERDECK_MIGRATION_URL",
        ),
        ("UPDATE workers SET version = '0.0.9'", "Workers", "warning", "of version 0.0.9; this is", "restart those"),
    ],
)
async def test_damage_is_found(
    full: Settings, admin: asyncpg.Connection, damage: str, check: str, level: str, sentence: str, advice: str
) -> None:
    await sign_on(admin)
    await admin.execute(damage)
    told = [finding for finding in (await found(full))[check] if finding.level is not Level.OK]
    assert [finding.level for finding in told] == [level]
    assert sentence in told[0].sentence
    assert advice in told[0].advice


async def test_a_job_that_waits_too_long_is_found(full: Settings, company: Company, admin: asyncpg.Connection) -> None:
    job = await add_job(admin, company.acme, "queued")
    await admin.execute("UPDATE jobs SET run_after = now() - interval '20 minutes' WHERE id = $1", job)
    findings = await found(full)
    assert [finding.level for finding in findings["Waiting jobs"]] == [Level.PROBLEM]
    assert "waiting for 20 minutes" in findings["Waiting jobs"][0].sentence
    assert [finding.level for finding in findings["Workers"]] == [Level.PROBLEM]
    await sign_on(admin)
    await admin.execute("UPDATE jobs SET run_after = now() - interval '2 minutes' WHERE id = $1", job)
    assert [finding.level for finding in (await found(full))["Waiting jobs"]] == [Level.WARNING]


def test_workers_that_do_the_same_maintenance_are_named() -> None:
    one = Sign("east/1a", 7, clock.now(), 2, __version__, maintenance=True)
    two = replace(one, host="west/2b", pid=8)
    told = [finding.sentence for finding in workers.workers([one, two], [one, two], waiting=False)]
    assert told[0].startswith("2 workers run, 4 jobs at a time;")
    assert told[1:] == ["More than one does maintenance: east (process 7), west (process 8)."]


@pytest.mark.parametrize(("seconds", "level"), [(0, Level.OK), (10, Level.WARNING), (-600, Level.PROBLEM)])
async def test_clocks_that_differ_are_found(
    full: Settings, monkeypatch: pytest.MonkeyPatch, seconds: int, level: Level
) -> None:
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + timedelta(seconds=seconds))
    findings, _ = await of_database.examine(full)
    assert [finding.level for finding in findings if finding.check == "Clock"] == [level]


async def test_a_database_that_cannot_be_reached_is_one_line(full: Settings, database: Database) -> None:
    wrong = SecretStr(database.url("quarterdeck_app").replace("only%20for%20tests", "guessed"))
    assert "guessed" in wrong.get_secret_value()
    findings = await found(full.model_copy(update={"database_url": wrong}))
    assert [finding.level for finding in findings["Database"]] == [Level.PROBLEM]
    assert "the password is wrong" in findings["Database"][0].sentence
    assert "Workers" not in findings
    for field, check in (("engine_url", "Queue of jobs"), ("migration_url", "Migration")):
        elsewhere = getattr(full, field).get_secret_value().replace(f"/{database.name}?", "/nowhere?")
        findings = await found(full.model_copy(update={field: SecretStr(elsewhere)}))
        assert "There is no database nowhere" in findings[check][0].sentence


async def test_a_stopped_embedded_database_is_told_and_nothing_is_made(tmp_path: Path) -> None:
    findings = await found(Settings(data_dir=tmp_path / "data"))
    assert [finding.level for finding in findings["Database"]] == [Level.WARNING]
    assert "does not run" in findings["Database"][0].sentence
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("variables", "level", "sentence", "advice"),
    [
        ({"PROT": "1"}, "warning", "QUARTERDECK_PROT is not a setting", "Did you mean QUARTERDECK_PORT?"),
        ({"ORIGIN": "https://a.example/x"}, "problem", "not just the address of a site", "without a path"),
        ({"ORIGIN": "http://[a"}, "problem", "not just the address of a site", "without a path"),
        ({"ORIGIN": "http://a.example"}, "problem", "browsers keep no session", "https address"),
        ({"ORIGIN": "http://localhost:1"}, "warning", "but we listen on port 8080", "the same port"),
        ({"HOST": "192.0.2.1"}, "problem", "would send passwords in the clear", ""),
        ({"HOST": "192.0.2.1", "INSECURE_HTTP": "1"}, "warning", "in the clear", "proxy with TLS"),
        ({"ORIGIN": "https://a.example", "INSECURE_HTTP": "1"}, "warning", "although people come by https", "Unset"),
        ({"ENGINE_URL": "postgresql://a:b@/c"}, "problem", "QUARTERDECK_DATABASE_URL is not. Set it too", ""),
        ({"DATABASE_URL": "postgresql://a:s3cret/x@h/d"}, "problem", "is not an address", ""),
        ({"DATABASE_URL": "postgresql://a:s3cret@db.example/c"}, "warning", "does not insist on TLS", "verify-full"),
        ({"TRUSTED_PROXIES": "10.0.0.1, ::/0"}, "problem", "names every address", "Name the proxies"),
        ({"SESSION_KEY": "s3cret"}, "problem", "SESSION_KEY has a key that is shorter than 32", "Unset it"),
        ({"TOTP_KEY": f"{'k' * 40},s3cret"}, "problem", "TOTP_KEY has a key that is shorter than 32", "Unset it"),
        ({"LEASE_SECONDS": "5"}, "problem", "A job is lost after 5 s", "3 times"),
    ],
)
def test_settings_that_do_not_fit_are_found(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], level: str, sentence: str, advice: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"QUARTERDECK_{name}", value)
    told = of_settings.examine(Settings())
    assert [finding.level for finding in told] == [level]
    assert sentence in told[0].sentence
    assert advice in told[0].advice
    assert "s3cret" not in str(told)


def test_settings_that_fit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUARTERDECK_DATABASE_URL", "postgresql://a:b@db.example/c?sslmode=verify-full")
    monkeypatch.setenv("QUARTERDECK_ORIGIN", "https://console.example.com")
    assert (
        of_settings.examine(Settings())[0].sentence == "2 settings in the environment; all known, none against another."
    )


def test_the_data_directory_and_its_disk_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path)

    def levels() -> list[str]:
        return [f"{finding.check}: {finding.level}" for finding in machine.examine(settings)]

    assert levels() == ["Data directory: ok", "Disk: ok"]
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets" / "session_key").touch(mode=0o644)
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("17\n")
    assert levels() == ["Data directory: problem", "Data directory: problem", "Disk: ok"]
    assert "1 thing in" in machine.examine(settings)[0].sentence
    assert "PostgreSQL 17, not 18" in machine.examine(settings)[1].sentence
    (tmp_path / "file").touch()
    assert "is a file" in machine.examine(settings.model_copy(update={"data_dir": tmp_path / "file"}))[0].sentence
    usage = shutil.disk_usage(tmp_path)
    for free, level in ((1_000_000_000, "warning"), (1_000_000, "problem")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        assert levels()[-1] == f"Disk: {level}"


@pytest.mark.parametrize(
    ("key", "answer", "level", "sentence"),
    [
        (None, None, "ok", "No key is set"),
        ("pk_test_0123456789", None, "problem", "publishable"),
        ("whsec_0123456789", None, "problem", "does not look like"),
        ("sk_test_0123456789", 401, "problem", "does not accept our key"),
        ("rk_live_0123456789", 200, "ok", "takes the key (live mode)"),
    ],
)
async def test_the_key_of_stripe_is_looked_at(key: str | None, answer: int | None, level: str, sentence: str) -> None:
    async with stripe_that_answers(answer or 500) as base:
        settings = Settings(stripe_key=SecretStr(key) if key else None, stripe_api_base=base)
        finding = await outside.stripe(settings)
    assert finding.level == level
    assert sentence in finding.sentence
    assert not key or key not in finding.sentence


@asynccontextmanager
async def stripe_that_answers(status: int) -> AsyncIterator[str]:
    payments = {"object": "list", "data": [], "has_more": False, "url": "/v1/payment_intents"}
    refusal = {"error": {"type": "invalid_request_error", "message": "Invalid API Key"}}
    body = json.dumps(payments if status == 200 else refusal).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_check_that_fails_itself_is_a_finding_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Settings) -> list[Finding]:
        raise LookupError("an inner detail")

    monkeypatch.setattr(machine, "examine", fail)
    findings = await found(Settings(data_dir=tmp_path))
    assert findings["Data directory"][0].sentence == "This could not be looked at (LookupError)."
    assert "Stripe" in findings


def test_the_report_reads_well_without_a_terminal() -> None:
    findings = [
        Finding("Disk", Level.OK, "64.0 GB free."),
        Finding("Workers", Level.WARNING, "No worker runs. " * 9, "Start one with `quarterdeck worker`."),
        Finding("Database", Level.PROBLEM, "It does not answer."),
    ]
    lines = report.as_text(findings[:2]).splitlines()
    assert all(len(line) <= 130 for line in lines)
    assert lines[-1] == "1 warning."
    assert lines[-3].endswith("→ Start one with `quarterdeck worker`.")
    assert report.as_text(findings).endswith("1 problem and 1 warning.")
    assert report.as_text(findings[:1]).endswith("Everything is as it should be.")
    assert json.loads(report.as_json(findings))["status"] == "problem"
    assert json.loads(report.as_json(findings))["findings"][0] == {
        "check": "Disk", "level": "ok", "sentence": "64.0 GB free.", "advice": ""
    }  # fmt: skip


def test_the_command_ends_with_one_only_for_problems(tmp_path: Path) -> None:
    fine = quarterdeck("doctor", "--data-dir", tmp_path / "data")
    assert (fine.returncode, fine.stderr) == (0, "")
    assert "\x1b" not in fine.stdout
    assert fine.stdout.endswith("1 warning.\n")
    refused = quarterdeck("doctor", "--json", settings={"QUARTERDECK_PORT": "ninety"})
    assert (refused.returncode, refused.stderr) == (1, "")
    assert json.loads(refused.stdout)["findings"][0]["sentence"].startswith("QUARTERDECK_PORT: Input should be")


def test_settings_that_cannot_be_read_are_findings_without_their_values() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"stripe_key": "s3cret\n", "pool_size": 0})
    told = doctor.refused(refused.value)
    assert len(told) == 2
    assert "s3cret" not in str(told)
