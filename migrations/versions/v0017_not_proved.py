"""Who is signed in and proves wrongly who they are is named; and every entry is counted, whoever it is of."""

from migrations.script import run

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

NOT_PROVED = """
-- The session may have ended meanwhile: whose it was is known all the same. How often is up to the count of tries.
CREATE FUNCTION session_not_proved(sid uuid, method text, address text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.audit_entries (actor_id, actor_name, actor_kind, session_id, ip, request, action, target_type,
        target_id, target_label, detail)
    SELECT m.id, m.name, 'staff', sid, address, nullif(current_setting('app.request', true), ''),
        'session.not_proved', 'session', sid::text, '', jsonb_build_object('method', method)
    FROM public.staff_sessions s JOIN public.staff m ON m.id = s.staff_id WHERE s.id = sid;
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
END $$;
REVOKE ALL ON FUNCTION session_not_proved FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_not_proved TO quarterdeck_app;
"""

# As before, and whoever is counted as a signed-in person is no stranger.
THROTTLED = """
CREATE OR REPLACE FUNCTION throttle_record(typed text, member uuid, address text, what text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    person public.staff;
    shown text := CASE WHEN length(typed) <= 254 AND typed ~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$'
        THEN typed END;
    about text;
    label text;
    id text;
BEGIN
    SELECT m.* INTO person FROM public.staff m WHERE m.id = member OR lower(m.email) = lower(typed);
    about := CASE what WHEN 'address' THEN 'address' WHEN 'everybody' THEN 'sign-in' ELSE 'staff' END;
    label := CASE about WHEN 'address' THEN address WHEN 'sign-in' THEN 'everybody together'
        ELSE coalesce(person.email, shown, 'an unreadable e-mail') END;
    id := CASE about WHEN 'staff' THEN coalesce(person.id::text, '') ELSE '' END;
    IF EXISTS (SELECT FROM (SELECT e.at, e.target_type, e.target_id, e.target_label,
                row_number() OVER (ORDER BY e.id DESC) AS place
            FROM public.audit_entries e WHERE e.action = 'session.throttled' ORDER BY e.id DESC LIMIT 60) AS told
        WHERE (told.place = 60 AND told.at > now() - interval '1 minute')
            OR (told.at > now() - interval '15 minutes' AND (told.target_type, told.target_id, told.target_label)
                = (about, id, label)))
    THEN RETURN; END IF;
    INSERT INTO public.audit_entries
        (actor_id, actor_name, actor_kind, ip, request, action, target_type, target_id, target_label)
    VALUES (CASE WHEN about = 'staff' THEN person.id END,
        CASE about WHEN 'staff' THEN coalesce(person.name, shown, 'Somebody') WHEN 'address' THEN 'Somebody'
            ELSE 'Whoever is not signed in' END,
        CASE WHEN what IN ('staff', 'staff code') THEN 'staff' ELSE 'nobody' END,
        address, nullif(current_setting('app.request', true), ''), 'session.throttled', about, id, label);
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
END $$;
"""

# What staff did is one number; what strangers, jobs, commands and the database did, another: together they are all.
BUCKET = "date_bin('15 minutes', {}, '1970-01-01 00:00+00')"
COUNTED = f"""
CREATE OR REPLACE FUNCTION stats_audit_entries_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.stats_deltas (metric, team_id, dimension, bucket, n, total)
    VALUES (CASE NEW.actor_kind WHEN 'staff' THEN 'actions' ELSE 'other_actions' END, NEW.team_id, NEW.action,
        {BUCKET.format("NEW.at")}, 1, 0);
    RETURN NULL;
END $$;
DROP TRIGGER stats_insert ON audit_entries;
CREATE TRIGGER stats_insert AFTER INSERT ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION stats_audit_entries_insert();
INSERT INTO stats_deltas (metric, team_id, dimension, bucket, n, total)
SELECT 'other_actions', team_id, action, {BUCKET.format("at")}, count(*), 0 FROM audit_entries
WHERE actor_kind <> 'staff' GROUP BY 1, 2, 3, 4;
"""


def upgrade() -> None:
    run(NOT_PROVED)
    run(THROTTLED)
    run(COUNTED)
