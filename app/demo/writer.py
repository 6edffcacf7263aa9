"""Writes the company as the owner of the tables, in one transaction: all of it, or nothing.

PostgreSQL refuses COPY into a table with row-level security, so rows pass through temporary tables. The triggers stay
on: whatever they count is exact.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg

from app.demo.company import Company
from app.demo.history import Record
from app.models import RowStatus

_UNDECIDED = {"status": RowStatus.PENDING.value, "reviewer_id": None, "reviewed_at": None}

# What the job queue writes down as it goes: the words by which a job is found, and how it went in the queues.
_WORDS = """
INSERT INTO job_words (job_id, team_id, words)
SELECT id, team_id, array_to_tsvector(ARRAY(
    SELECT DISTINCT lower(left(word, 64)) FROM jsonb_path_query(input, 'strict $.**') AS value,
        regexp_split_to_table(value #>> '{}', '[^[:alnum:]]+') AS word
    WHERE jsonb_typeof(value) IN ('string', 'number') AND word <> '' LIMIT 200))
FROM jobs WHERE input <> '{}'
"""
_FIGURES = """
INSERT INTO job_minutes
    (minute, queue, kind, slot, started, waited_ms, succeeded, failed, cancelled, retried, ran_ms)
SELECT date_trunc('minute', at), queue, j.kind, 0, count(*) FILTER (WHERE started),
    coalesce(sum(1000 * extract(epoch FROM at - created_at)) FILTER (WHERE started AND at = started_at), 0)::bigint,
    count(*) FILTER (WHERE e.kind = 'succeeded'), count(*) FILTER (WHERE e.kind = 'failed'),
    count(*) FILTER (WHERE e.kind = 'cancelled'), count(*) FILTER (WHERE e.kind IN ('retry_later', 'lease_lost')),
    coalesce(sum(1000 * extract(epoch FROM finished_at - run_started_at)) FILTER (WHERE at = finished_at), 0)::bigint
FROM (SELECT *, kind IN ('claimed', 'taken_over') AS started FROM job_events) AS e
JOIN jobs j ON j.id = e.job_id
WHERE at > (SELECT max(at) FROM job_events) - interval '2 days'
    AND e.kind IN ('claimed', 'taken_over', 'succeeded', 'failed', 'cancelled', 'retry_later', 'lease_lost')
GROUP BY 1, 2, 3
"""


async def write(connection: asyncpg.Connection, company: Company) -> None:
    """Write everything. The caller has begun the transaction."""
    for table, records in company.tables.items():
        await _insert(connection, table, records)
    numbers = dict(await connection.fetch("SELECT id, number FROM datasets"))
    rows = [row | {"dataset_number": numbers[id_]} for id_, found in company.rows.items() for row in found]
    await _insert(connection, "dataset_rows", [row | _UNDECIDED for row in rows])
    await _decide(connection, [row for row in rows if row["reviewed_at"]])
    counts = Counter((row["dataset_number"], row["status"], row["team_id"]) for row in rows)
    heads = ("dataset_number", "status", "team_id")
    counted = [
        dict(zip(heads, key, strict=True)) | {"n": n} for key, n in sorted(counts.items(), key=lambda c: c[0][:2])
    ]
    await _insert(connection, "dataset_counts", counted)
    await connection.execute(_WORDS)
    await connection.execute(_FIGURES)


async def _insert(connection: asyncpg.Connection, table: str, records: Sequence[Record]) -> None:
    columns = ", ".join(await _stage(connection, table, records))
    await connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM staged_{table}")  # noqa: S608 - our own names
    await connection.execute(f"DROP TABLE staged_{table}")


async def _decide(connection: asyncpg.Connection, rows: Sequence[Record]) -> None:
    """Rows come undecided; deciding them is an event of its own, which triggers count."""
    kept = ("id", "status", "reviewer_id", "reviewed_at")
    await _stage(connection, "dataset_rows", [{column: row[column] for column in kept} for row in rows])
    await connection.execute(
        "UPDATE dataset_rows AS r SET status = s.status, reviewer_id = s.reviewer_id, reviewed_at = s.reviewed_at"
        " FROM staged_dataset_rows AS s WHERE s.id = r.id"
    )


async def _stage(connection: asyncpg.Connection, table: str, records: Sequence[Record]) -> list[str]:
    """Bring the records into a temporary table, and return their columns."""
    columns = list(records[0])
    named = ", ".join(columns)
    await connection.execute(
        f"CREATE TEMP TABLE staged_{table} ON COMMIT DROP AS SELECT {named} FROM {table} WITH NO DATA"  # noqa: S608 - our own names
    )
    values = [tuple(_value(record[column]) for column in columns) for record in records]
    await connection.copy_records_to_table(f"staged_{table}", records=values, columns=columns)
    return columns


def _value(value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
