"""The watch over the logs finds each kind of secret as the product makes it, and nothing that only looks alike."""

import logging
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from app import clock
from app.crypto import api_tokens, links, tokens, totp
from app.crypto.passwords import NOBODYS_HASH
from app.storage.secret_files import new_secret
from tests import secret_watch
from tests.people import PASSWORD
from tests.secret_watch import Watch, secrets_in, secrets_of

SECRETS: dict[str, Callable[[], str]] = {
    "a signed token": lambda: tokens.sign(
        tokens.Claims(uuid4(), uuid4(), clock.now(), clock.now() + timedelta(hours=1)), new_secret()
    ),
    "a one-time link": lambda: f"GET /welcome/{links.new_token()} 200",
    "an API token": lambda: f"Authorization: Bearer {api_tokens.new_secret()}",
    "a second factor's secret": totp.new_secret,
    "a recovery code": lambda: f"code={totp.new_recovery_codes()[0]}",
    "a key of Stripe": lambda: "api_key=rk_live_51Habcdefgh",
    "a password in a database's address": lambda: "postgresql://quarterdeck_app:hunter2@/quarterdeck?host=/tmp/x",
    "the hash of a password": lambda: NOBODYS_HASH,
    "a password or key of the tests": lambda: f"password={PASSWORD.replace(' ', '+')}&next=/",
}
HARMLESS = [
    "GET /jobs/2c1ebe13-5a28-4f63-b088-185706c9af58 200 12 ms",
    "reference=7F3K-Q2",
    "postgresql://quarterdeck_app:***@/quarterdeck?host=/tmp/x",
    "postgresql://quarterdeck_app@/quarterdeck",
    "GET /welcome/… 200 3 ms",
    "qd_3f2a91cc",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "The second factor of Ann Adler was set up.",
]


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_known_by_its_shape(kind: str) -> None:
    for text in (SECRETS[kind](), f'{{"event": "{SECRETS[kind]()}", "level": "info"}}'):
        found = list(secrets_in(text))
        assert found, text
        assert found[0].startswith(kind)


def test_every_shape_is_tried() -> None:
    assert {what.split(" (")[0] for what in secret_watch.SHAPES} < SECRETS.keys()


@pytest.mark.parametrize("text", HARMLESS)
def test_what_a_log_should_say_is_no_secret(text: str) -> None:
    assert not list(secrets_in(text))


def test_logs_are_found_wherever_they_lie(tmp_path: Path) -> None:
    for name in (
        "product0/log",
        "up.log",
        "data/postgres/log/Mon.csv",
        "data/postgres-start.log",
        "data/uploads/x.log",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"before\nqd_{'0' * 72}\nafter\n")
    (tmp_path / "settings.txt").write_text(f"qd_{'0' * 72}")
    found = list(secrets_of(tmp_path))
    shutil.rmtree(tmp_path)  # the watch over the whole run would find them, too
    assert len(found) == 4


def test_lines_of_this_process_are_read_with_their_tracebacks() -> None:
    logger, watch = logging.getLogger("app.watched"), Watch()
    logger.propagate = False  # else the watch over the whole run would hear it, too
    logger.addHandler(watch)
    try:
        logger.warning("%s came in", "qd_" + "1" * 72)
        try:
            raise LookupError("qd_" + "2" * 72)
        except LookupError:
            logger.exception("It failed")
    finally:
        logger.removeHandler(watch)
        logger.propagate = True
    assert [found[-1] for found in watch.found] == ["1", "2"]
