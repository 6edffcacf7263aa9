"""Attacks by files: pages and pictures that would run, archives that would fill a disk, names that lead elsewhere."""

import gzip
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from app.actor import Staff
from app.config import Settings
from app.services import imports
from app.storage import uploads
from app.tabular import source
from app.tabular.inspection import inspect_here
from app.tabular.plan import Unreadable
from app.tabular.source import Lines
from app.web import errors
from app.web.guard import Guard
from app.web.routes import datasets
from tests.factories import Desk, choices
from tests.people import Company

ORIGIN = "http://127.0.0.1:8080"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
HTML = b"<html><body><script>alert(document.cookie)</script>,a\n1,2\n</body></html>"
FILES = {
    "html": HTML,
    "html after a byte order mark": b"\xef\xbb\xbf" + HTML,
    "html in UTF-16": HTML.decode().encode("utf-16"),
    "html after spaces": b" \t\r\n" * 50 + HTML.upper(),
    "html, packed": gzip.compress(HTML),
    "svg": SVG,
    "svg after a declaration": b'<?xml version="1.0"?>' + SVG,
    "xml that asks for a file": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "zip": b"PK\x03\x04" + bytes(100),
    "program": b"\x7fELF\x02\x01\x01" + bytes(100),
    "polyglot of a picture and a script": b"GIF89a/*" + bytes(range(256)) * 4 + b"*/=1;alert(1)",
    "polyglot of a document and a table": b"%PDF-1.7\na,b\n1,2\n",
}


@pytest.mark.parametrize("kind", FILES)
def test_upload_of_something_else_than_a_table(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(FILES[kind])
    with pytest.raises(Unreadable):
        inspect_here(path)


def bomb(line: bytes, times: int) -> bytes:
    """A small file that unpacks to ``times`` copies of ``line``, made without ever holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = line * 10_000
    return b"".join([packer.compress(b"a,b\n"), *(packer.compress(block) for _ in range(times // 10_000))]) + (
        packer.flush()
    )


def test_zip_bomb_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are perfectly good, a thousand times as many as the file is large: reading stops at the limit."""
    monkeypatch.setattr(source, "UNPACKED_BYTES", 1_000_000)
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(packed := bomb(b"1,2\n", 5_000_000))
    most = 100 * len(packed)
    assert most < 20_000_000 / 5, "the bomb is one"
    lines, got = Lines(path, encoding="utf-8", gzipped=True), 0
    with pytest.raises(Unreadable, match="unpacks to more than"):
        while taken := lines.take(10_000):
            got += sum(map(len, taken))
    lines.close()
    assert most < got < most + 2 * source.BLOCK


def test_packed_table_of_a_usual_kind_is_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "UNPACKED_BYTES", 1_000)
    path = tmp_path / "rows.csv.gz"
    text = b"".join(b"%d,%d\n" % (n * n, n) for n in range(100_000))
    path.write_bytes(gzip.compress(text))
    lines = Lines(path, encoding="utf-8", gzipped=True)
    assert sum(sum(map(len, taken)) for taken in iter(lambda: lines.take(10_000), [])) == len(text)
    lines.close()


@pytest.mark.parametrize("letter", [b"\0", b"a", b",", b'"'])
def test_zip_bomb_of_one_line(tmp_path: Path, letter: bytes) -> None:
    """One line without an end: refused after a few megabytes, whatever it would unpack to."""
    path = tmp_path / "line.csv.gz"
    path.write_bytes(bomb(letter, 50_000_000))
    with pytest.raises(Unreadable):
        inspect_here(path)


async def test_zip_bomb_stops_the_import_and_leaves_no_row(
    company: Company, settings: Settings, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "UNPACKED_BYTES", 100_000)
    desk = Desk.of(company.ann, settings)
    started = await desk.start_new(bomb(b"1," + b"x" * 300 + b"\n", 20_000), company.acme)
    await desk.run_all(admin)
    seen = await imports.get(company.ann, started.id)
    assert seen.job is not None
    assert (seen.job.status, seen.job.attempts) == ("failed", 1)
    assert seen.job.error is not None
    assert "unpacks to more than" in seen.job.error
    assert await admin.fetchval("SELECT count(*) FROM dataset_rows") == 0


@pytest.fixture
async def ann(company: Company, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Requests of ann through the guard, to the routes of files."""
    uploads.bind(settings)
    api = FastAPI()
    errors.install(api)
    api.include_router(datasets.router)

    async def find(_: str) -> Staff:
        return company.ann

    transport = httpx.ASGITransport(Guard(api, settings.model_copy(update={"port": 8080}), find))
    headers = {"origin": ORIGIN, "cookie": "__Host-quarterdeck=x"}
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as client:
        yield client


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/cron.d/x\r\nSet-Cookie: a=b",
        "C:\\Windows\\x\0.html",
        '"; filename=evil.html; x=".csv',
        "<img src=x onerror=alert(1)>.csv",
        "\u202efdp" + "ü" * 250,
    ],
)
async def test_file_name_on_its_way_in_and_out(
    ann: httpx.AsyncClient, company: Company, settings: Settings, admin: asyncpg.Connection, name: str
) -> None:
    """It is kept under an id of ours, and what is downloaded again is an attachment that no browser opens by itself."""
    sent = await ann.put("/uploads", params={"name": name}, content=b"n\n" + b"1\n2\n3\n" * 5 + b"x\n")
    assert sent.status_code == 201
    folder = settings.data_dir / "uploads"
    assert {path.name for path in folder.iterdir()} == {f"{sent.json()['id']}.data", f"{sent.json()['id']}.json"}
    desk = Desk.of(company.ann, settings)
    looked = await imports.look(company.ann, desk.store, sent.json()["id"])
    asked: dict[str, Any] = {
        "team_id": company.acme,
        "name": "Numbers",
        "choices": choices(looked, n="integer"),
        "skip_bad": True,
    }
    started = await imports.start_new(company.ann, desk.store, looked, **asked)
    await desk.run_all(admin)
    answer = await ann.get(f"/api/imports/{started.id}/errors.csv")
    assert answer.status_code == 200, answer.text
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; filename")
    assert disposition.isprintable()
    assert disposition.isascii()
    assert disposition.count(";") == 1
    assert disposition.rstrip('"').endswith("-errors.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "set-cookie" not in answer.headers
