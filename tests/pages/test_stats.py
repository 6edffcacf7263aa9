"""Stats and Home without a browser: four pictures that are not alike, what the address says, who sees which number."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from app import clock
from app.errors import Unavailable
from app.services import stats
from components.charts.chart import ticks
from tests.factories import add_job, add_user
from tests.pages.visitor import Visit, Visitor
from tests.people import Company


async def pay(admin: asyncpg.Connection, team: Any, currency: str, amount: int, refunded: int = 0) -> None:
    await admin.execute(
        "INSERT INTO payments (id, team_id, amount_minor, currency, status, refunded_minor, description, version,"
        " created_at, updated_at) VALUES (gen_random_uuid(), $1, $2, $3, 'succeeded', $4, '', 1, now(), now())",
        *(team, amount, currency, refunded),
    )


async def card(visitor: Visitor, key: str, state: str = "ready") -> dict[str, Any]:
    found: dict[str, Any] = (await visitor.finds(key=key, state=state)).contents
    return found


async def test_no_data_zero_error_and_not_allowed_are_four_pictures(
    visit: Visit, people: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = clock.now() - timedelta(days=20)
    await add_user(admin, people.acme, "Old", "old@example.com", created_at=long_ago)

    async def broken(*_: object) -> None:
        raise Unavailable("The database does not answer. Try again in a moment.")

    monkeypatch.setattr(stats, "_answer", broken)
    vic = await visit(people.vic, "/stats?range=7d")
    assert (await card(vic, "jobs", "error"))["error"]["sentence"].startswith("The database does not answer.")
    monkeypatch.undo()
    vic = await visit(people.vic, "/stats?range=7d")
    zero, nothing = await card(vic, "signups"), await card(vic, "revenue", "nothing")
    assert (zero["value"], zero["empty"], zero["slots"][0][1][:3]) == ("0", True, f"{long_ago + timedelta(days=14):%a}")
    assert nothing["nothing"] == ["Nothing to count yet", "No payment was made so far."]
    forbidden = await card(vic, "actions", "forbidden")
    assert forbidden["needs"] == "audit:read"
    early = await visit(people.ann, "/stats?range=2020-01-01..2020-01-31&zone=UTC")
    assert (await card(early, "signups", "nothing"))["nothing"][0] == "Before the first of them"


async def test_money_keeps_its_currency_and_its_decimals(
    visit: Visit, people: Company, admin: asyncpg.Connection
) -> None:
    for team, currency, amount, refunded in (
        (people.acme, "EUR", 1_050, 50),
        (people.acme, "EUR", 2_000, 0),
        (people.nordlicht, "JPY", 700, 0),
    ):
        await pay(admin, team, currency, amount, refunded)
    ann = await visit(people.ann, "/stats")
    revenue = await card(ann, "revenue")
    assert revenue["value"] == "30.00\N{NO-BREAK SPACE}EUR"
    assert ["JPY net", "700\N{NO-BREAK SPACE}JPY"] in [list(fact) for fact in revenue["facts"]]
    assert [series["sum"][:5] for series in revenue["series"]] == ["30.00", "0.50\N{NO-BREAK SPACE}"]
    yen = await card(await visit(people.ann, "/stats?currency=JPY"), "revenue")
    assert yen["value"] == "700\N{NO-BREAK SPACE}JPY"
    assert "currency=JPY&created_at={range}" in yen["opens"]
    ours = await card(await visit(people.tess, "/stats"), "revenue")
    assert [words for words, *_ in ours["choices"]] == ["EUR"]


async def test_the_address_says_what_is_shown(visit: Visit, people: Company, admin: asyncpg.Connection) -> None:
    await add_job(admin, people.acme, "succeeded", "dataset.import")
    await add_job(admin, people.acme, "failed", "dataset.import")
    ann = await visit(people.ann, "/stats?range=today&zone=Asia/Kathmandu&table=jobs")
    jobs = await card(ann, "jobs")
    assert (jobs["table"], (await card(ann, "kinds"))["table"]) == (True, False)
    assert dict(jobs["facts"])["Success rate"] == "50.0 %"
    assert len(jobs["slots"]) == 24
    assert jobs["slots"][0][2].startswith(f"{jobs['slots'][0][2][:10]}T18:15Z..")
    assert jobs["as_of"].endswith("Asia/Kathmandu")
    assert jobs["opens"] == "/jobs?status=succeeded&status=failed&status=cancelled&finished_at={range}"


@pytest.mark.parametrize("query", ["range=forever", "zone=Mars/Phobos", "range=2026-02-02..2026-02-01"])
async def test_what_an_address_cannot_mean_is_a_sentence(visit: Visit, people: Company, query: str) -> None:
    ann = await visit(people.ann, f"/stats?{query}")
    assert ann.status == 200
    await ann.sees("There is no such range", "Show the last 30 days")


async def test_a_number_that_cannot_be_refreshed_stays_with_a_mark(
    visit: Visit, people: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_user(admin, people.acme, "New", "new@example.com")
    ann = await visit(people.ann, "/stats")
    before = await card(ann, "signups")

    async def broken(*_: object) -> None:
        raise Unavailable("Away.")

    monkeypatch.setattr(stats, "_answer", broken)
    ann.send(ann.find(key="signups"), "again")
    marked = (await ann.finds(key="signups", mark="Not available right now: this is what it was before.")).contents
    assert (marked["state"], marked["value"]) == ("ready", before["value"])
    monkeypatch.undo()
    await add_user(admin, people.acme, "Newer", "newer@example.com")
    ann.send(ann.find(key="signups"), "again")
    assert (await ann.finds(key="signups", value="2")).contents["mark"] == ""


async def test_home_rests_while_nobody_sees_it(visit: Visit, people: Company, admin: asyncpg.Connection) -> None:
    ann = await visit(people.ann, "/")
    live = next(element for element in ann.elements if type(element).__name__ == "Live")
    ann.send(live, "hidden", True)
    await add_job(admin, people.acme, "failed")
    await admin.execute("SELECT pg_notify('quarterdeck', '[\"jobs\",null,\"changed\"]')")
    for _ in range(100):
        if live._dirty:  # type: ignore[attr-defined] # that it has heard is seen nowhere else
            break
        await asyncio.sleep(0.02)
    assert "job failed" not in ann.texts()
    ann.send(live, "hidden", False)
    await ann.sees("job failed")


async def test_home_of_an_empty_company_says_what_to_do_first(
    visit: Visit, people: Company, admin: asyncpg.Connection
) -> None:
    sue = await visit(people.sue, "/")
    steps = {step["title"]: step["done"] for step in sue.find(kind="steps").contents["steps"]}
    assert steps == {"Create a team": True, "Bring a dataset": False, "Invite colleagues": True}
    vic = await visit(people.vic, "/")
    await vic.sees("They appear here as soon as somebody with the permission imports a file.")
    tess = await visit(people.tess, "/")
    assert "Database" not in [fact[0] for fact in tess.find(kind="facts").contents["facts"]]


@pytest.mark.parametrize("top", [0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 99, 100, 101, 4_999, 123_456, 10**12])
def test_an_axis_has_few_round_numbers_and_holds_the_highest(top: int) -> None:
    marks = ticks(top)
    assert marks[0] == 0
    assert marks[-1] >= max(top, 1)
    assert marks[-2] < max(top, 1)
    assert 2 <= len(marks) <= 6
    assert str(marks[1]).rstrip("0") in {"1", "2", "5"}
    assert marks == [marks[1] * n for n in range(len(marks))]
