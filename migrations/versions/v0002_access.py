"""Who may touch what: grants, row-level security, the functions of the door and of the sign-in, the job counters.

Four roles without login hold rights: ``platform`` (staff who see all teams), ``team`` (staff and jobs limited to some
teams), ``keeper`` (book-keeping) and the owner. The login roles own nothing and inherit nothing.
"""

from alembic import op

from migrations.script import run

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TENANT = [
    "teams",
    "users",
    "schemas",
    "schema_versions",
    "schema_fields",
    "datasets",
    "dataset_rows",
    "dataset_counts",
    "imports",
    "import_errors",
    "jobs",
    "job_events",
    "job_counts",
    "audit_entries",
]
WRITABLE = [t for t in TENANT if t not in {"audit_entries", "job_counts", "job_events"}]
# Rows that the keeper may only touch inside the team it was opened for.
KEEPER_BY_TEAM = ("dataset_rows", "dataset_counts", "import_errors", "imports")
KEEPER_ANY_TEAM = ("jobs", "job_events", "job_counts", "datasets", "schemas", "schema_fields", "teams")

# The inner cast parses the list once per statement; the outer one keeps the subselect from being a set of rows.
MINE = "team_id = ANY ((SELECT current_setting('app.team_ids', true)::uuid[])::uuid[])"
AUDIT_COLUMNS = (
    "team_id, actor_id, actor_name, actor_kind, session_id, ip, request, action, target_type, target_id, "
    "target_label, reason, before, after, detail"
)
STAFF_COLUMNS = "id, email, name, role, limited, status, version, created_at, updated_at"

GRANTS = f"""
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO quarterdeck_platform, quarterdeck_team, quarterdeck_keeper, quarterdeck_app;
GRANT SELECT ON alembic_version TO quarterdeck_app;

GRANT SELECT ({STAFF_COLUMNS}), INSERT, UPDATE ON staff TO quarterdeck_platform;
GRANT SELECT ON staff_sessions, workers TO quarterdeck_platform;
GRANT UPDATE (revoked_at, revoke_reason) ON staff_sessions TO quarterdeck_platform;
GRANT SELECT, INSERT, DELETE ON staff_teams TO quarterdeck_platform;

GRANT SELECT ON job_counts, job_events, audit_entries TO quarterdeck_platform, quarterdeck_team;
GRANT INSERT ON job_events TO quarterdeck_platform, quarterdeck_team;
GRANT INSERT ({AUDIT_COLUMNS}) ON audit_entries TO quarterdeck_platform, quarterdeck_team;

GRANT SELECT ON jobs, job_events, job_counts, workers, imports, import_errors, dataset_rows, dataset_counts,
    datasets, schemas, schema_fields, teams TO quarterdeck_keeper;
GRANT SELECT (id, last_seen_at) ON staff_sessions TO quarterdeck_keeper;
GRANT UPDATE (status, epoch, attempts, lease_until, worker, run_after, delivered_at, deliveries, checkpoint, progress,
    progress_done, progress_total, progress_text, result, error_code, error, error_signature, cost_micros, started_at,
    finished_at) ON jobs TO quarterdeck_keeper;
GRANT INSERT ON job_events TO quarterdeck_keeper;
GRANT INSERT, DELETE, UPDATE (heartbeat_at, concurrency) ON workers TO quarterdeck_keeper;
GRANT INSERT, DELETE ON dataset_rows, import_errors TO quarterdeck_keeper;
GRANT INSERT, DELETE, UPDATE (n) ON dataset_counts TO quarterdeck_keeper;
GRANT UPDATE (status, rows_good, rows_bad, error_groups, first_position, started_at, finished_at)
    ON imports TO quarterdeck_keeper;
GRANT UPDATE (last_seen_at) ON staff_sessions TO quarterdeck_keeper;
"""

DOOR = """
-- Step 1 of the door for people: the login role may ask only this.
CREATE FUNCTION door_session(sid uuid)
RETURNS TABLE (staff_id uuid, name text, email text, role text, limited boolean, teams uuid[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.id, m.name, m.email, m.role, m.limited,
           CASE WHEN m.limited THEN
               coalesce((SELECT array_agg(t.team_id) FROM public.staff_teams t WHERE t.staff_id = m.id), '{}')
           ELSE '{}'::uuid[] END
    FROM public.staff_sessions s JOIN public.staff m ON m.id = s.staff_id
    WHERE s.id = sid AND s.revoked_at IS NULL AND s.expires_at > now() AND m.status = 'active'
$$;

-- Step 1 of the door for running jobs. Holding the row makes a takeover (which locks FOR UPDATE) wait until this run's
-- transaction has ended, and lets people ask it to stop meanwhile.
CREATE FUNCTION door_job(job uuid, run integer, hold boolean) RETURNS TABLE (team_id uuid, started_by uuid, kind text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF hold THEN
        RETURN QUERY SELECT j.team_id, j.created_by, j.kind::text FROM public.jobs j
            WHERE j.id = job AND j.epoch = run AND j.status = 'running' FOR KEY SHARE;
    ELSE
        RETURN QUERY SELECT j.team_id, j.created_by, j.kind::text FROM public.jobs j
            WHERE j.id = job AND j.epoch = run AND j.status = 'running';
    END IF;
END $$;

-- Names for "asked for by …" also where the staff table is out of reach.
CREATE FUNCTION staff_names(ids uuid[]) RETURNS TABLE (id uuid, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.id, m.name::text FROM public.staff m WHERE m.id = ANY (ids)
$$;
REVOKE ALL ON FUNCTION door_session, door_job, staff_names FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door_session, door_job TO quarterdeck_app;
GRANT EXECUTE ON FUNCTION staff_names TO quarterdeck_platform, quarterdeck_team;
"""

SIGN_IN = """
CREATE FUNCTION sign_in_begin(address text) RETURNS TABLE (staff_id uuid, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.id, m.password_hash::text FROM public.staff m WHERE lower(m.email) = lower(address) AND m.status = 'active'
$$;

-- False: the password, or the right to sign in, changed while ``verified`` was measured. The lock holds changes up.
CREATE FUNCTION sign_in_finish(
    member uuid, verified text, session uuid, expires timestamptz, address text, agent text, new_hash text)
RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM 1 FROM public.staff m
        WHERE m.id = member AND m.password_hash = verified AND m.status = 'active' FOR NO KEY UPDATE;
    IF NOT FOUND THEN RETURN false; END IF;
    IF new_hash IS NOT NULL THEN
        UPDATE public.staff SET password_hash = new_hash WHERE id = member;
    END IF;
    INSERT INTO public.staff_sessions
        (id, staff_id, created_at, last_seen_at, expires_at, authenticated_at, ip, user_agent)
    VALUES (session, member, now(), now(), expires, now(), address, left(agent, 400));
    INSERT INTO public.audit_entries
        (actor_id, actor_name, actor_kind, session_id, ip, action, target_type, target_id, target_label, detail)
    SELECT m.id, m.name, 'staff', session, address, 'session.started', 'session', session::text, '',
        jsonb_build_object('user_agent', left(agent, 400))
    FROM public.staff m WHERE m.id = member;
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
    RETURN true;
END $$;

-- The log is for ever: it keeps nothing but e-mail addresses (a password typed into the wrong field is none), and takes
-- at most 60 refusals a minute, so that nobody fills it. The web process logs each.
CREATE FUNCTION sign_in_refused(email text, address text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sixtieth timestamptz;
    shown text := CASE WHEN length(email) <= 254 AND email ~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$'
        THEN email ELSE '' END;
BEGIN
    SELECT e.at INTO sixtieth FROM public.audit_entries e
        WHERE e.action = 'session.refused' ORDER BY e.id DESC OFFSET 59 LIMIT 1;
    IF sixtieth > now() - interval '1 minute' THEN RETURN; END IF;
    INSERT INTO public.audit_entries
        (actor_id, actor_name, actor_kind, ip, action, target_type, target_id, target_label)
    SELECT m.id, coalesce(m.name, nullif(shown, ''), 'Somebody'), 'nobody', address, 'session.refused', 'staff',
        coalesce(m.id::text, ''), coalesce(m.email, shown)
    FROM (SELECT 1) AS once LEFT JOIN public.staff m ON lower(m.email) = lower(sign_in_refused.email);
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
END $$;

CREATE FUNCTION sign_out(sid uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE ended public.staff_sessions;
BEGIN
    UPDATE public.staff_sessions SET revoked_at = now(), revoke_reason = 'signed out'
        WHERE id = sid AND revoked_at IS NULL RETURNING * INTO ended;
    IF ended.id IS NULL THEN RETURN; END IF;
    INSERT INTO public.audit_entries
        (actor_id, actor_name, actor_kind, session_id, ip, action, target_type, target_id, target_label)
    SELECT m.id, m.name, 'staff', sid, ended.ip, 'session.ended', 'session', sid::text, ''
    FROM public.staff m WHERE m.id = ended.staff_id;
    PERFORM pg_notify('quarterdeck', jsonb_build_array('sessions', sid, 'revoked')::text);
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
END $$;
REVOKE ALL ON FUNCTION sign_in_begin, sign_in_finish, sign_in_refused, sign_out FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sign_in_begin, sign_in_finish, sign_in_refused, sign_out TO quarterdeck_app;
"""

COUNTERS = """
-- Counters of jobs by state, right whatever path wrote the rows. One statement touches its counters in key order.
CREATE FUNCTION count_jobs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.job_counts AS c (team_id, kind, status, slot, n)
        SELECT team_id, kind, status, pg_backend_pid() % 8, count(*) FROM new_rows GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (team_id, kind, status, slot) DO UPDATE SET n = c.n + excluded.n;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO public.job_counts AS c (team_id, kind, status, slot, n)
        SELECT team_id, kind, status, pg_backend_pid() % 8, -count(*) FROM old_rows GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (team_id, kind, status, slot) DO UPDATE SET n = c.n + excluded.n;
    ELSE
        INSERT INTO public.job_counts AS c (team_id, kind, status, slot, n)
        SELECT team_id, kind, status, pg_backend_pid() % 8, sum(d) FROM (
            SELECT n.team_id, n.kind, n.status, 1 AS d FROM new_rows n JOIN old_rows o USING (id)
            WHERE n.status <> o.status
            UNION ALL
            SELECT o.team_id, o.kind, o.status, -1 FROM new_rows n JOIN old_rows o USING (id)
            WHERE n.status <> o.status
        ) AS moved GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (team_id, kind, status, slot) DO UPDATE SET n = c.n + excluded.n;
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION count_jobs FROM PUBLIC;
CREATE TRIGGER count_jobs_insert AFTER INSERT ON jobs REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_jobs();
CREATE TRIGGER count_jobs_delete AFTER DELETE ON jobs REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_jobs();
CREATE TRIGGER count_jobs_update AFTER UPDATE ON jobs REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_jobs();

-- The audit log is append-only, for the owner and for a superuser too.
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'The audit log is append-only.' USING ERRCODE = 'insufficient_privilege'; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
ALTER TABLE audit_entries ENABLE ALWAYS TRIGGER append_only;
"""


def upgrade() -> None:
    run(GRANTS)
    for table in TENANT:
        mine = MINE.replace("team_id =", "id =") if table == "teams" else MINE
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner ON {table} TO quarterdeck_owner USING (true)")
        op.execute(f"CREATE POLICY platform ON {table} TO quarterdeck_platform USING (true)")
        op.execute(f"CREATE POLICY team ON {table} TO quarterdeck_team USING ({mine})")
        if table in KEEPER_BY_TEAM:
            op.execute(f"CREATE POLICY keeper ON {table} TO quarterdeck_keeper USING ({mine})")
        elif table in KEEPER_ANY_TEAM:
            op.execute(f"CREATE POLICY keeper ON {table} TO quarterdeck_keeper USING (true)")
        if table in WRITABLE:
            op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO quarterdeck_platform, quarterdeck_team")
    run(DOOR)
    run(SIGN_IN)
    run(COUNTERS)
