"""Queues, schedules, workers that can be drained, and the pace of jobs: what an incident is run with."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.script import run

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

GRANTS = """
GRANT SELECT ON job_totals, job_minutes, queues, schedules TO quarterdeck_platform, quarterdeck_keeper;
GRANT UPDATE (paused_at, max_running, version, updated_at) ON queues TO quarterdeck_platform;
GRANT UPDATE (cron, time_zone, enabled, next_run_at, last_run_at, last_job_id, version, updated_at)
    ON schedules TO quarterdeck_platform;
GRANT UPDATE (drain_requested_at, drain_requested_by) ON workers TO quarterdeck_platform;
GRANT INSERT, UPDATE (held_at, cancel_seen_at, run_started_at) ON jobs TO quarterdeck_keeper;
GRANT DELETE ON job_minutes TO quarterdeck_keeper;
GRANT INSERT ON queues TO quarterdeck_keeper;
GRANT INSERT, UPDATE (next_run_at, last_run_at, last_job_id) ON schedules TO quarterdeck_keeper;
"""

# Who moved where is found once for each statement; what only tells of progress leaves at once.
# A transaction counts in a lane that no other one uses: two that met in one, one of them holding the lock of a queue
# that the other is about to take, would wait for each other.
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
            SELECT n.team_id, n.kind, n.queue, n.status, n.created_at, o.queue AS queue_before,
                o.status AS status_before, o.run_after AS due, n.run_started_at, n.started_at, n.finished_at,
                o.started_at AS started_before, o.finished_at AS finished_before
            FROM new_rows n JOIN old_rows o USING (id) WHERE n.status <> o.status OR n.queue <> o.queue
        ), moved AS MATERIALIZED (
            SELECT team_id, kind, queue, status, created_at, started_at, finished_at, 1 AS d FROM changed
            UNION ALL SELECT team_id, kind, queue_before, status_before, created_at, started_before, finished_before, -1
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
        ), by_creation AS (
            INSERT INTO public.stats_deltas (metric, team_id, dimension, bucket, n, total)
            SELECT 'jobs_asked', team_id, kind || '|' || status,
                date_bin('15 minutes', created_at, 'epoch'), sum(d), 0
            FROM moved GROUP BY 2, 3, 4 HAVING sum(d) <> 0
            UNION ALL SELECT 'jobs', team_id, kind || '|' || status, date_bin('15 minutes', finished_at, 'epoch'),
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
            SELECT team_id, kind, queue, status, created_at, {sign} AS d FROM {rows}
        ), by_team AS (
            INSERT INTO public.job_counts AS c (team_id, kind, status, slot, n)
            SELECT coalesce(team_id, '00000000-0000-0000-0000-000000000000'), kind, status, lane, sum(d) FROM moved
            GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
            ON CONFLICT (team_id, kind, status, slot) DO UPDATE SET n = c.n + excluded.n
        ), by_queue AS (
            INSERT INTO public.job_totals AS c (queue, kind, status, slot, n)
            SELECT queue, kind, status, lane, sum(d) FROM moved GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
            ON CONFLICT (queue, kind, status, slot) DO UPDATE SET n = c.n + excluded.n
        )
        INSERT INTO public.stats_deltas (metric, team_id, dimension, bucket, n, total)
        SELECT 'jobs_asked', team_id, kind || '|' || status, date_bin('15 minutes', created_at, 'epoch'), sum(d), 0
        FROM moved GROUP BY 2, 3, 4;"""
SIDES = (
    "IF TG_OP = 'INSERT' THEN"
    + ONE_SIDE.format(sign=1, rows="new_rows")
    + "\n    ELSE"
    + ONE_SIDE.format(sign=-1, rows="old_rows")
    + "\n    END IF;"
)

# Whoever ends has moved, and is counted above with the others of its statement.
ENDS = """
DROP TRIGGER stats_update ON jobs;
CREATE TRIGGER stats_update AFTER UPDATE ON jobs FOR EACH ROW
    WHEN ((OLD.finished_at IS NOT NULL OR NEW.finished_at IS NOT NULL)
        AND OLD.status = NEW.status AND OLD.queue = NEW.queue)
    EXECUTE FUNCTION stats_jobs_update();
"""

# Where the jobs stand that were there before.
BEFORE = """
INSERT INTO job_totals (queue, kind, status, slot, n)
    SELECT queue, kind, status, 0, count(*) FROM jobs GROUP BY 1, 2, 3;
INSERT INTO stats_deltas (metric, team_id, dimension, bucket, n, total)
    SELECT 'jobs_asked', team_id, kind || '|' || status, date_bin('15 minutes', created_at, 'epoch'), count(*), 0
    FROM jobs GROUP BY 2, 3, 4;
"""


def upgrade() -> None:
    _tables()
    _columns()
    _indexes()
    run(GRANTS)
    run(COUNTERS.replace("CREATE_OR_DELETE", SIDES))
    run(ENDS)
    run(BEFORE)


def _tables() -> None:
    op.create_table(
        "job_totals",
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("queue", "kind", "status", "slot", name=op.f("pk_job_totals")),
    )
    counted = ("started", "waited_ms", "succeeded", "failed", "cancelled", "retried", "ran_ms")
    op.create_table(
        "job_minutes",
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in counted),
        sa.PrimaryKeyConstraint("minute", "queue", "kind", "slot", name=op.f("pk_job_minutes")),
    )
    op.create_table(
        "queues",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("max_running", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("max_running > 0", name=op.f("ck_queues_max_running")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queues")),
        sa.UniqueConstraint("name", name=op.f("uq_queues_name")),
    )
    op.create_table(
        "schedules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("input", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("cron", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_job_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_schedules_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
        sa.UniqueConstraint("name", name=op.f("uq_schedules_name")),
    )
    op.create_index("ix_schedules_due", "schedules", ["next_run_at"], postgresql_where=sa.text("enabled"))


def _columns() -> None:
    for table in ("jobs", "job_events"):
        op.alter_column(table, "team_id", nullable=True)
    for name in ("held_at", "cancel_seen_at", "run_started_at"):
        op.add_column("jobs", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("jobs", sa.Column("schedule_id", sa.Uuid(), nullable=True))
    op.add_column(
        "workers", sa.Column("queues", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False)
    )
    op.add_column("workers", sa.Column("drain_requested_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("workers", sa.Column("drain_requested_by", sa.Uuid(), nullable=True))


def _indexes() -> None:
    waiting = "status = 'queued'"
    op.drop_index("ix_jobs_due", "jobs")
    op.create_index("ix_jobs_due", "jobs", ["run_after"], postgresql_where=sa.text(f"{waiting} AND held_at IS NULL"))
    op.create_index("ix_jobs_waiting", "jobs", ["queue", "run_after"], postgresql_where=sa.text(waiting))
    op.create_index(
        "ix_jobs_held",
        "jobs",
        ["queue", sa.literal_column("priority DESC"), "id"],
        postgresql_where=sa.text(f"{waiting} AND held_at IS NOT NULL"),
    )
    op.create_index("ix_jobs_running", "jobs", ["queue", "worker"], postgresql_where=sa.text("status = 'running'"))
    op.create_index(
        "ix_jobs_schedule",
        "jobs",
        ["schedule_id", sa.literal_column("id DESC")],
        postgresql_where=sa.text("schedule_id IS NOT NULL"),
    )
    op.drop_index("uq_jobs_unique_key", "jobs")
    op.create_index(
        "uq_jobs_unique_key",
        "jobs",
        ["team_id", "unique_key"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("status IN ('queued', 'running') AND unique_key IS NOT NULL"),
    )
