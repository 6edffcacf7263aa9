"""Very many jobs of the last weeks, some of them failed, in several teams; and whether the counters are right."""

import asyncio

from app.ids import uuid7
from benchmarks.database import Bench

TEAMS = 40
CHUNK = 100_000
DAYS = 30
_LOOK = 0.1
_WAITING = "SELECT EXISTS (SELECT FROM stats_deltas)"
_TEAMS = """
    INSERT INTO teams (id, name, status, version, created_at, updated_at)
    SELECT id, 'Team ' || n, 'active', 1, now(), now() FROM unnest($1::uuid[]) WITH ORDINALITY AS t (id, n)
"""
# Through the triggers, which keep the counters and the groups of failures.
_JOBS = """
    INSERT INTO jobs (id, team_id, kind, input, queue, priority, status, epoch, attempts, max_attempts, run_after,
                      deliveries, progress, progress_done, progress_text, cost_micros, created_at, started_at,
                      run_started_at, finished_at, error_code, error, error_signature)
    SELECT uuidv7(at - now()), ($1::uuid[])[1 + hash % $2], kind, '{}', queue, 0, status, 1, 1, 3, at, 1,
        CASE status WHEN 'succeeded' THEN 100 ELSE 0 END, 0, '', 0, at, began, began, ended,
        CASE status WHEN 'failed' THEN 'INTERNAL_ERROR' END,
        CASE status WHEN 'failed' THEN 'RenderFailed: The printer of page ' || n % 90 || ' gave up.' END,
        CASE status WHEN 'failed' THEN kind || ' RenderFailed' || hash % 50 || ' app/worker/tasks/documents.py:draw' ||
            ' The printer of page … gave up.' END
    FROM (
        SELECT n, hash, at, CASE WHEN hash % 20 = 0 THEN 'dataset.import' ELSE 'document.generate' END AS kind,
            CASE WHEN hash % 20 = 0 THEN 'imports' ELSE 'documents' END AS queue,
            CASE WHEN hash % 100 < 94 THEN 'succeeded' WHEN hash % 100 < 98 THEN 'failed' ELSE 'cancelled' END
                AS status,
            at + interval '1 s' AS began, at + (1500 + hash % 60000) * interval '1 ms' AS ended
        FROM generate_series($3::bigint, $4::bigint) AS n,
            LATERAL (SELECT abs(hashint8(n)::bigint) AS hash,
                now() - interval '2 min' - ($5::bigint - n) * $6::float8 * interval '1 day' / $5::bigint AS at) AS dice
        OFFSET 0
    ) AS made
"""
_COUNTED = """
    SELECT kind, status, sum(n)::bigint FROM job_totals GROUP BY 1, 2 HAVING sum(n) <> 0 ORDER BY 1, 2
"""
_REAL = "SELECT kind, status, count(*)::bigint FROM jobs GROUP BY 1, 2 ORDER BY 1, 2"


async def make(at: Bench, n: int) -> None:
    """So many jobs, evenly over the last days, once the worker that runs has added them up."""
    teams = [uuid7() for _ in range(TEAMS)]
    await at.admin.execute(_TEAMS, teams)
    await at.admin.execute("SET synchronous_commit = off")
    for start in range(1, n + 1, CHUNK):
        end = min(start + CHUNK - 1, n)
        await at.admin.execute(_JOBS, teams, TEAMS, start, end, n, DAYS, timeout=600)
    await at.admin.execute("SET synchronous_commit = on")
    await at.admin.execute("ANALYZE stats_deltas")
    while await at.admin.fetchval(_WAITING):  # noqa: ASYNC110 - of another process
        await asyncio.sleep(_LOOK)
    await at.admin.execute("VACUUM ANALYZE", timeout=3600)


async def check_counters(at: Bench) -> None:
    """Say so if what the screens count is not what is there.

    Raises:
        RuntimeError: a counter is wrong.
    """
    counted, real = await at.admin.fetch(_COUNTED), await at.admin.fetch(_REAL, timeout=600)
    if counted != real:
        raise RuntimeError(f"The counters say {counted}, and there are {real}.")
