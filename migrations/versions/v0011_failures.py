"""Failures by what they have in common, bulk acts, and what the list of jobs is searched by."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.script import run

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

MINE = "team_id = ANY ((SELECT current_setting('app.team_ids', true)::uuid[])::uuid[])"
TENANT = ("failures", "bulk_acts", "bulk_items", "job_words")

GRANTS = """
GRANT SELECT ON failures TO quarterdeck_platform, quarterdeck_team;
GRANT SELECT, INSERT, UPDATE, DELETE ON bulk_acts, bulk_items TO quarterdeck_platform, quarterdeck_team;
GRANT SELECT ON bulk_acts, bulk_items TO quarterdeck_keeper;
GRANT UPDATE (succeeded, refused) ON bulk_acts TO quarterdeck_keeper;
GRANT UPDATE (status, message, done_at) ON bulk_items TO quarterdeck_keeper;
GRANT SELECT, INSERT ON job_words TO quarterdeck_platform;
GRANT INSERT ON job_words TO quarterdeck_team, quarterdeck_keeper;
CREATE POLICY keeper ON bulk_acts TO quarterdeck_keeper USING (true);
CREATE POLICY keeper ON bulk_items TO quarterdeck_keeper USING (true);
CREATE POLICY keeper ON job_words TO quarterdeck_keeper USING (true);
"""

# Row by row, with a WHEN: a job that never failed costs nothing. Numbers are only appended (the worker adds them up)
# and the moment of the last failure is left to whoever gets the row, so that failing jobs never wait for each other.
FAILURES = """
CREATE FUNCTION note_failure() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    everywhere constant uuid := '00000000-0000-0000-0000-000000000000';
    forever constant timestamptz := '1970-01-01 00:00+00';
    was text := CASE WHEN OLD.error_signature IS NULL THEN NULL WHEN OLD.status = 'failed' THEN 'failed'
        WHEN OLD.status = 'queued' THEN 'waiting' END;
    stands text := CASE WHEN NEW.error_signature IS NULL THEN NULL WHEN NEW.status = 'failed' THEN 'failed'
        WHEN NEW.status = 'queued' THEN 'waiting' END;
    happened boolean := stands IS NOT NULL AND OLD.status IS DISTINCT FROM NEW.status
        AND (NEW.status = 'failed' OR (OLD.status = 'running' AND NEW.attempts >= OLD.attempts));
    called uuid := md5(NEW.error_signature)::uuid;
    at timestamptz := coalesce(NEW.finished_at, now());
BEGIN
    INSERT INTO public.stats_deltas (metric, team_id, dimension, bucket, n, total)
    SELECT 'failures_now', team_id, dimension, forever, n, 0 FROM (VALUES
        (OLD.team_id, md5(OLD.error_signature)::uuid || '|' || was, -1), (NEW.team_id, called || '|' || stands, 1),
        (NEW.team_id, CASE WHEN happened THEN called || '|seen' END, 1)) AS told (team_id, dimension, n)
    WHERE dimension IS NOT NULL;
    IF NOT happened THEN RETURN NULL; END IF;
    INSERT INTO public.stats_deltas (metric, team_id, dimension, bucket, n, total)
    VALUES ('failures', NEW.team_id, called::text, date_bin('15 minutes', at, forever), 1, 0);
    UPDATE public.failures f SET first_seen_at = least(f.first_seen_at, at), last_seen_at = greatest(f.last_seen_at, at)
    FROM (SELECT g.id, g.team_id FROM public.failures g
        WHERE g.id = called AND g.team_id IN (everywhere, NEW.team_id)
            AND (g.first_seen_at > at OR g.last_seen_at < at - interval '1 s') FOR UPDATE SKIP LOCKED) AS free
    WHERE f.id = free.id AND f.team_id = free.team_id;
    IF EXISTS (SELECT FROM public.failures f WHERE f.id = called AND f.team_id = coalesce(NEW.team_id, everywhere)) THEN
        RETURN NULL;
    END IF;
    INSERT INTO public.failures
        (id, team_id, signature, kind, error_class, place, message, first_seen_at, last_seen_at)
    SELECT called, team_id, NEW.error_signature, NEW.kind, split_part(NEW.error_signature, ' ', 2),
        regexp_replace(split_part(NEW.error_signature, ' ', 3), '^-$', ''),
        coalesce(substring(NEW.error_signature FROM '^(?:[^ ]* ){3}(.*)$'), ''), at, at
    FROM (VALUES (everywhere), (NEW.team_id)) AS hit (team_id) WHERE team_id IS NOT NULL
    ORDER BY team_id ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION note_failure FROM PUBLIC;
CREATE TRIGGER failures_insert AFTER INSERT ON jobs FOR EACH ROW
    WHEN (NEW.error_signature IS NOT NULL) EXECUTE FUNCTION note_failure();
CREATE TRIGGER failures_update AFTER UPDATE ON jobs FOR EACH ROW
    WHEN ((OLD.error_signature IS NOT NULL OR NEW.error_signature IS NOT NULL) AND
        (OLD.status <> NEW.status OR OLD.error_signature IS DISTINCT FROM NEW.error_signature))
    EXECUTE FUNCTION note_failure();
CREATE TRIGGER failures_delete AFTER DELETE ON jobs FOR EACH ROW
    WHEN (OLD.error_signature IS NOT NULL) EXECUTE FUNCTION note_failure();
"""

# Words that were taken out of an input (somebody's data were erased) are not found any more either.
WORDS = """
CREATE FUNCTION forget_words() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM public.job_words WHERE job_id = NEW.id;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION forget_words FROM PUBLIC;
CREATE TRIGGER words AFTER UPDATE ON jobs FOR EACH ROW
    WHEN (OLD.input IS DISTINCT FROM NEW.input) EXECUTE FUNCTION forget_words();
"""

# As with errors: an index of words, or of the end of an id, is out of reach for those limited to some teams.
FIND = """
CREATE FUNCTION jobs_with(words text) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE 'SELECT w.job_id FROM public.job_words w WHERE w.team_id = ANY ($1)'
        ' AND w.words @@ $2::tsquery ORDER BY w.job_id DESC LIMIT 10000'
        USING current_setting('app.team_ids')::uuid[], words;
END $$;
CREATE FUNCTION jobs_ending(tail text) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE 'SELECT j.id FROM public.jobs j WHERE j.team_id = ANY ($1) AND right(j.id::text, 8) = $2'
        USING current_setting('app.team_ids')::uuid[], tail;
END $$;
-- What whoever asked for a bulk act may do now: nothing at all where they may not sign in any more.
CREATE FUNCTION bulk_asker(act uuid) RETURNS TABLE (role text, limited boolean, teams uuid[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.role::text, m.limited,
        coalesce((SELECT array_agg(t.team_id) FROM public.staff_teams t WHERE t.staff_id = m.id), '{}')
    FROM public.bulk_acts b JOIN public.staff m ON m.id = b.asked_by WHERE b.id = act AND m.status = 'active'
$$;
REVOKE ALL ON FUNCTION jobs_with, jobs_ending, bulk_asker FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobs_with, jobs_ending TO quarterdeck_team;
GRANT EXECUTE ON FUNCTION bulk_asker TO quarterdeck_platform, quarterdeck_team;
"""

# The failures and the words that are there already.
BEFORE = """
INSERT INTO failures (id, team_id, signature, kind, error_class, place, message, first_seen_at, last_seen_at)
    SELECT md5(error_signature)::uuid, coalesce(team_id, '00000000-0000-0000-0000-000000000000'), error_signature,
        min(kind), split_part(error_signature, ' ', 2), split_part(error_signature, ' ', 3), '',
        min(coalesce(finished_at, created_at)), max(coalesce(finished_at, created_at))
    FROM jobs WHERE status = 'failed' AND error_signature IS NOT NULL
    GROUP BY GROUPING SETS ((error_signature, team_id), (error_signature))
    HAVING GROUPING(team_id) = 1 OR team_id IS NOT NULL;
INSERT INTO stats_deltas (metric, team_id, dimension, bucket, n, total)
    SELECT 'failures_now', team_id, md5(error_signature)::uuid || '|' || stands, timestamptz '1970-01-01 00:00+00',
        count(*), 0
    FROM jobs, unnest(ARRAY[CASE status WHEN 'queued' THEN 'waiting' ELSE 'failed' END,
        CASE status WHEN 'failed' THEN 'seen' END]) AS stands
    WHERE status IN ('failed', 'queued') AND error_signature IS NOT NULL AND stands IS NOT NULL GROUP BY 2, 3;
INSERT INTO stats_deltas (metric, team_id, dimension, bucket, n, total)
    SELECT 'failures', team_id, md5(error_signature)::uuid::text,
        date_bin('15 minutes', coalesce(finished_at, created_at), timestamptz '1970-01-01 00:00+00'), count(*), 0
    FROM jobs WHERE status = 'failed' AND error_signature IS NOT NULL GROUP BY 2, 3, 4;
INSERT INTO job_words (job_id, team_id, words)
    SELECT id, team_id, array_to_tsvector(ARRAY(
        SELECT DISTINCT lower(left(word, 64)) FROM jsonb_path_query(input, 'strict $.**') AS value,
            regexp_split_to_table(value #>> '{}', '[^[:alnum:]]+') AS word
        WHERE jsonb_typeof(value) IN ('string', 'number') AND word <> '' LIMIT 200))
    FROM jobs WHERE input <> '{}';
"""


def upgrade() -> None:
    _failures()
    _bulk()
    _indexes()
    for table in TENANT:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner ON {table} TO quarterdeck_owner USING (true)")
        op.execute(f"CREATE POLICY platform ON {table} TO quarterdeck_platform USING (true)")
        op.execute(f"CREATE POLICY team ON {table} TO quarterdeck_team USING ({MINE})")
    run(GRANTS)
    run(BEFORE)
    run(FAILURES)
    run(WORDS)
    run(FIND)


def _failures() -> None:
    op.create_table(
        "failures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        *(sa.Column(n, sa.String(), nullable=False) for n in ("signature", "kind", "error_class", "place", "message")),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", "team_id", name=op.f("pk_failures")),
    )
    order: list[sa.ColumnElement[Any]] = [sa.literal_column(f"{name} DESC") for name in ("last_seen_at", "id")]
    op.create_index("ix_failures_team", "failures", ["team_id", *order])
    op.create_table(
        "job_words",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.ForeignKeyConstraint(
            *(["team_id", "job_id"], ["jobs.team_id", "jobs.id"]),
            name=op.f("fk_job_words_team_id_job_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_job_words")),
    )
    op.create_index("ix_job_words", "job_words", ["words"], postgresql_using="gin")


def _bulk() -> None:
    op.create_table(
        "bulk_acts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("chosen", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("total", "succeeded", "refused")),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("verb IN ('retry', 'cancel')", name=op.f("ck_bulk_acts_verb")),
        sa.CheckConstraint("rate > 0", name=op.f("ck_bulk_acts_rate")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_bulk_acts_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_acts")),
        sa.UniqueConstraint("team_id", "id", name=op.f("uq_bulk_acts_team_id_id")),
    )
    op.create_index("ix_bulk_acts_team", "bulk_acts", ["team_id", sa.literal_column("id DESC")])
    op.create_table(
        "bulk_items",
        sa.Column("bulk_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('refused', 'succeeded', 'waiting')", name=op.f("ck_bulk_items_status")),
        sa.ForeignKeyConstraint(
            *(["team_id", "bulk_id"], ["bulk_acts.team_id", "bulk_acts.id"]),
            name=op.f("fk_bulk_items_team_id_bulk_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("bulk_id", "position", name=op.f("pk_bulk_items")),
    )
    op.create_index("ix_bulk_items_status", "bulk_items", ["bulk_id", "status", "position"])


def _indexes() -> None:
    op.drop_index("ix_jobs_signature", "jobs")
    for column in ("error_signature", "created_by"):
        name = f"ix_jobs_{column.removeprefix('error_')}"
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, "jobs", [column, sa.literal_column("id DESC")], postgresql_where=there)
    urgent = sa.text("priority <> 0")
    op.create_index("ix_jobs_priority", "jobs", ["priority", sa.literal_column("id DESC")], postgresql_where=urgent)
    op.create_index("ix_jobs_short", "jobs", [sa.text('"right"(id::text, 8)')], postgresql_using="hash")
