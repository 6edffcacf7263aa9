"""Changes that reach a table past the door are recorded too; personal values by reference: they can be erased.

An entry of the audit log is sealed as it is, for ever. Whatever it tells of a customer's person therefore stands in
``audit_personal``, and the entry holds only the word ``$personal`` in its place and a commitment to the value.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.script import run

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MINE = "team_id = ANY ((SELECT current_setting('app.team_ids', true)::uuid[])::uuid[])"

# What the log tells of a record, by what it calls it, that may name a person. A test compares it with the models.
COLUMNS = """
CREATE FUNCTION audit_personal_columns(kind text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE kind
        WHEN 'user' THEN '{email,name,options}'::text[]
        WHEN 'payment' THEN '{description,failure}'::text[]
        WHEN 'job' THEN '{input,checkpoint,progress_text,result,error,error_signature}'::text[]
        WHEN 'bulk_act' THEN '{reason,chosen}'::text[]
        ELSE '{}'::text[] END
$$;
CREATE FUNCTION audit_personal_part(told jsonb, columns text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(told) AS e
    WHERE split_part(e.key, '.', 1) = ANY (columns) AND e.value NOT IN ('null', '""', '{}', '[]')
$$;
CREATE FUNCTION audit_personal_left(told jsonb, part jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT told || (SELECT jsonb_object_agg(k.key, '$personal'::text) FROM jsonb_object_keys(part) AS k(key))
$$;
REVOKE ALL ON FUNCTION audit_personal_columns, audit_personal_part, audit_personal_left FROM PUBLIC;
"""

# Whoever writes an entry: the door, the functions of the sign-in, raw SQL, the demo.
REFER = """
CREATE FUNCTION refer_personal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    columns text[] := public.audit_personal_columns(NEW.target_type);
    held jsonb := '{}';
    part jsonb;
    whose uuid;
    salt bytea := uuid_send(gen_random_uuid());
BEGIN
    IF NEW.personal IS NOT NULL THEN RETURN NEW; END IF;
    IF NEW.reason IS NOT NULL THEN
        held := jsonb_build_object('reason', NEW.reason);
        NEW.reason := '$personal';
    END IF;
    -- A label that ends with the end of the id tells nothing else: "payment 1f2e3d4c".
    IF NEW.target_type IN ('user', 'payment', 'job')
        AND NEW.target_label NOT LIKE '% ' || right(replace(NEW.target_id, '-', ''), 8) THEN
        held := held || jsonb_build_object('target_label', NEW.target_label);
        NEW.target_label := '$personal';
    END IF;
    part := public.audit_personal_part(NEW.before, columns);
    IF part IS NOT NULL THEN
        held := held || jsonb_build_object('before', part);
        NEW.before := public.audit_personal_left(NEW.before, part);
    END IF;
    part := public.audit_personal_part(NEW.after, columns);
    IF part IS NOT NULL THEN
        held := held || jsonb_build_object('after', part);
        NEW.after := public.audit_personal_left(NEW.after, part);
    END IF;
    part := public.audit_personal_part(NEW.detail, '{search,filters}');
    IF part IS NOT NULL THEN
        held := held || jsonb_build_object('detail', part);
        NEW.detail := public.audit_personal_left(NEW.detail, part);
    END IF;
    IF held = '{}' THEN RETURN NEW; END IF;
    IF pg_input_is_valid(NEW.target_id, 'uuid') THEN
        whose := CASE NEW.target_type
            WHEN 'user' THEN NEW.target_id::uuid
            WHEN 'payment' THEN (SELECT p.user_id FROM public.payments p WHERE p.id = NEW.target_id::uuid)
            WHEN 'job' THEN (SELECT j.user_id FROM public.jobs j WHERE j.id = NEW.target_id::uuid) END;
    END IF;
    IF whose IS NULL AND part ? 'search' THEN
        whose := (SELECT u.id FROM public.users u WHERE lower(u.email) = lower(part ->> 'search'));
    END IF;
    INSERT INTO public.audit_personal (entry_id, at, team_id, subject, salt, value)
        VALUES (NEW.id, NEW.at, NEW.team_id, whose, salt, held::text);
    NEW.personal := encode(sha256(salt || convert_to(held::text, 'UTF8')), 'hex');
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION refer_personal FROM PUBLIC;
CREATE TRIGGER refer_personal BEFORE INSERT ON audit_entries FOR EACH ROW
    WHEN (NEW.reason IS NOT NULL OR NEW.detail IS NOT NULL OR NEW.target_type IN ('user', 'payment', 'job', 'bulk_act'))
    EXECUTE FUNCTION refer_personal();
ALTER TABLE audit_entries ENABLE ALWAYS TRIGGER refer_personal;

-- A value can be erased, nothing else.
CREATE FUNCTION audit_only_erased() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.salt IS NULL AND NEW.value IS NULL AND NEW.erased_at IS NOT NULL AND OLD.erased_at IS NULL
        AND (NEW.entry_id, NEW.at) = (OLD.entry_id, OLD.at)
        AND (NEW.team_id, NEW.subject) IS NOT DISTINCT FROM (OLD.team_id, OLD.subject) THEN RETURN NEW; END IF;
    RAISE EXCEPTION 'A personal value of the audit log can only be erased.' USING ERRCODE = 'insufficient_privilege';
END $$;
REVOKE ALL ON FUNCTION audit_only_erased FROM PUBLIC;
CREATE TRIGGER only_erased BEFORE UPDATE ON audit_personal FOR EACH ROW EXECUTE FUNCTION audit_only_erased();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON audit_personal
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
ALTER TABLE audit_personal ENABLE ALWAYS TRIGGER only_erased;
ALTER TABLE audit_personal ENABLE ALWAYS TRIGGER append_only;
"""

# What readers see: the value, or when it was erased.
SHOWN = """
CREATE FUNCTION audit_day(erased timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT to_char(erased AT TIME ZONE 'UTC', 'YYYY-MM-DD')
$$;
CREATE FUNCTION audit_shown(own text, place text, held text, erased timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN own IS DISTINCT FROM '$personal' THEN own
        WHEN held IS NOT NULL THEN held::jsonb ->> place
        ELSE 'erased on ' || audit_day(erased) END
$$;
CREATE FUNCTION audit_shown(own jsonb, place text, held text, erased timestamptz) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN held IS NOT NULL THEN own || coalesce(held::jsonb -> place, '{}')
        WHEN erased IS NULL THEN own
        ELSE replace(own::text, '"$personal"', jsonb_build_object('$erased', audit_day(erased))::text)::jsonb END
$$;
CREATE FUNCTION audit_label(kind text, id text, own text, held text, erased timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN own <> '$personal' THEN own
        WHEN held IS NOT NULL THEN held::jsonb ->> 'target_label'
        ELSE kind || ' ' || right(replace(id, '-', ''), 8) || ', erased on ' || audit_day(erased) END
$$;
REVOKE ALL ON FUNCTION audit_day, audit_shown(text, text, text, timestamptz),
    audit_shown(jsonb, text, text, timestamptz), audit_label FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_day, audit_shown(text, text, text, timestamptz),
    audit_shown(jsonb, text, text, timestamptz), audit_label TO quarterdeck_platform, quarterdeck_team;

-- For whoever reads the log by SQL: the entries with their personal values.
CREATE FUNCTION audit_told() RETURNS SETOF audit_entries LANGUAGE plpgsql STABLE AS $$
DECLARE e audit_entries;
    p audit_personal;
BEGIN
    FOR e IN SELECT * FROM audit_entries ORDER BY id LOOP
        IF e.personal IS NOT NULL THEN
            SELECT * INTO p FROM audit_personal WHERE entry_id = e.id;
            e.target_label := audit_label(e.target_type, e.target_id, e.target_label, p.value, p.erased_at);
            e.reason := audit_shown(e.reason, 'reason', p.value, p.erased_at);
            e.before := audit_shown(e.before, 'before', p.value, p.erased_at);
            e.after := audit_shown(e.after, 'after', p.value, p.erased_at);
            e.detail := audit_shown(e.detail, 'detail', p.value, p.erased_at);
        END IF;
        RETURN NEXT e;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION audit_told FROM PUBLIC;
"""

# Everything that names a person goes; ids, amounts, states and times stay. It runs for the owner, because what a person
# did may lie with a team that they have left.
ERASE = """
CREATE FUNCTION erase_person(person uuid) RETURNS TABLE (unfinished integer, entries integer, jobs uuid[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE addresses text[];
    near text[];
    known text[];
BEGIN
    PERFORM 1 FROM public.users u WHERE u.id = person AND u.erased_at IS NULL AND (
        current_setting('role') = 'quarterdeck_platform'
        OR u.team_id = ANY (current_setting('app.team_ids', true)::uuid[])) FOR NO KEY UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    SELECT count(*) FILTER (WHERE j.status IN ('queued', 'running')), array_agg(j.id) INTO unfinished, jobs
        FROM public.jobs j WHERE j.user_id = person;
    IF unfinished > 0 THEN RETURN NEXT; RETURN; END IF;
    -- Their addresses of all times, as patterns: words about others may name them. What is near is found much faster.
    addresses := ARRAY(SELECT DISTINCT a.address FROM (
        SELECT u.email FROM public.users u WHERE u.id = person
        UNION SELECT p.value::jsonb #>> '{before,email}' FROM public.audit_personal p WHERE p.subject = person
        UNION SELECT p.value::jsonb #>> '{after,email}' FROM public.audit_personal p WHERE p.subject = person
    ) AS a(address) WHERE a.address IS NOT NULL);
    near := ARRAY(SELECT '%' || a.address || '%' FROM unnest(addresses) AS a(address));
    known := ARRAY(SELECT '(?<![[:alnum:]._%+-])'
        || regexp_replace(a.address, '([^[:alnum:]])', '\\\\\\1', 'g') || '(?![[:alnum:]-]|[.][[:alnum:]])'
        FROM unnest(addresses) AS a(address));
    UPDATE public.audit_personal p SET salt = NULL, value = NULL, erased_at = now()
        WHERE p.erased_at IS NULL AND (p.subject = person OR (p.value ILIKE ANY (near) AND p.value ~* ANY (known)));
    GET DIAGNOSTICS entries = ROW_COUNT;
    UPDATE public.payments SET description = '', failure = NULL, version = version + 1, updated_at = now()
        WHERE user_id = person AND (description <> '' OR failure IS NOT NULL);
    UPDATE public.job_events SET detail = '{}' WHERE job_id = ANY (jobs) AND detail <> '{}';
    UPDATE public.jobs j SET input = '{}', checkpoint = NULL, progress_text = '', result = NULL, error = NULL,
        error_signature = NULL WHERE j.id = ANY (jobs);
    -- What staff typed to find them, and why.
    UPDATE public.bulk_acts b SET reason = '', chosen = '{}'
        WHERE b.reason ~* ANY (known) OR b.chosen::text ~* ANY (known);
    UPDATE public.jobs j SET input = j.input - 'search' - 'filters'
        WHERE j.kind = 'audit.export' AND j.status NOT IN ('queued', 'running') AND j.input::text ~* ANY (known);
    UPDATE public.bulk_items i SET message = NULL WHERE i.job_id = ANY (jobs) AND i.message IS NOT NULL;
    UPDATE public.users SET name = 'Erased user ' || right(replace(person::text, '-', ''), 8),
        email = 'erased-' || replace(person::text, '-', '') || '@erased.invalid', options = '{}',
        status = 'deactivated', erased_at = now(), updated_at = now(), version = version + 1 WHERE id = person;
    RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION erase_person FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_person TO quarterdeck_platform, quarterdeck_team;
"""

# -- what no entry tells of -------------------------------------------------------------------------------------------
# The first statement on a table leaves a line in audit_pending; at the end of the transaction, unless an entry stands
# beside it, the line becomes an entry. It tells names, never values: they could be personal.
NOTE = """
    INSERT INTO public.audit_pending AS p (xid, name, operation, n, ids, columns)
    VALUES (pg_current_xact_id()::text, TG_TABLE_NAME, lower(TG_OP), many, few, changed)
    ON CONFLICT (xid, name, operation) DO UPDATE SET n = p.n + excluded.n,
        ids = (p.ids || excluded.ids)[1:20],
        columns = ARRAY(SELECT DISTINCT unnest(p.columns || excluded.columns) ORDER BY 1);
    RETURN NULL;
END $$;
"""
HEAD = """
CREATE FUNCTION {name}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    many bigint := 0;
    few text[] := '{{}}';
    changed text[] := '{{}}';
BEGIN
    IF pg_trigger_depth() > 1 THEN RETURN NULL; END IF;
    IF current_setting('app.unrecorded', true) = 'on' AND public.audit_is_off() THEN RETURN NULL; END IF;
"""
COUNT = """
    SELECT count(*) INTO many FROM {rows};
    IF many = 0 THEN RETURN NULL; END IF;
    few := ARRAY(SELECT to_jsonb(r) ->> 'id' FROM {rows} AS r LIMIT 20);
"""
CHANGED = """
    changed := ARRAY(SELECT DISTINCT e.key
        FROM (SELECT to_jsonb(r) AS value, row_number() OVER () AS i FROM new_rows AS r LIMIT 20) AS n
        JOIN (SELECT to_jsonb(r) AS value, row_number() OVER () AS i FROM old_rows AS r LIMIT 20) AS o USING (i),
        jsonb_each(n.value) AS e WHERE e.value IS DISTINCT FROM o.value -> e.key ORDER BY 1);
"""
WATCH = f"""
-- Whoever owns the tables may say that a load of theirs is no change by anybody. The application's roles may not.
CREATE FUNCTION audit_is_off() RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_has_role(session_user, 'quarterdeck_owner', 'MEMBER')
$$;
{HEAD.format(name="watch_insert")}{COUNT.format(rows="new_rows")}{NOTE}
{HEAD.format(name="watch_update")}{COUNT.format(rows="new_rows")}{CHANGED}{NOTE}
{HEAD.format(name="watch_delete")}{COUNT.format(rows="old_rows")}{NOTE}
{HEAD.format(name="watch_truncate")}{NOTE}
-- An entry of the log itself: all is told.
CREATE FUNCTION watch_entries() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.audit_pending (xid, name, operation) VALUES (pg_current_xact_id()::text, TG_TABLE_NAME, 'insert')
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER watch_insert AFTER INSERT ON audit_entries FOR EACH STATEMENT EXECUTE FUNCTION watch_entries();
ALTER TABLE audit_entries ENABLE ALWAYS TRIGGER watch_insert;

CREATE FUNCTION audit_settle() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tables jsonb;
    first text;
BEGIN
    IF EXISTS (SELECT FROM public.audit_pending
        WHERE (xid, name, operation) = (pg_current_xact_id()::text, 'audit_entries', 'insert')) THEN
        DELETE FROM public.audit_pending WHERE xid = pg_current_xact_id()::text;
        RETURN NULL;
    END IF;
    WITH gone AS (DELETE FROM public.audit_pending WHERE xid = pg_current_xact_id()::text RETURNING *),
    operations AS (SELECT name, jsonb_object_agg(operation, jsonb_strip_nulls(jsonb_build_object('rows', n,
        'ids', nullif(to_jsonb(array_remove(ids, NULL)), '[]'),
        'columns', nullif(to_jsonb(columns), '[]')))) AS of FROM gone GROUP BY name)
    SELECT jsonb_object_agg(name, of), min(name) INTO tables, first FROM operations;
    IF tables IS NULL THEN RETURN NULL; END IF;
    -- Now, not when the transaction began: one that was open for hours back-dates nothing.
    INSERT INTO public.audit_entries (at, actor_name, actor_kind, request, action, target_type, target_id, target_label,
        detail)
    VALUES (clock_timestamp(), session_user, 'database', nullif(current_setting('app.request', true), ''),
        'database.changed', 'database', first, first, jsonb_build_object('tables', tables));
    DELETE FROM public.audit_pending WHERE xid = pg_current_xact_id()::text;
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER settle AFTER INSERT ON audit_pending DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION audit_settle();
ALTER TABLE audit_pending ENABLE ALWAYS TRIGGER settle;

-- Later migrations call it for each table that they make, unless it is book-keeping. The keeper keeps books.
CREATE FUNCTION audit_watch(watched regclass) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE part text[];
BEGIN
    FOREACH part SLICE 1 IN ARRAY ARRAY[['insert', 'REFERENCING NEW TABLE AS new_rows'],
        ['update', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'],
        ['delete', 'REFERENCING OLD TABLE AS old_rows'], ['truncate', '']]
    LOOP
        EXECUTE format('CREATE TRIGGER watch_%1$s AFTER %1$s ON %2$s %3$s FOR EACH STATEMENT'
            ' WHEN (current_setting(''role'') <> ''quarterdeck_keeper'') EXECUTE FUNCTION public.watch_%1$s()',
            part[1], watched, part[2]);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER watch_%s', watched, part[1]);
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION audit_is_off, watch_insert, watch_update, watch_delete, watch_truncate, watch_entries,
    audit_settle, audit_watch FROM PUBLIC;
CREATE TRIGGER watch_update AFTER UPDATE ON audit_personal REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION watch_update();
ALTER TABLE audit_personal ENABLE ALWAYS TRIGGER watch_update;
"""

# A code that is used up is no change by anybody: whatever is done by it has an entry of its own.
SPARE = """
CREATE FUNCTION audit_spare() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.audit_pending (xid, name, operation)
        VALUES (pg_current_xact_id()::text, 'audit_entries', 'insert') ON CONFLICT DO NOTHING
$$;
REVOKE ALL ON FUNCTION audit_spare FROM PUBLIC;
CREATE OR REPLACE FUNCTION own_code_use(sid uuid, seen bytea, step bigint, renewed bytea) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM public.audit_spare();
    RETURN public.use_second_factor((SELECT o.id FROM public.lock_owner(sid) o), seen, step, renewed, NULL) IS NOT NULL;
END $$;
"""

# What no role of the application may write but the keeper; and the log itself.
UNWATCHED = (
    *("alembic_version", "audit_entries", "audit_personal", "audit_pending", "audit_seals", "audit_checks"),
    *("job_counts", "job_minutes", "job_totals", "stats_buckets", "stats_deltas", "user_days"),
    *("sign_in_tries", "sign_in_challenges", "staff_devices"),
)

# A job's entry names who started the job.
STARTED_BY = "GRANT EXECUTE ON FUNCTION staff_names TO quarterdeck_app"

# Functions of the sign-in that name no request write that of their transaction.
REQUEST = """
ALTER TABLE audit_entries ALTER request SET DEFAULT nullif(current_setting('app.request', true), '')
"""

# What the log holds already, before anything of it is sealed.
MOVE = """
DO $$
DECLARE part regclass;
    parts regclass[] := ARRAY(SELECT 'audit_entries'::regclass UNION ALL
        SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'audit_entries'::regclass);
BEGIN
    FOREACH part IN ARRAY parts LOOP EXECUTE format('ALTER TABLE %s DISABLE TRIGGER append_only', part); END LOOP;
    CREATE TEMP TABLE moved (LIKE audit_entries INCLUDING DEFAULTS) ON COMMIT DROP;
    CREATE TRIGGER refer_personal BEFORE INSERT ON moved FOR EACH ROW EXECUTE FUNCTION refer_personal();
    INSERT INTO moved SELECT * FROM audit_entries
        WHERE reason IS NOT NULL OR detail IS NOT NULL OR target_type IN ('user', 'payment', 'job');
    UPDATE audit_entries e SET target_label = m.target_label, reason = m.reason, before = m.before, after = m.after,
        detail = m.detail, personal = m.personal FROM moved m WHERE m.id = e.id AND m.personal IS NOT NULL;
    DROP TABLE moved;
    FOREACH part IN ARRAY parts LOOP EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER append_only', part); END LOOP;
END $$;
"""


def upgrade() -> None:
    op.create_table(
        "audit_personal",
        sa.Column("entry_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("subject", sa.Uuid(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_audit_personal")),
    )
    op.create_index(
        "ix_audit_personal_subject",
        "audit_personal",
        ["subject"],
        postgresql_where=sa.text("subject IS NOT NULL"),
    )
    op.create_table(
        "audit_pending",
        sa.Column("xid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("ids", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("columns", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("xid", "name", "operation", name=op.f("pk_audit_pending")),
        prefixes=["UNLOGGED"],
    )
    op.add_column("users", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("ALTER TABLE audit_personal ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE audit_personal FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON audit_personal TO quarterdeck_owner USING (true)")
    op.execute("CREATE POLICY platform ON audit_personal TO quarterdeck_platform USING (true)")
    op.execute(f"CREATE POLICY team ON audit_personal TO quarterdeck_team USING ({MINE})")
    op.execute("GRANT SELECT ON audit_personal TO quarterdeck_platform, quarterdeck_team")
    for script in (COLUMNS, REFER, SHOWN, ERASE, STARTED_BY, REQUEST, MOVE, WATCH, SPARE):
        run(script)
    kept = ", ".join(f"'{name}'" for name in UNWATCHED)
    run(
        "DO $$ BEGIN\n"
        "    PERFORM audit_watch(c.oid) FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace\n"
        "        AND c.relkind IN ('r', 'p') AND NOT c.relispartition\n"
        f"        AND c.relname NOT IN ({kept});\n"
        "END $$;\n"
    )
