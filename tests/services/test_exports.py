"""Lists as CSV: what stands in the file, whose rows, what the log tells, and what is left when it goes wrong."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.actor import Staff
from app.config import Settings
from app.database import engine
from app.errors import AppError, Forbidden, Invalid, NotFound, NotSignedIn, TooSlow, Unavailable
from app.ids import uuid7
from app.models import Base
from app.paging import PageRequest, Sort
from app.permissions import Permission
from app.repositories import exports as exports_table
from app.services import audit, datasets, exports, jobs
from tests.factories import add_job, make_dataset
from tests.people import Company

Table = list[dict[str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


async def exported(
    actor: Staff, folder: Path, name: str, request: PageRequest | None = None
) -> tuple[exports.Exported, Table]:
    """The export, and its rows as a reader of CSV sees them."""
    made = await exports.export(actor, folder, name, request or PageRequest())
    rows = list(csv.DictReader(io.StringIO(text_of(made), newline=""), strict=True))
    assert len(rows) == made.rows
    return made, rows


def text_of(made: exports.Exported) -> str:
    with made.file as file:
        file.seek(0)
        content = file.read()
    assert len(content) == made.bytes
    assert content.startswith(b"\xef\xbb\xbf")
    return content.decode("utf-8-sig")


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.exists() else []


async def last_entry(admin: asyncpg.Connection) -> dict[str, Any]:
    entry = await admin.fetchrow("SELECT * FROM audit_told() ORDER BY id DESC LIMIT 1")
    assert entry is not None
    return dict(entry) | {"detail": json.loads(entry["detail"]) if entry["detail"] else None}


async def entries(admin: asyncpg.Connection) -> int:
    return int(await admin.fetchval("SELECT count(*) FROM audit_entries WHERE action = 'list.exported'"))


async def test_every_list_has_a_file_with_a_head_and_columns_of_its_own(company: Company, folder: Path) -> None:
    for name, listed in exports.LISTS.items():
        made = await exports.export(company.sue, folder, name, PageRequest())
        assert left_in(folder) == []  # the file has no name
        [head, *_] = csv.reader(io.StringIO(text_of(made), newline=""))
        stems = [column.removesuffix("_utc") for column in head]
        assert stems == list(listed.columns)
        assert len(stems) == len(set(stems)) > 4
        assert "id" in stems


async def test_a_file_holds_what_the_list_holds_in_its_order(
    company: Company, admin: asyncpg.Connection, folder: Path
) -> None:
    for n in range(7):
        await add_job(admin, (company.acme, company.nordlicht)[n % 2], ("failed", "succeeded")[n % 3 == 0])
    request = PageRequest({"status": ("failed",), "created_at": ("24h",)}, sort=Sort("id", descending=False))
    made, rows = await exported(company.ann, folder, "jobs", request)
    listed = (await jobs.search(company.ann, request)).rows
    assert [row["id"] for row in rows] == [str(job.id) for job in listed]
    assert {row["status"] for row in rows} == {"failed"}
    assert {row["team"] for row in rows} == {"Acme", "Nordlicht"}
    assert (made.rows, made.cut) == (4, False)
    assert made.name.startswith("jobs-20")
    assert made.name.endswith(".csv")
    found, _ = await exported(company.ann, folder, "jobs", PageRequest(search="nordl"))
    assert found.rows == 3


async def test_formulas_are_defused_and_everything_else_stays_what_it_is(
    company: Company, admin: asyncpg.Connection, folder: Path
) -> None:
    names = {
        "=1+1": "'=1+1",
        "+49 30": "'+49 30",
        "-5": "'-5",
        "@SUM(A1)": "'@SUM(A1)",
        "\t=1": "'\t=1",
        "\r=1": "'\r=1",
        "\n=1": "'\n=1",
        "＝1+1": "'＝1+1",  # the full-width sign
        "'=1": "'=1",
        'a "quoted", name\nof two lines': 'a "quoted", name\nof two lines',
        "Größe; 名前 𝄞": "Größe; 名前 𝄞",
        "a=b": "a=b",
        " =1": "' =1",
        "\u00a0+1": "'\u00a0+1",  # no-break
        "\u200b\u2060@SUM(A1)": "'\u200b\u2060@SUM(A1)",  # of no width
        "\ufeff \u202e-1": "'\ufeff \u202e-1",
        " \t=2": "' \t=2",
        " a": " a",
    }
    for name in names:
        await make_dataset(admin, company.acme, name, {"a": "text"})
    _, rows = await exported(company.ann, folder, "datasets", PageRequest(sort=Sort("id", descending=False)))
    assert [row["name"] for row in rows] == list(names.values())
    assert {row["rows"] for row in rows} == {"0"}


async def test_numbers_moments_and_nothing_are_told_plainly(
    company: Company, bound: Settings, admin: asyncpg.Connection, folder: Path
) -> None:
    await add_job(admin, company.acme, "queued")
    await admin.execute(
        "UPDATE jobs SET cost_micros = -5, error = '', created_at = '2024-02-29 23:59:59.9+00',"
        " started_at = '2024-07-01 01:00:00+02'"
    )
    await admin.execute("ALTER ROLE quarterdeck_app SET TimeZone = 'Asia/Tokyo'")
    try:
        await engine.dispose()
        engine.configure(bound)
        made = await exports.export(company.ann, folder, "jobs", PageRequest())
    finally:
        await admin.execute("ALTER ROLE quarterdeck_app RESET TimeZone")
    head, line = text_of(made).splitlines()
    values = dict(zip(head.split(","), line.split(","), strict=True))
    assert values["cost_micros"] == "-5"
    assert values["created_at_utc"] == "2024-02-29 23:59:59"
    assert values["started_at_utc"] == "2024-06-30 23:00:00"
    assert (values["finished_at_utc"], values["error_code"], values["error"]) == ("", "", '""')


async def test_the_log_tells_who_took_which_rows(company: Company, admin: asyncpg.Connection, folder: Path) -> None:
    await add_job(admin, company.acme)
    request = PageRequest({"status": ("failed", "queued")}, search="acme", sort=Sort("id"))
    await exported(company.ann, folder, "jobs", request)
    entry = await last_entry(admin)
    assert (entry["action"], entry["target_type"], entry["target_id"]) == ("list.exported", "list", "jobs")
    assert (entry["target_label"], entry["actor_name"], entry["team_id"]) == ("Jobs", "Ann Adler", None)
    asked = {"filters": {"status": "failed, queued"}, "search": "acme", "sort": "-id"}
    assert entry["detail"] == {"rows": 1, **asked}
    assert (entry["before"], entry["after"], entry["ip"]) == (None, None, "127.0.0.1")
    _, rows = await exported(company.ann, folder, "audit")
    assert [row["action"] for row in rows] == ["list.exported"]


async def test_limited_people_take_away_their_teams_rows_only(
    company: Company, admin: asyncpg.Connection, folder: Path
) -> None:
    """COPY of a question obeys row-level security; the door's role and teams hold for raw work, too."""
    for team, name in ((company.acme, "Ours"), (company.nordlicht, "Theirs")):
        made = await make_dataset(admin, team, name, {"a": "text"})
        await add_job(admin, team)
        await datasets.rename(company.ann, made.id, name + "!", name)
        await admin.execute(
            "INSERT INTO users (id, team_id, email, name, plan, status, options, version, created_at, updated_at)"
            " VALUES ($1, $2, $3, $4, 'free', 'active', '{}', 1, now(), now())",
            *(uuid7(), team, f"{name}@example.com", f"Somebody of {name}"),
        )
    _, rows = await exported(company.tess, folder, "users", PageRequest(search="somebody"))
    assert [row["name"] for row in rows] == ["Somebody of Ours"]
    for list_ in set(exports.LISTS) - {"staff"}:
        _, rows = await exported(company.tess, folder, list_)
        told = json.dumps(rows)
        assert "Theirs" not in told, list_
        assert "Nordlicht" not in told, list_
        assert str(company.nordlicht) not in told, list_
        assert str(company.acme) in told or not rows
    with pytest.raises(Forbidden):
        await exports.export(company.tess, folder, "staff", PageRequest())
    found = (await audit.search(company.tess, PageRequest({"action": ("list.exported",)}))).rows
    assert {(entry.actor_name, entry.team_id) for entry in found} == {("Tess Tam", company.acme)}


async def test_an_export_by_somebody_of_several_teams_is_told_to_those_who_see_all(
    company: Company, admin: asyncpg.Connection, folder: Path
) -> None:
    await add_job(admin, company.acme)
    add = "INSERT INTO staff_teams (staff_id, team_id) VALUES ($1, $2)"
    for change, rows in ((add, 1), ("DELETE FROM staff_teams WHERE $1 <> $2::uuid", 0)):
        await admin.execute(change, company.tess.staff_id, company.nordlicht)
        made, _ = await exported(company.tess, folder, "jobs")
        assert made.rows == rows
        entry = await last_entry(admin)
        assert (entry["actor_name"], entry["team_id"]) == ("Tess Tam", None)
    assert (await audit.search(company.tess, PageRequest())).rows == []
    assert [row.action for row in (await audit.search(company.ann, PageRequest())).rows] == ["list.exported"] * 2


async def test_beyond_the_most_rows_a_file_is_cut_and_says_so(
    company: Company, admin: asyncpg.Connection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [str(await add_job(admin, company.acme)) for _ in range(4)]
    monkeypatch.setattr(exports_table, "MOST_ROWS", 3)
    made, rows = await exported(company.ann, folder, "jobs")
    assert [row["id"] for row in rows] == ids[:0:-1]
    assert made.cut
    assert made.name.endswith("-first-3.csv")
    assert (await last_entry(admin))["detail"] == {"rows": 3, "more_matched": True}
    await admin.execute("DELETE FROM jobs WHERE id = $1", rows[0]["id"])
    made, _ = await exported(company.ann, folder, "jobs")
    assert (made.rows, made.cut) == (3, False)


async def test_only_those_who_may_export_and_see_the_list(
    company: Company, admin: asyncpg.Connection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Forbidden, match="lists:export"):
        await exports.export(company.vic, folder, "jobs", PageRequest())
    monkeypatch.setattr("app.database.identity.granted", lambda *_, **__: frozenset({Permission.LISTS_EXPORT}))
    with pytest.raises(Forbidden, match="jobs:read"):
        await exports.export(company.vic, folder, "jobs", PageRequest())
    refused = await admin.fetch("SELECT target_id FROM audit_entries WHERE action = 'access.refused' ORDER BY id")
    assert [row["target_id"] for row in refused] == ["lists:export", "jobs:read"]
    with pytest.raises(NotFound):
        await exports.export(company.ann, folder, "staff_sessions", PageRequest())
    await admin.execute("UPDATE staff_sessions SET revoked_at = now() WHERE id = $1", company.ann.session_id)
    with pytest.raises(NotSignedIn):
        await exports.export(company.ann, folder, "jobs", PageRequest())
    assert await entries(admin) == 0


async def test_what_cannot_be_asked_is_refused_and_leaves_nothing(
    company: Company, admin: asyncpg.Connection, folder: Path
) -> None:
    impossible = [
        ("jobs", PageRequest({"status": ("eaten",)})),
        ("jobs", PageRequest({"team": ("x",)})),
        ("jobs", PageRequest({"created_at": ("yesterday",)})),
        ("jobs", PageRequest(search="a\x00b")),
        ("jobs", PageRequest(sort=Sort("input"))),
        ("audit", PageRequest({"record": ("job:\x00",)})),
    ]
    for name, request in impossible:
        with pytest.raises(Invalid):
            await exports.export(company.ann, folder, name, request)
        assert left_in(folder) == []
    assert await entries(admin) == 0


async def test_whatever_is_searched_for_stays_a_value(
    company: Company, admin: asyncpg.Connection, folder: Path
) -> None:
    job_id = await add_job(admin, company.acme)
    for words in ("$1", "$2::text", "'; DROP TABLE jobs; --", "\\", "%_", "$$", "1) TO PROGRAM 'x' --", "E'\\x41'"):
        request = PageRequest({"status": ("failed",)}, search=words)
        await admin.execute("UPDATE jobs SET error = 'x' WHERE id = $1", job_id)
        assert (await exported(company.ann, folder, "jobs", request))[0].rows == 0
        await admin.execute("UPDATE jobs SET error = $2 WHERE id = $1", job_id, f"before {words} after")
        _, [row] = await exported(company.ann, folder, "jobs", request)
        assert row["error"] == f"before {words} after"


@pytest.fixture
async def slow(company: Company, admin: asyncpg.Connection) -> None:
    """A question that takes a minute: reading a team's name sleeps."""
    await add_job(admin, company.acme)
    await admin.execute(
        "ALTER TABLE teams RENAME TO all_teams;"
        "CREATE FUNCTION sleepy(name text) RETURNS text LANGUAGE sql AS 'SELECT name FROM pg_sleep(60)';"
        "CREATE VIEW teams AS SELECT id, sleepy(name) AS name FROM all_teams;"
        "GRANT SELECT ON teams TO quarterdeck_platform"
    )


async def test_a_slow_question_is_stopped_and_leaves_nothing(
    company: Company, slow: None, admin: asyncpg.Connection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "TIMEOUT", 0.2)
    with pytest.raises(TooSlow):
        await exports.export(company.ann, folder, "jobs", PageRequest())
    assert await entries(admin) == 0
    assert left_in(folder) == []


async def _until(admin: asyncpg.Connection, *, asking: bool) -> None:
    copies = "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active'"
    while await admin.fetchval(copies) is not asking:  # noqa: ASYNC110 - of another process
        await asyncio.sleep(0.02)


async def test_cancelling_stops_the_question_in_the_database(
    company: Company, slow: None, admin: asyncpg.Connection, folder: Path
) -> None:
    task = asyncio.get_running_loop().create_task(exports.export(company.ann, folder, "jobs", PageRequest()))
    await _until(admin, asking=True)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _until(admin, asking=False)
    assert await entries(admin) == 0
    assert (await audit.search(company.ann, PageRequest())).rows == []  # the pool's connection is as good as new


class _FullDisk(io.BytesIO):
    def write(self, _: Any) -> int:
        raise OSError(28, "No space left on device")


async def test_a_full_disk_is_told_as_such(
    company: Company, admin: asyncpg.Connection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_job(admin, company.acme)
    full = _FullDisk()
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: full)
    with pytest.raises(Unavailable, match="disk"):
        await exports.export(company.ann, folder, "jobs", PageRequest())
    assert full.closed
    assert await entries(admin) == 0


async def test_nothing_is_handed_out_unless_the_log_has_it(
    company: Company, admin: asyncpg.Connection, folder: Path
) -> None:
    await admin.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no entries today'; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON audit_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
    )
    with pytest.raises(Exception, match="no entries today") as refused:
        await exports.export(company.ann, folder, "jobs", PageRequest())
    assert not isinstance(refused.value, AppError)
    assert left_in(folder) == []


def test_no_column_of_a_file_is_a_secret() -> None:
    secret = {str(c) for table in Base.metadata.tables.values() for c in table.columns if c.info.get("secret")}
    assert secret
    for name, listed in exports.LISTS.items():
        for head, column in listed.columns.items():
            assert str(column) not in secret, f"{name}.{head}"
            assert not {"password", "token", "hash"} & set(head.split("_")), f"{name}.{head}"


async def test_many_rows_pass_in_pieces(company: Company, admin: asyncpg.Connection, folder: Path) -> None:
    await admin.execute(
        "INSERT INTO jobs (id, team_id, kind, input, queue, priority, status, epoch, attempts, max_attempts, run_after,"
        " deliveries, progress, progress_done, progress_text, cost_micros, created_at, error)"
        " SELECT uuidv7(), $1, 'test.made', '{}', 'default', 0, 'failed', 0, 1, 3, now(), 1, 0, 0, '', n, now(),"
        " repeat('ä\n', 400) FROM generate_series(1, 3000) AS n",
        company.acme,
    )
    made, rows = await exported(company.ann, folder, "jobs")
    assert made.bytes > 2 * exports.BUFFER
    assert [int(row["cost_micros"]) for row in rows] == list(range(3000, 0, -1))
    assert {row["error"] for row in rows} == {"ä\n" * 400}


@pytest.fixture(autouse=True)
async def _nothing_left(folder: Path) -> AsyncIterator[None]:
    yield
    assert left_in(folder) == []
