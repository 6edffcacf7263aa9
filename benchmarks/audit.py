"""The audit log with a million entries: sealing, verifying, reading, searching, and what it costs who writes.

Questions are measured against the same statement in the same frame by asyncpg alone, in turns; the medians count.
``per_s`` is entries a second of wall time, by one worker and the database beside it.
"""

import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any

import asyncpg
from pydantic import SecretStr

from app import clock
from app.paging import COUNT_CAP, Cursor, PageRequest
from app.seals import partitions, verifying
from app.services import audit
from app.storage.secret_files import new_secret
from app.worker import audit_words
from app.worker.sealer import Sealer
from benchmarks import audit_writing
from benchmarks.database import Bench, bench
from benchmarks.framed import Question, framed
from benchmarks.options import Options
from benchmarks.report import Aim, Measure

ROWS = 1_000_000
BATCH = 100_000
ROUNDS = 60
DAYS = 180
PEOPLE, RECORDS = 200, 20_000
PER_SECOND = 50_000
_SIZE = PageRequest().size + 1

_SEED = f"""
    INSERT INTO audit_entries (at, team_id, actor_id, actor_name, actor_kind, action, target_type, target_id,
                               target_label, reason, request, ip, before, after)
    SELECT $1::timestamptz + (n * $2::float8) * interval '1 s', $3::uuid,
        md5('person' || n % {PEOPLE})::uuid, 'Person ' || n % {PEOPLE}, 'staff',
        (ARRAY['row.edited', 'team.renamed', 'user.plan_changed', 'dataset.renamed'])[1 + n % 4],
        (ARRAY['row', 'team', 'user', 'dataset'])[1 + n % 4], md5('record' || n % {RECORDS})::uuid::text,
        'Record ' || n % {RECORDS}, CASE WHEN n % 4 = 2 THEN 'Ticket ' || n END, 'AAAA-AA', '127.0.0.1',
        jsonb_build_object('name', 'before ' || n), jsonb_build_object('name', 'after ' || n)
    FROM generate_series($4::bigint, $5::bigint) AS n
"""
_COLUMNS = "id, at, team_id, actor_id, actor_name, actor_kind, action, target_type, target_id, target_label, reason, ip"
_LIST = f"SELECT {_COLUMNS}, request, before, after, origin, detail FROM audit_entries"
_COUNT = f"SELECT count(*) FROM (SELECT FROM audit_entries {{}} LIMIT {COUNT_CAP + 1}) AS capped"


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question: of the service, and as SQL with its parameters. ``count`` counts what ``where`` begins with."""

    name: str
    request: PageRequest
    where: str = ""
    deep: str = ""
    parameters: tuple[Any, ...] = ()


async def run(options: Options) -> Sequence[Measure]:
    """Fill the log with ``options.rows`` entries, seal and verify them, and ask."""
    n = options.rows or ROWS
    async with bench() as at:
        settings = at.settings.model_copy(update={"seal_key": SecretStr(new_secret())})
        await _timed("filled", _fill(at, n))
        sealer = Sealer(settings)
        sealed = await _per_second("seal_per_s", n, sealer.seal)
        verified = await _per_second("verify_per_s", n, lambda: _verify(sealer))
        await _timed("words read", audit_words.read_on())
        await at.admin.execute("VACUUM ANALYZE audit_entries, audit_words, audit_personal")
        return [sealed, verified, *await _questions(at, n), await audit_writing.measured(at, sealer)]


async def _fill(at: Bench, n: int) -> None:
    """As months of work leave it: entries in the order of their time, in the partitions of their months."""
    until = clock.now()
    since = until - timedelta(days=DAYS)
    await partitions.make(at.admin, partitions.months(since, until))
    # One transaction: what was there before the first seal may be as old as it is.
    async with at.admin.transaction():
        for start in range(1, n + 1, BATCH):
            end = min(start + BATCH - 1, n)
            await at.admin.execute(_SEED, since, DAYS * 86_400 / n, at.team, start, end, timeout=600)
    await at.admin.execute("VACUUM ANALYZE audit_entries", timeout=600)


async def _verify(sealer: Sealer) -> None:
    async for looked in verifying.whole(sealer.keys.public):
        if looked.problems:
            raise RuntimeError(f"The log is damaged: {looked.problems[0].sentence}")


async def _per_second(name: str, n: int, act: Callable[[], Awaitable[object]]) -> Measure:
    began = time.perf_counter()
    await act()
    return Measure(f"audit/{name}", n / (time.perf_counter() - began), "entries/s", aim=Aim(least=PER_SECOND))


async def _timed(what: str, act: Awaitable[object]) -> None:
    began = time.perf_counter()
    await act
    print(f"{what}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)


async def _questions(at: Bench, n: int) -> list[Measure]:
    url = at.settings.database_url
    assert url is not None
    login = await asyncpg.connect(url.get_secret_value(), server_settings={"jit": "off"})
    try:
        return [await _measured(at, login, asked) for asked in await _all(at, n)]
    finally:
        await login.close()


async def _all(at: Bench, n: int) -> list[_Asked]:
    deep = n // 10
    person = await at.admin.fetchval("SELECT actor_id FROM audit_entries WHERE id = $1", n // 2)
    kind, record = await at.admin.fetchrow("SELECT target_type, target_id FROM audit_entries WHERE id = $1", n // 2)
    by_record = PageRequest({"record": (f"{kind}:{record}",)})
    word = f"before {n // 2}"  # of one entry, and of none's personal words, which the reference does not look through
    found = "id = ANY (ARRAY(SELECT entry_id FROM audit_words WHERE words @@ $1::text::tsquery))"
    return [
        _Asked("first", PageRequest()),
        _Asked("deep", PageRequest(cursor=Cursor(deep, str(deep))), deep="WHERE id < $1", parameters=(deep,)),
        _Asked("by_person", PageRequest({"person": (str(person),)}), "WHERE actor_id = $1", parameters=(person,)),
        _Asked("by_record", by_record, "WHERE target_type = $1 AND target_id = $2", parameters=(kind, record)),
        _Asked(
            "search",
            PageRequest(search=word),
            f"WHERE {found}",
            parameters=(" & ".join(word.lower().split()) + ":*",),
        ),
    ]


async def _measured(at: Bench, login: asyncpg.Connection, asked: _Asked) -> Measure:
    """The medians in milliseconds, of turns; the first turn warms up, and proves that both give as many entries."""

    async def service() -> Sequence[object]:
        return (await audit.search(at.ann, asked.request)).rows

    async def question(connection: asyncpg.Connection) -> Sequence[object]:
        counting = () if asked.deep else asked.parameters
        await connection.fetchval(_COUNT.format(asked.where), *counting)
        where = asked.deep or asked.where
        rows = await connection.fetch(f"{_LIST} {where} ORDER BY id DESC LIMIT {_SIZE}", *asked.parameters)
        found: Sequence[object] = rows[: _SIZE - 1]
        return found

    both: tuple[Question, Question] = (service, framed(login, at.ann, question))
    sizes = {len(await ask()) for ask in both}
    if len(sizes) != 1:
        raise RuntimeError(f"{asked.name}: the answers differ: {sizes} entries.")
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for ask, kept in zip(both, times, strict=True):
            began = time.perf_counter()
            await ask()
            kept.append((time.perf_counter() - began) * 1000)
    return Measure(f"audit/{asked.name}", median(times[0]), "ms", median(times[1]), Aim(most_ratio=3))
