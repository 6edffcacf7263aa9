"""Jobs by their last activity, attempts that are counted through, what became of the jobs of a bulk act, and imports
that leave nothing when they are refused.
"""

import sqlalchemy as sa
from alembic import op

from migrations.script import run

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# As before, without the numbers by creation, which no list asks for any more.
COUNTERS = """
CREATE OR REPLACE FUNCTION count_jobs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE lane smallint;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NOT EXISTS (SELECT FROM new_rows n JOIN old_rows o USING (id)
            WHERE n.status <> o.status OR n.queue <> o.queue) THEN RETURN NULL; END IF;
    END IF;
    lane := coalesce((SELECT slot FROM generate_series(0, 7) AS slot
        WHERE pg_try_advisory_xact_lock(hashtext('quarterdeck job counters'), slot) LIMIT 1), pg_backend_pid() % 8);
    IF TG_OP = 'UPDATE' THEN
        WITH changed AS MATERIALIZED (
            SELECT n.team_id, n.kind, n.queue, n.status, o.queue AS queue_before,
                o.status AS status_before, o.run_after AS due, n.run_started_at, n.started_at, n.finished_at,
                o.started_at AS started_before, o.finished_at AS finished_before
            FROM new_rows n JOIN old_rows o USING (id) WHERE n.status <> o.status OR n.queue <> o.queue
        ), moved AS MATERIALIZED (
            SELECT team_id, kind, queue, status, started_at, finished_at, 1 AS d FROM changed
            UNION ALL SELECT team_id, kind, queue_before, status_before, started_before, finished_before, -1
            FROM changed
        ), by_team AS (
            INSERT INTO public.job_counts AS c (team_id, kind, status, slot, n)
            SELECT coalesce(team_id, '00000000-0000-0000-0000-000000000000'), kind, status, lane, sum(d) FROM moved
            GROUP BY 1, 2, 3 HAVING sum(d) <> 0 ORDER BY 1, 2, 3
            ON CONFLICT (team_id, kind, status, slot) DO UPDATE SET n = c.n + excluded.n
        ), by_queue AS (
            INSERT INTO public.job_totals AS c (queue, kind, status, slot, n)
            SELECT queue, kind, status, lane, sum(d) FROM moved GROUP BY 1, 2, 3 HAVING sum(d) <> 0 ORDER BY 1, 2, 3
            ON CONFLICT (queue, kind, status, slot) DO UPDATE SET n = c.n + excluded.n
        ), by_end AS (
            INSERT INTO public.stats_deltas (metric, team_id, dimension, bucket, n, total)
            SELECT 'jobs', team_id, kind || '|' || status, date_bin('15 minutes', finished_at, 'epoch'),
                sum(d), sum(d * coalesce(round(extract(epoch FROM finished_at - started_at) * 1000), 0))::bigint
            FROM moved WHERE finished_at IS NOT NULL AND status IN ('succeeded', 'failed', 'cancelled')
            GROUP BY 2, 3, 4
        )
        INSERT INTO public.job_minutes AS c
            (minute, queue, kind, slot, started, waited_ms, succeeded, failed, cancelled, retried, ran_ms)
        SELECT date_trunc('minute', now()), queue, kind, lane,
            count(*) FILTER (WHERE status_before = 'queued' AND status = 'running'),
            coalesce(sum(1000 * extract(epoch FROM greatest(now() - due, '0'))) FILTER
                (WHERE status_before = 'queued' AND status = 'running'), 0)::bigint,
            count(*) FILTER (WHERE status = 'succeeded'), count(*) FILTER (WHERE status = 'failed'),
            count(*) FILTER (WHERE status = 'cancelled'),
            count(*) FILTER (WHERE status_before = 'running' AND status = 'queued'),
            coalesce(sum(1000 * extract(epoch FROM finished_at - coalesce(run_started_at, started_at))) FILTER
                (WHERE status_before = 'running' AND status IN ('succeeded', 'failed', 'cancelled')), 0)::bigint
        FROM changed WHERE status <> status_before AND (status <> 'queued' OR status_before = 'running')
        GROUP BY queue, kind ORDER BY queue, kind
        ON CONFLICT (minute, queue, kind, slot) DO UPDATE SET started = c.started + excluded.started,
            waited_ms = c.waited_ms + excluded.waited_ms, succeeded = c.succeeded + excluded.succeeded,
            failed = c.failed + excluded.failed, cancelled = c.cancelled + excluded.cancelled,
            retried = c.retried + excluded.retried, ran_ms = c.ran_ms + excluded.ran_ms;
        RETURN NULL;
    END IF;
    CREATE_OR_DELETE
    RETURN NULL;
END $$;
"""
ONE_SIDE = """
        WITH moved AS MATERIALIZED (
            SELECT team_id, kind, queue, status, {sign} AS d FROM {rows}
        ), by_team AS (
            INSERT INTO public.job_counts AS c (team_id, kind, status, slot, n)
            SELECT coalesce(team_id, '00000000-0000-0000-0000-000000000000'), kind, status, lane, sum(d) FROM moved
            GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
            ON CONFLICT (team_id, kind, status, slot) DO UPDATE SET n = c.n + excluded.n
        )
        INSERT INTO public.job_totals AS c (queue, kind, status, slot, n)
        SELECT queue, kind, status, lane, sum(d) FROM moved GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (queue, kind, status, slot) DO UPDATE SET n = c.n + excluded.n;"""
SIDES = (
    "IF TG_OP = 'INSERT' THEN"
    + ONE_SIDE.format(sign=1, rows="new_rows")
    + "\n    ELSE"
    + ONE_SIDE.format(sign=-1, rows="old_rows")
    + "\n    END IF;"
)

# What became of the jobs of a bulk act: noted as they move, until each has ended for the first time since. Whatever
# happens to a job later belongs to whoever did it. One that a second act takes while it is open is stopped by it.
BULK = """
CREATE FUNCTION note_bulk() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was_open constant boolean := OLD.status IN ('queued', 'running');
    stays constant boolean := OLD.bulk_id IS NOT DISTINCT FROM NEW.bulk_id;
BEGIN
    INSERT INTO public.stats_deltas (metric, team_id, dimension, bucket, n, total)
    SELECT 'bulk_jobs', NEW.team_id, act || '|' || stands, '1970-01-01 00:00+00', d, 0 FROM (VALUES
        (CASE WHEN was_open THEN OLD.bulk_id END, OLD.status, -1),
        (CASE WHEN was_open THEN OLD.bulk_id END, CASE WHEN stays THEN NEW.status ELSE 'cancelled' END, 1),
        (CASE WHEN NOT stays THEN NEW.bulk_id END, NEW.status, 1)) AS moved (act, stands, d)
    WHERE act IS NOT NULL;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION note_bulk FROM PUBLIC;
CREATE TRIGGER bulk AFTER UPDATE ON jobs FOR EACH ROW
    WHEN ((OLD.bulk_id IS NOT NULL OR NEW.bulk_id IS NOT NULL)
        AND (OLD.status <> NEW.status OR OLD.bulk_id IS DISTINCT FROM NEW.bulk_id))
    EXECUTE FUNCTION note_bulk();
"""

# A retry used to begin at the first attempt again, while the time line went on counting. From now on both go on.
ATTEMPTS = """
WITH retried AS (SELECT DISTINCT job_id FROM job_events WHERE kind = 'retried'), told AS (
    SELECT job_id, count(*) FILTER (WHERE kind IN ('claimed', 'taken_over'))
        - count(*) FILTER (WHERE kind = 'retry_later' AND detail->>'code' IS NULL) AS made
    FROM job_events JOIN retried USING (job_id) GROUP BY job_id
)
UPDATE jobs SET attempts = made, max_attempts = max_attempts + made - attempts
FROM told WHERE jobs.id = told.job_id AND made > attempts;
"""

FORGET = """
DELETE FROM stats_deltas WHERE metric = 'jobs_asked';
DELETE FROM stats_buckets WHERE metric = 'jobs_asked';
"""


STATES = {"datasets": "'active', 'deleting', 'refused'", "teams": "'active', 'suspended', 'discarded'"}


def upgrade() -> None:
    op.add_column("jobs", sa.Column("bulk_id", sa.Uuid(), nullable=True))
    long = sa.text("finished_at - created_at > interval '1 hour'")
    op.create_index("ix_jobs_late", "jobs", ["finished_at"], postgresql_where=long)
    op.create_index("ix_bulk_acts_job", "bulk_acts", ["job_id"])
    _refused()
    run(COUNTERS.replace("CREATE_OR_DELETE", SIDES))
    run(BULK)
    run(ATTEMPTS)
    run(FORGET)


def _refused() -> None:
    """What came into being with an import that was refused is given up, and its name is free again."""
    for column in ("made_dataset", "made_team"):
        op.add_column("imports", sa.Column(column, sa.Boolean(), server_default=sa.text("false"), nullable=False))
    for table, states in STATES.items():
        op.drop_constraint(op.f(f"ck_{table}_status"), table, type_="check")
        op.create_check_constraint(op.f(f"ck_{table}_status"), table, f"status IN ({states})")
    op.drop_constraint(op.f("uq_teams_name"), "teams", type_="unique")
    kept = sa.text("status <> 'discarded'")
    op.create_index("uq_teams_name", "teams", ["name"], unique=True, postgresql_where=kept)
