"""Failures by what they have in common: the signature, the numbers beside it, and who sees them."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from app import clock
from app.database import keeping
from app.errors import Forbidden, NotFound
from app.paging import PageRequest, Sort
from app.repositories import stats as stats_table
from app.services import failures, jobs
from app.worker.failures import failure_of, normalised, signature
from tests.factories import add_job
from tests.people import Company

NO_ROOM = signature(
    "document.generate", "OSError", "app/documents/drafts.py:keep", "[Errno 28] No space left: '/data/a.txt'"
)
NO_ANSWER = signature("document.generate", "TimeoutError", "", "No answer from 10.0.0.1:443 in 30.5 s")


async def fail(admin: asyncpg.Connection, team_id: UUID | None, said: str, status: str = "failed") -> UUID:
    """A job that has failed like that, or is tried again after it."""
    job_id = await add_job(admin, team_id, "running", said.partition(" ")[0])  # type: ignore[arg-type]  # of no team, too
    await admin.execute(
        "UPDATE jobs SET status = $2, error_signature = $3, error = 'Broken' || chr(10) || 'inside',"
        " finished_at = CASE WHEN $2::varchar = 'failed' THEN now() END WHERE id = $1",
        *(job_id, status, said),
    )
    return job_id


@pytest.mark.parametrize(
    ("message", "alike"),
    [
        ("page 77 of 1,204 gave up", "page # of # gave up"),
        ("no user ada@example.com at https://x.example/a?b=1", "no user <address> at <address>"),
        ("[Errno 28] No space left on device: '/data/0193.csv'", "[Errno #] No space left on device: “…”"),
        ("it's “Q3 report” that isn't there", "it's “…” that isn't there"),
        ("row 550e8400-e29b-41d4-a716-446655440000, pi_3OaBc9dEf, deadbeef00", "row <id>, <id>, <id>"),
        ("host 10.0.0.1:80 at 2026-01-02T03:04:05Z", "host <address> at <time>"),
        ("rows 1, 2, 3\nand more", "rows #"),
        ("a decade of feedback", "a decade of feedback"),
    ],
)
def test_what_differs_is_taken_out_of_a_message(message: str, alike: str) -> None:
    assert normalised(message) == alike


def test_a_failure_says_kind_class_place_and_message() -> None:
    try:
        failures.Standing("nowhere")
    except ValueError as error:
        told = failure_of("test.made", error)
    kind, name, place, message = told.signature.split(" ", 3)
    assert (kind, name, message) == ("test.made", "ValueError", "“…” is not a valid Standing")
    assert place.startswith("tests/services/test_failures.py:")
    assert NO_ANSWER == "document.generate TimeoutError - No answer from <address> in # s"


async def test_alike_failures_are_one_group(company: Company, admin: asyncpg.Connection) -> None:
    for team in (company.acme, company.acme, company.nordlicht, None):
        await fail(admin, team, NO_ROOM)
    latest = await fail(admin, company.nordlicht, NO_ANSWER)
    await fail(admin, company.nordlicht, NO_ANSWER, "queued")

    first, second = (await failures.search(company.ann, PageRequest())).rows
    assert (first.kind, first.error_class, first.place) == (
        "document.generate",
        "OSError",
        "app/documents/drafts.py:keep",
    )
    assert (first.message, first.failed, first.waiting, first.seen) == ("[Errno #] No space left: “…”", 4, 0, 4)
    assert (first.teams, sum(first.lately), len(first.lately)) == (2, 4, 24)
    assert (second.place, second.failed, second.waiting, second.seen) == ("", 1, 1, 2)
    assert clock.now() - second.first_seen_at < timedelta(minutes=1)

    seen = await failures.get(company.ann, second.id)
    assert (seen.group, [team.name for team in seen.teams]) == (second, ["Nordlicht"])
    assert seen.latest.error == "Broken\ninside"
    assert [row.id for row in (await jobs.search(company.ann, _of(second))).rows][-1] == latest


def _of(group: failures.Group) -> PageRequest:
    return PageRequest({"signature": (str(group.id),)})


async def test_numbers_follow_what_becomes_of_the_jobs(company: Company, admin: asyncpg.Connection) -> None:
    again, given_up, gone, running = [await fail(admin, company.acme, NO_ROOM) for _ in range(4)]
    await jobs.retry(company.ann, again, "there is room now")
    await jobs.cancel(company.ann, given_up, "nobody needs it any more")
    await admin.execute("DELETE FROM jobs WHERE id = $1", gone)
    await admin.execute("UPDATE jobs SET status = 'queued' WHERE id = $1", running)
    await admin.execute("UPDATE jobs SET status = 'running', attempts = 2 WHERE id = $1", running)
    await admin.execute("UPDATE jobs SET status = 'queued', attempts = 1 WHERE id = $1", running)  # handed back
    (group,) = (await failures.search(company.ann, PageRequest())).rows
    assert (group.failed, group.waiting, group.seen) == (0, 1, 4)
    assert (await jobs.get(company.ann, given_up)).job.status == "cancelled"

    async with keeping("stats: add up") as work:
        await stats_table.add_up(work)
    assert (await failures.search(company.ann, PageRequest())).rows == [group]
    assert (await failures.search(company.tess, PageRequest())).rows == [group]

    await jobs.cancel(company.ann, running, "not needed either")
    assert (await failures.search(company.ann, PageRequest({"state": ("open",)}))).rows == []
    (settled,) = (await failures.search(company.ann, PageRequest({"state": ("settled",)}))).rows
    assert settled.id == group.id


async def test_who_sees_some_teams_sees_their_failures_alone(company: Company, admin: asyncpg.Connection) -> None:
    await fail(admin, company.acme, NO_ROOM)
    await admin.execute("UPDATE failures SET last_seen_at = last_seen_at - interval '1 hour'")
    await fail(admin, company.nordlicht, NO_ROOM)
    await fail(admin, company.nordlicht, NO_ANSWER)
    (mine,) = (await failures.search(company.tess, PageRequest())).rows
    assert (mine.failed, mine.seen, mine.teams, sum(mine.lately)) == (1, 1, 1, 1)
    assert clock.now() - mine.last_seen_at > timedelta(minutes=59)
    assert [team.name for team in (await failures.get(company.tess, mine.id)).teams] == ["Acme"]
    theirs = next(g for g in (await failures.search(company.ann, PageRequest())).rows if g.id != mine.id)
    with pytest.raises(NotFound):
        await failures.get(company.tess, theirs.id)
    assert (await jobs.search(company.tess, _of(theirs))).rows == []
    with pytest.raises(Forbidden):
        await failures.search(company.nil, PageRequest())


async def test_failures_are_filtered_searched_and_sorted(company: Company, admin: asyncpg.Connection) -> None:
    for _ in range(2):
        await fail(admin, company.acme, NO_ROOM)
    await admin.execute("UPDATE failures SET last_seen_at = last_seen_at - interval '1 hour'")
    await fail(admin, company.nordlicht, NO_ANSWER)

    async def classes(request: PageRequest) -> list[str]:
        return [group.error_class for group in (await failures.search(company.ann, request)).rows]

    assert await classes(PageRequest()) == ["OSError", "TimeoutError"]
    assert await classes(PageRequest(sort=Sort("last_seen_at"))) == ["TimeoutError", "OSError"]
    assert await classes(PageRequest({"team": (str(company.nordlicht),)})) == ["TimeoutError"]
    assert await classes(PageRequest({"kind": ("dataset.import",)})) == []
    assert await classes(PageRequest(search="no space")) == ["OSError"]
    assert await classes(PageRequest(search="drafts.py")) == ["OSError"]
    first = await failures.search(company.ann, PageRequest(size=1))
    second = await failures.search(company.ann, PageRequest(size=1, cursor=first.next))
    assert [group.error_class for group in (*first.rows, *second.rows)] == ["OSError", "TimeoutError"]
