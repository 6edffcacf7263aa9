"""Since when each user had not been active before: so that active users of any days are counted, each once."""

from alembic import op

from migrations.script import run

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Users of some days, each once, are those whose day lies among them and whose day before it does not. So each day of a
# user is noted under the user's day before it; a day that comes late stands between its neighbours. The lock on the
# user lets two days of one user follow each other; what another transaction noted meanwhile is seen after it.
NOTE = """
CREATE OR REPLACE FUNCTION note_user_day() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    today date := (NEW.created_at AT TIME ZONE 'UTC')::date;
    earlier text;
    later date;
BEGIN
    INSERT INTO public.user_days (user_id, day, team_id) VALUES (NEW.user_id, today, NEW.team_id)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM FROM public.users u WHERE u.id = NEW.user_id FOR NO KEY UPDATE;
    SELECT coalesce(max(d.day) FILTER (WHERE d.day < today)::text, ''), min(d.day) FILTER (WHERE d.day > today)
        INTO earlier, later FROM public.user_days d WHERE d.user_id = NEW.user_id;
    INSERT INTO public.stats_deltas (metric, team_id, dimension, bucket, n, total)
    VALUES ('active', NEW.team_id, '', today::timestamp AT TIME ZONE 'UTC', 1, 0),
        ('active_after', NULL, earlier, today::timestamp AT TIME ZONE 'UTC', 1, 0);
    IF later IS NOT NULL THEN
        INSERT INTO public.stats_deltas (metric, team_id, dimension, bucket, n, total)
        VALUES ('active_after', NULL, earlier, later::timestamp AT TIME ZONE 'UTC', -1, 0),
            ('active_after', NULL, today::text, later::timestamp AT TIME ZONE 'UTC', 1, 0);
    END IF;
    RETURN NULL;
END $$;
"""
BEFORE = """
INSERT INTO stats_buckets (metric, team_id, dimension, bucket, n, total)
SELECT 'active_after', NULL, earlier, day::timestamp AT TIME ZONE 'UTC', count(*), 0 FROM (
    SELECT day, coalesce((lag(day) OVER (PARTITION BY user_id ORDER BY day))::text, '') AS earlier FROM user_days
) AS days GROUP BY earlier, day;
"""


def upgrade() -> None:
    op.create_index("ix_user_days_team", "user_days", ["team_id", "day", "user_id"])
    run(NOTE)
    run(BEFORE)
