"""The screen of one's own API tokens, and the tokens on the page of a staff account, without a browser."""

from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from app.crypto import api_tokens
from tests.pages.visitor import Visit
from tests.people import Company

TITLE = "Create an API token"
WHY = "Found in a public repository"


@pytest.fixture
def asked(admin: asyncpg.Connection) -> Callable[..., Any]:
    async def ask(question: str, *values: Any) -> Any:
        return await admin.fetchval(question, *values)

    return ask


async def test_a_dialog_that_is_sent_many_times_makes_one(
    visit: Visit, people: Company, asked: Callable[..., Any]
) -> None:
    """Also buttons that are pressed many times open one dialog, and nothing is made by what is sent after it closed."""
    tess = await visit(people.tess, "/profile/tokens")
    for _ in range(5):
        tess.press("Create token")
    dialog = await tess.finds(label=TITLE, dialog=True)
    values = {"name": "CI", "permissions": "jobs:read", "sees": "some", "teams": str(people.acme), "days": "30"}
    for _ in range(5):
        tess.send(dialog, "submit", values)
    shown = await tess.finds(label="Your token “CI”", dialog=True)
    assert dialog.is_deleted
    tess.send(shown, "submit", {})
    await tess.closes(shown)
    await tess.sees("CI")
    assert await asked("SELECT count(*) FROM api_tokens") == 1
    tess.press("Create token")
    again = await tess.finds(label=TITLE, dialog=True)
    tess.send(again, "submit", values | {"teams": ""})
    assert set(await tess.refuses(again)) == {"teams"}
    tess.send(again, "submit", values | {"name": "CD"})
    await tess.finds(label="Your token “CD”", dialog=True)
    assert await asked("SELECT count(*) FROM api_tokens") == 2


async def test_create_shows_the_token_once_and_revoke_ends_it(
    visit: Visit, people: Company, asked: Callable[..., Any]
) -> None:
    tess = await visit(people.tess, "/profile/tokens")
    await tess.sees("No API tokens yet")
    tess.press("Create token")
    dialog = await tess.finds(label=TITLE, dialog=True)
    fields = {field["name"]: field for field in dialog.contents["fields"]}
    offered = {value for value, _ in fields["permissions"]["choices"]}
    assert {"jobs:read", "jobs:retry"} <= offered
    assert not offered & {"profile:edit", "tokens:create", "datasets:delete", "staff:read"}
    assert fields["teams"]["choices"] == [(str(people.acme), "Acme")]
    values = {"name": "CI", "permissions": "jobs:read", "sees": "some", "teams": "", "days": "30"}
    tess.send(dialog, "submit", values)
    assert set(await tess.refuses(dialog)) == {"teams"}
    tess.send(dialog, "submit", values | {"teams": str(people.acme), "days": "for ever"})
    await tess.sees("Choose how long the token works.")
    tess.send(dialog, "submit", values | {"teams": str(people.acme), "permissions": "jobs:read,documents:read"})
    shown = await tess.finds(label="Your token “CI”", dialog=True)
    secret = shown.contents["token"]
    assert await asked("SELECT digest FROM api_tokens") == api_tokens.digest(secret)
    tess.send(shown, "submit", {})
    await tess.closes(shown)
    await tess.sees("CI", f"{secret[:11]}…", "See jobs", "Acme")
    assert secret not in "".join(tess.texts())
    assert secret not in "".join((await visit(people.tess, "/profile/tokens")).texts())

    table = tess.find(label="API tokens")
    [row] = table.contents["rows"]
    assert row[3] == [0]
    tess.send(table, "act", [row[0], 0])
    await tess.answer("Revoke “CI”?")
    await tess.hears("“CI” is revoked.")
    await tess.sees("Revoked")
    assert tess.find(label="API tokens").contents["rows"][0][3] == []
    assert await asked("SELECT revoked_at IS NOT NULL FROM api_tokens")


async def test_tokens_of_an_account(visit: Visit, people: Company, asked: Callable[..., Any]) -> None:
    await asked(
        "INSERT INTO api_tokens (id, staff_id, name, hint, digest, permissions, created_at, expires_at)"
        " VALUES (gen_random_uuid(), $1, 'CI', 'qd_12345678', '', '{jobs:read,jobs:retry}', now(),"
        " now() + interval '1 day') RETURNING id",
        people.vic.staff_id,
    )
    sue = await visit(people.sue, f"/staff/{people.vic.staff_id}")
    await sue.sees("CI", "qd_12345678…", "See jobs")
    assert not any("Retry failed jobs" in text for text in sue.texts()), "Vic is a viewer"
    table = await sue.finds(label="API tokens")
    sue.send(table, "act", [table.contents["rows"][0][0], 0])
    await sue.answer("Why revoke this token?", reason=WHY)
    await sue.hears("“CI” of Vic Vale is revoked.")
    assert await asked("SELECT reason FROM audit_told() WHERE action = 'token.revoked'") == WHY
    vic = await visit(people.vic, "/profile/tokens")
    await vic.sees("You cannot create tokens", "qd_12345678…")
    assert vic.find(kind="head").contents["actions"] == []
    ann = await visit(people.ann, f"/staff/{people.vic.staff_id}")
    assert not any("qd_12345678" in text for text in ann.texts()), "she may not see tokens"
