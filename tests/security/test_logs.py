"""What the log says of refusals, and what it must never say."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from app import logs, trace
from app.errors import NotFound
from tests.people import PASSWORD
from tests.security.conftest import Site


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What our handler writes, without the test runner's own handlers losing their places."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs._TALKATIVE}
    logs.configure("INFO", "json")
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    out = io.StringIO()
    handler.setStream(out)
    yield out
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)
    for name, kept in levels.items():
        logging.getLogger(name).setLevel(kept)


def _log(logger: str, error: Exception, password: str = "") -> None:
    try:
        assert password is not None
        raise error
    except type(error) as raised:
        logging.getLogger(logger).exception(raised)  # noqa: TRY401 - as NiceGUI does


def test_expected_refusal_is_an_info_line_without_traceback(written: io.StringIO) -> None:
    with trace.referenced("7F3K-Q2"), logs.bound(staff="ann"):
        _log("nicegui", NotFound("There is no such job."))
    line = json.loads(written.getvalue())
    assert (line["level"], line["event"]) == ("info", "Refused: NOT_FOUND: There is no such job.")
    assert (line["reference"], line["staff"]) == ("7F3K-Q2", "ann")
    assert "exception" not in line


def test_bug_stays_an_error_with_its_traceback_and_without_the_values_in_it(written: io.StringIO) -> None:
    _log("nicegui", LookupError("a bug"), password=f"very{1_000}")
    line = json.loads(written.getvalue())
    assert line["level"] == "error"
    assert line["exception"][0]["exc_type"] == "LookupError"
    assert "very1000" not in written.getvalue()


def test_refusal_is_silent_when_only_warnings_are_wanted(written: io.StringIO) -> None:
    logging.getLogger("nicegui").setLevel(logging.WARNING)
    try:
        _log("nicegui", NotFound("There is no such job."))
    finally:
        logging.getLogger("nicegui").setLevel(logging.NOTSET)
    assert written.getvalue() == ""


async def test_log_of_a_sign_in_holds_neither_password_nor_cookie(site: Site) -> None:
    cookie = await site.sign_in()
    async with site.http(cookie) as client:
        await client.get("/?q=a-private-search")
        await client.get("/api/nothing?q=a-private-search")
    log = await site.logged("GET /api/nothing 404")
    assert "POST /auth/login 303" in log
    for secret in (PASSWORD, PASSWORD.replace(" ", "+"), cookie, "a-private-search"):
        assert secret not in log
