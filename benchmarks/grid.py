"""A window of 100 rows of a large dataset, by position at its beginning, middle and end, and by a filter.

The value is the service's whole call. The reference asks the same of the database in the same frame by asyncpg alone:
BEGIN, one statement for session, role and settings, the rows, COMMIT. ``…/bare`` is the rows' statement with nothing
around it, as superuser. All three take turns; the medians count.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from uuid import UUID

import asyncpg

from app.fields.filters import Condition
from app.ids import uuid7
from app.paging import COUNT_CAP
from app.services import rows
from benchmarks.database import Bench, bench
from benchmarks.framed import Question, framed
from benchmarks.options import Options
from benchmarks.report import Aim, Measure

ROWS = 1_000_000
WINDOW = 100
ROUNDS = 200
SCAN_ROUNDS = 5
FIELDS = ("carrier", "origin", "flight", "distance", "tailnum", "dep_delay", "note")
FILTER = Condition("tailnum", "is", ("N00777",))
"""One row in 10,000 has it, and no index knows it."""

_BY_POSITION = f"""
    SELECT id, position, version, status, data FROM dataset_rows
    WHERE dataset_number = 1 AND position >= $1 AND position < $2 ORDER BY position LIMIT {WINDOW}
"""
_MATCHES = f"""
    WITH matches AS MATERIALIZED (
        SELECT id, position FROM dataset_rows
        WHERE dataset_number = 1 AND position < $2 AND (data ->> 'tailnum') = $1 LIMIT {COUNT_CAP + 1})
    SELECT id FROM matches ORDER BY position LIMIT {COUNT_CAP + 1}
"""
_BY_IDS = """
    SELECT id, position, version, status, data FROM dataset_rows WHERE dataset_number = 1 AND id = ANY ($1)
"""
_SEED = """
    INSERT INTO dataset_rows (id, dataset_number, team_id, position, data, schema_version, status, version, import_id,
                              created_at, updated_at)
    SELECT uuidv7(), 1, $1, n, jsonb_build_object(
        'carrier', (ARRAY['UA', 'B6', 'EV', 'DL', 'AA'])[1 + n % 5], 'origin', (ARRAY['EWR', 'JFK', 'LGA'])[1 + n % 3],
        'flight', n % 6000, 'distance', 80 + n * 7 % 4900, 'tailnum', 'N' || lpad((n % 10000)::text, 5, '0'),
        'dep_delay', n * 13 % 200 - 20, 'note', md5(n::text)), 1, 'pending', 1, $2, now(), now()
    FROM generate_series($3::int, $4::int) AS n
"""
_SEED_BATCH = 100_000


@dataclass(frozen=True, slots=True)
class _Place:
    """One measure: the same question asked of the service, in the frame, and bare."""

    name: str
    service: Question
    framed: Question
    bare: Question
    rounds: int
    most_ms: float | None


async def run(options: Options) -> Sequence[Measure]:
    """Fill one dataset of ``options.rows`` and ask for windows of it."""
    n = options.rows or ROWS
    async with bench() as at:
        dataset = await _seed(at, n)
        url = at.settings.database_url
        assert url is not None
        login = await asyncpg.connect(url.get_secret_value(), server_settings={"jit": "off"})
        try:
            starts = {"first": 0, "middle": max(n // 2, 0), "deep": max(n - WINDOW, 0)}
            places = [_by_position(at, login, dataset, name, start) for name, start in starts.items()]
            places.append(_filtered(at, login, dataset, n))
            return [measure for place in places for measure in await _measured(place)]
        finally:
            await login.close()


async def _measured(place: _Place) -> list[Measure]:
    """The medians in milliseconds, of turns; the first turn warms up, and proves that all give the same rows."""
    asked = (place.service, place.framed, place.bare)
    sizes = {len(await question()) for question in asked}
    if len(sizes) != 1:
        raise RuntimeError(f"{place.name}: the answers differ: {sizes} rows.")
    times: list[list[float]] = [[] for _ in asked]
    for _ in range(place.rounds):
        for question, kept in zip(asked, times, strict=True):
            began = time.perf_counter()
            await question()
            kept.append((time.perf_counter() - began) * 1000)
    service, reference, bare = map(median, times)
    aim = Aim(most_ratio=3, most=place.most_ms)
    return [
        Measure(f"grid/{place.name}", service, "ms", reference, aim),
        Measure(f"grid/{place.name}/bare", bare, "ms"),
    ]


def _by_position(at: Bench, login: asyncpg.Connection, dataset: UUID, name: str, start: int) -> _Place:
    async def service() -> Sequence[object]:
        return (await rows.window(at.ann, dataset, start, start + WINDOW)).rows

    async def question(connection: asyncpg.Connection) -> Sequence[object]:
        found: Sequence[object] = await connection.fetch(_BY_POSITION, start + 1, start + WINDOW + 1)
        return found

    return _Place(name, service, framed(login, at.ann, question), lambda: question(at.admin), ROUNDS, 5)


def _filtered(at: Bench, login: asyncpg.Connection, dataset: UUID, n: int) -> _Place:
    async def service() -> Sequence[object]:
        return (await rows.window(at.ann, dataset, 0, WINDOW, (FILTER,))).rows

    async def question(connection: asyncpg.Connection) -> Sequence[object]:
        ids = [row["id"] for row in await connection.fetch(_MATCHES, FILTER.values[0], n + 1)]
        found: Sequence[object] = await connection.fetch(_BY_IDS, ids[:WINDOW])
        return found

    return _Place(
        "filter_scan", service, framed(login, at.ann, question), lambda: question(at.admin), SCAN_ROUNDS, None
    )


async def _seed(at: Bench, n: int) -> UUID:
    """One dataset whose rows came by one import, as they lie after a real one."""
    schema, dataset, import_ = uuid7(), uuid7(), uuid7()
    execute = at.admin.execute
    await execute("INSERT INTO schemas VALUES ($1, $2, 'Flights', 1, now())", schema, at.team)
    await execute("INSERT INTO schema_versions VALUES ($1, 1, $2, NULL, now())", schema, at.team)
    for position, key in enumerate(FIELDS):
        kind = "integer" if key in {"flight", "distance", "dep_delay"} else "text"
        await execute(
            "INSERT INTO schema_fields (schema_id, version, key, team_id, label, type, required, position, deprecated)"
            " VALUES ($1, 1, $2, $3, $2, $4, false, $5, false)",
            schema,
            key,
            at.team,
            kind,
            position,
        )
    await execute(
        "INSERT INTO datasets (id, team_id, schema_id, name, next_position, status, version, created_at, updated_at)"
        " VALUES ($1, $2, $3, 'Flights', $4, 'active', 1, now(), now())",
        dataset,
        at.team,
        schema,
        n + 1,
    )
    await execute(
        "INSERT INTO imports (id, team_id, dataset_id, status, filename, file_id, size_bytes, sha256, skip_bad, plan,"
        " first_position, rows_good, rows_bad, error_groups, created_at)"
        " VALUES ($1, $2, $3, 'succeeded', 'flights.csv', $1, 1, '', true, '{}', 1, $4, 0, '[]', now())",
        import_,
        at.team,
        dataset,
        n,
    )
    await execute("INSERT INTO dataset_counts VALUES (1, 'pending', $1, $2)", at.team, n)
    for first in range(1, n + 1, _SEED_BATCH):
        await execute(_SEED, at.team, import_, first, min(first + _SEED_BATCH - 1, n))
    await execute("VACUUM ANALYZE")
    await execute("CHECKPOINT")
    return dataset
