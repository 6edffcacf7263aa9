"""The company around the datasets: payments, limits of teams, one-time links of staff, and numbers kept exactly."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.script import run

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MINE = "team_id = ANY ((SELECT current_setting('app.team_ids', true)::uuid[])::uuid[])"
NEW_TENANT = ("payments", "user_days", "stats_deltas", "stats_buckets")

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON payments TO quarterdeck_platform, quarterdeck_team;
GRANT SELECT ON user_days, stats_deltas, stats_buckets TO quarterdeck_platform, quarterdeck_team;
GRANT SELECT (password_set_at) ON staff TO quarterdeck_platform;
GRANT SELECT (id, staff_id, purpose, created_by, created_at, expires_at, used_at, revoked_at), INSERT,
    UPDATE (revoked_at) ON staff_links TO quarterdeck_platform;
GRANT SELECT, DELETE ON stats_deltas TO quarterdeck_keeper;
GRANT SELECT, INSERT, UPDATE (n, total) ON stats_buckets TO quarterdeck_keeper;
CREATE POLICY keeper ON stats_deltas TO quarterdeck_keeper USING (true);
CREATE POLICY keeper ON stats_buckets TO quarterdeck_keeper USING (true);
"""

BUCKET = "date_bin('15 minutes', {}, '1970-01-01 00:00+00')"
ALWAYS = "timestamptz '1970-01-01 00:00+00'"
COLUMNS = "metric, team_id, dimension, bucket, n, total"

# What the rows of a table add to the numbers. A statement takes away what its old rows added and adds the new ones'.
FACTS = {
    "teams": [f"SELECT 'teams', id, status, {ALWAYS}, {{sign}}, 0 FROM {{rows}}"],
    "datasets": [f"SELECT 'datasets', team_id, status, {ALWAYS}, {{sign}}, 0 FROM {{rows}}"],
    "users": [
        f"SELECT 'users', team_id, plan || '|' || status, {ALWAYS}, {{sign}}, 0 FROM {{rows}}",
        f"SELECT 'signups', team_id, '', {BUCKET.format('created_at')}, {{sign}}, 0 FROM {{rows}}",
    ],
    "payments": [
        (
            f"SELECT 'payments', team_id, currency || '|' || status, {BUCKET.format('created_at')}, {{sign}}, "
            "{sign} * amount_minor FROM {rows}"
        ),
        (
            f"SELECT 'payments_now', team_id, currency || '|' || status, {ALWAYS}, {{sign}}, {{sign}} * amount_minor "
            "FROM {rows}"
        ),
        (
            f"SELECT 'refunds', team_id, currency, {BUCKET.format('created_at')}, {{sign}}, {{sign}} * refunded_minor "
            "FROM {rows} WHERE refunded_minor > 0"
        ),
    ],
    "jobs": [
        (
            f"SELECT 'jobs', team_id, kind || '|' || status, {BUCKET.format('finished_at')}, {{sign}}, {{sign}} * "
            "coalesce(round(extract(epoch FROM finished_at - started_at) * 1000), 0)::bigint FROM {rows} "
            "WHERE finished_at IS NOT NULL AND status IN ('succeeded', 'failed', 'cancelled')"
        ),
    ],
}
# What the rows of ROWWISE add is counted row by row, and a trigger's WHEN spares the hot writes: a job is updated ten
# times in its life and ends once. Counting a whole statement costs each of its writes the copies of all its rows.
ENDED = "{}.finished_at IS NOT NULL"
ROWWISE = {
    "jobs": {
        "INSERT": ENDED.format("NEW"),
        "UPDATE": f"{ENDED.format('OLD')} OR {ENDED.format('NEW')}",
        "DELETE": ENDED.format("OLD"),
    }
}
# What happened once and stays: an import brought rows, a row was decided, somebody acted. Each is a condition and the
# values of one delta.
_BROUGHT = f"'imported', NEW.team_id, '', {BUCKET.format('coalesce(NEW.finished_at, now())')}, 1, NEW.rows_good"
_DECIDED = f"'reviewed', NEW.team_id, NEW.status, {BUCKET.format('NEW.reviewed_at')}, 1, 0"
EVENTS = {
    ("imports", "INSERT"): ("NEW.status = 'succeeded'", _BROUGHT),
    ("imports", "UPDATE"): ("NEW.status = 'succeeded' AND OLD.status <> 'succeeded'", _BROUGHT),
    ("dataset_rows", "INSERT"): ("NEW.reviewed_at IS NOT NULL", _DECIDED),
    ("dataset_rows", "UPDATE"): (
        "NEW.reviewed_at IS NOT NULL AND NEW.reviewed_at IS DISTINCT FROM OLD.reviewed_at",
        _DECIDED,
    ),
    ("audit_entries", "INSERT"): (
        "NEW.actor_kind = 'staff'",
        f"'actions', NEW.team_id, NEW.action, {BUCKET.format('NEW.at')}, 1, 0",
    ),
}
ACTIVE = """
CREATE FUNCTION note_user_day() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE today date := (NEW.created_at AT TIME ZONE 'UTC')::date;
BEGIN
    INSERT INTO public.user_days (user_id, day, team_id) VALUES (NEW.user_id, today, NEW.team_id)
        ON CONFLICT DO NOTHING;
    IF FOUND THEN
        INSERT INTO public.stats_deltas (metric, team_id, dimension, bucket, n, total)
        VALUES ('active', NEW.team_id, '', today::timestamp AT TIME ZONE 'UTC', 1, 0);
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION note_user_day FROM PUBLIC;
CREATE TRIGGER user_days AFTER INSERT ON jobs FOR EACH ROW
    WHEN (NEW.user_id IS NOT NULL) EXECUTE FUNCTION note_user_day();
CREATE TRIGGER user_days AFTER INSERT ON payments FOR EACH ROW
    WHEN (NEW.user_id IS NOT NULL) EXECUTE FUNCTION note_user_day();
"""
# The size of a database is for those who may connect to it: only the login roles and the owner may.
HOME = """
CREATE FUNCTION database_bytes() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_database_size(current_database())
$$;
REVOKE ALL ON FUNCTION database_bytes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION database_bytes TO quarterdeck_platform;
"""
# -- users and teams --------------------------------------------------------------------------------------------------
# ILIKE is not leakproof, so under the role ``team`` it could use no index; here it runs for the owner, and the teams
# that may be seen are named. EXECUTE plans each pattern for itself.
FIND_USERS = """
CREATE FUNCTION users_like(pattern text) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE 'SELECT u.id FROM public.users u WHERE u.team_id = ANY ($1)'
        ' AND (u.name OPERATOR(pg_catalog.~~*) $2 OR u.email OPERATOR(pg_catalog.~~*) $2)'
        USING current_setting('app.team_ids')::uuid[], pattern;
END $$;
REVOKE ALL ON FUNCTION users_like FROM PUBLIC;
CREATE FUNCTION users_at(address text) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id FROM public.users u
    WHERE lower(u.email) = lower(address) AND u.team_id = ANY (current_setting('app.team_ids')::uuid[])
$$;
REVOKE ALL ON FUNCTION users_at FROM PUBLIC;
GRANT EXECUTE ON FUNCTION users_like, users_at TO quarterdeck_team;
"""

# -- words in the errors of jobs --------------------------------------------------------------------------------------
# As with users: an index of words is out of reach for those who are limited to some teams.
FIND_JOBS = """
CREATE FUNCTION jobs_like(pattern text) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE 'SELECT j.id FROM public.jobs j WHERE j.team_id = ANY ($1)'
        ' AND j.error OPERATOR(pg_catalog.~~*) $2'
        USING current_setting('app.team_ids')::uuid[], pattern;
END $$;
REVOKE ALL ON FUNCTION jobs_like FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobs_like TO quarterdeck_team;
"""
# The log's indexes hold what a count has to look at (whose entry, what was done), so that it need not open the entries.
AUDIT_INDEXES: dict[str, list[str | sa.ColumnElement[Any]]] = {
    "ix_audit_entries_action": ["action", sa.literal_column("id DESC")],
    "ix_audit_entries_actor": ["actor_id", sa.literal_column("id DESC")],
    "ix_audit_entries_target": ["target_type", "target_id", sa.literal_column("id DESC")],
}
AUDIT_INCLUDES = {
    "ix_audit_entries_action": ["team_id"],
    "ix_audit_entries_actor": ["team_id", "action"],
    "ix_audit_entries_target": ["team_id"],
}

TRANSITION = {1: "new_rows", -1: "old_rows"}
ROW = {1: "(SELECT NEW.*) AS new_row", -1: "(SELECT OLD.*) AS old_row"}
REFERENCING = {
    "INSERT": "NEW TABLE AS new_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
}
SIGNS = {"INSERT": (1,), "UPDATE": (1, -1), "DELETE": (-1,)}


# One-time links: whoever holds one chooses a password before they are anybody. And what people mend of their own
# account, those limited to some teams too, whose role cannot reach the table of staff.
LINKS = """
CREATE FUNCTION link_find(token bytea) RETURNS TABLE (name text, email text, purpose text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.name::text, m.email::text, l.purpose::text
    FROM public.staff_links l JOIN public.staff m ON m.id = l.staff_id
    WHERE l.digest = token AND l.used_at IS NULL AND l.revoked_at IS NULL AND l.expires_at > now()
        AND m.status = 'active'
$$;

-- Open pages hear of it; the sign-in asks the row. Returns how many lived.
CREATE FUNCTION end_sessions_of(member uuid, but uuid, why text) RETURNS integer
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended uuid;
    n integer := 0;
BEGIN
    FOR ended IN
        UPDATE public.staff_sessions SET revoked_at = now(), revoke_reason = why
            WHERE staff_id = member AND revoked_at IS NULL AND expires_at > now() AND id IS DISTINCT FROM but
            RETURNING id
    LOOP
        PERFORM pg_notify('quarterdeck', jsonb_build_array('sessions', ended, 'revoked')::text);
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;

-- The row of the person is locked first, as by whoever makes or takes back links: one of two users of a link loses.
CREATE FUNCTION link_use(token bytea, new_hash text, address text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    member public.staff;
    sort text;
    ended integer;
BEGIN
    SELECT m.* INTO member FROM public.staff m
        WHERE m.id = (SELECT l.staff_id FROM public.staff_links l WHERE l.digest = token) AND m.status = 'active'
        FOR NO KEY UPDATE;
    UPDATE public.staff_links SET used_at = now()
        WHERE digest = token AND staff_id = member.id AND used_at IS NULL AND revoked_at IS NULL AND expires_at > now()
        RETURNING purpose INTO sort;
    IF sort IS NULL THEN RETURN false; END IF;
    UPDATE public.staff SET password_hash = new_hash, password_set_at = now(), updated_at = now(), version = version + 1
        WHERE id = member.id;
    ended := public.end_sessions_of(member.id, NULL, 'password chosen');
    INSERT INTO public.audit_entries (actor_id, actor_name, actor_kind, ip, request, action, target_type, target_id,
        target_label, before, after, detail)
    VALUES (member.id, member.name, 'staff', address, nullif(current_setting('app.request', true), ''),
        'staff.link_used', 'staff', member.id::text, member.name, '{"password_hash": null}',
        '{"password_hash": "changed"}', jsonb_build_object('purpose', sort, 'sessions_ended', ended));
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
    PERFORM pg_notify('quarterdeck', jsonb_build_array('staff', member.id, 'changed')::text);
    RETURN true;
END $$;

CREATE FUNCTION own_account(sid uuid) RETURNS TABLE (id uuid, name text, email text, role text, limited boolean,
    password_set_at timestamptz, created_at timestamptz, sessions integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.id, m.name::text, m.email::text, m.role::text, m.limited, m.password_set_at, m.created_at,
        (SELECT count(*)::integer FROM public.staff_sessions o
            WHERE o.staff_id = m.id AND o.revoked_at IS NULL AND o.expires_at > now())
    FROM public.staff_sessions s JOIN public.staff m ON m.id = s.staff_id
    WHERE s.id = sid AND s.revoked_at IS NULL AND s.expires_at > now() AND m.status = 'active'
$$;

CREATE FUNCTION own_name(sid uuid, wanted text, address text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE member public.staff;
BEGIN
    SELECT m.* INTO member FROM public.staff m
        WHERE m.id = (SELECT a.id FROM public.own_account(sid) a) FOR NO KEY UPDATE;
    IF member.id IS NULL THEN RETURN false; END IF;
    IF member.name = wanted THEN RETURN true; END IF;
    UPDATE public.staff SET name = wanted, updated_at = now(), version = version + 1 WHERE id = member.id;
    INSERT INTO public.audit_entries (actor_id, actor_name, actor_kind, session_id, ip, request, action, target_type,
        target_id, target_label, before, after)
    VALUES (member.id, member.name, 'staff', sid, address, nullif(current_setting('app.request', true), ''),
        'staff.renamed', 'staff', member.id::text, wanted, jsonb_build_object('name', member.name),
        jsonb_build_object('name', wanted));
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
    PERFORM pg_notify('quarterdeck', jsonb_build_array('staff', member.id, 'changed')::text);
    RETURN true;
END $$;

-- ``verified`` is what the present password was measured against. NULL: it is not theirs any more. Else how many other
-- sessions ended.
CREATE FUNCTION own_password(sid uuid, verified text, new_hash text, address text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    member public.staff;
    ended integer;
BEGIN
    SELECT m.* INTO member FROM public.staff m
        WHERE m.id = (SELECT a.id FROM public.own_account(sid) a) AND m.password_hash = verified FOR NO KEY UPDATE;
    IF member.id IS NULL THEN RETURN NULL; END IF;
    UPDATE public.staff SET password_hash = new_hash, password_set_at = now(), updated_at = now(), version = version + 1
        WHERE id = member.id;
    UPDATE public.staff_links SET revoked_at = now()
        WHERE staff_id = member.id AND used_at IS NULL AND revoked_at IS NULL;
    ended := public.end_sessions_of(member.id, sid, 'password changed');
    INSERT INTO public.audit_entries (actor_id, actor_name, actor_kind, session_id, ip, request, action, target_type,
        target_id, target_label, before, after, detail)
    VALUES (member.id, member.name, 'staff', sid, address, nullif(current_setting('app.request', true), ''),
        'staff.password_changed', 'staff', member.id::text, member.name, '{"password_hash": null}',
        '{"password_hash": "changed"}', jsonb_build_object('sessions_ended', ended));
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
    PERFORM pg_notify('quarterdeck', jsonb_build_array('staff', member.id, 'changed')::text);
    RETURN ended;
END $$;
REVOKE ALL ON FUNCTION link_find, link_use, end_sessions_of, own_account, own_name, own_password FROM PUBLIC;
GRANT EXECUTE ON FUNCTION link_find, link_use TO quarterdeck_app;
GRANT EXECUTE ON FUNCTION own_account, own_name, own_password TO quarterdeck_platform, quarterdeck_team;
"""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    _tables()
    _columns()
    for table in NEW_TENANT:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner ON {table} TO quarterdeck_owner USING (true)")
        op.execute(f"CREATE POLICY platform ON {table} TO quarterdeck_platform USING (true)")
        op.execute(f"CREATE POLICY team ON {table} TO quarterdeck_team USING ({MINE})")
    run(GRANTS)
    run(HOME)
    run(FIND_USERS)
    run(FIND_JOBS)
    for name, columns in AUDIT_INDEXES.items():
        op.drop_index(name, table_name="audit_entries")
        op.create_index(name, "audit_entries", columns, unique=False, postgresql_include=AUDIT_INCLUDES[name])
    for table, facts in FACTS.items():
        for operation, sides in SIGNS.items():
            when = ROWWISE.get(table, {}).get(operation)
            rows_of = ROW if when else TRANSITION
            _count(table, operation, [f.format(rows=rows_of[s], sign=s) for f in facts for s in sides], when)
    for (table, operation), (when, values) in EVENTS.items():
        _note(table, operation, when, values)
    run(ACTIVE)
    run(LINKS)


def _count(table: str, operation: str, selects: list[str], when: str | None) -> None:
    """A trigger that appends what a statement, or with ``when`` each such row, changed in the numbers."""
    each = f"FOR EACH ROW WHEN ({when})" if when else f"REFERENCING {REFERENCING[operation]} FOR EACH STATEMENT"
    _trigger(
        table,
        operation,
        each,
        f"""SELECT metric, team_id, dimension, bucket, sum(n), sum(total) FROM ({" UNION ALL ".join(selects)})
        AS changed ({COLUMNS})
    GROUP BY metric, team_id, dimension, bucket HAVING sum(n) <> 0 OR sum(total) <> 0""",
    )


def _note(table: str, operation: str, when: str, values: str) -> None:
    """A trigger that appends one delta for each row that fulfils ``when``."""
    _trigger(table, operation, f"FOR EACH ROW WHEN ({when})", f"VALUES ({values})")


def _trigger(table: str, operation: str, each: str, deltas: str) -> None:
    name = f"stats_{table}_{operation.lower()}"
    run(f"""
CREATE FUNCTION {name}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.stats_deltas ({COLUMNS})
    {deltas};
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION {name} FROM PUBLIC;
CREATE TRIGGER stats_{operation.lower()} AFTER {operation} ON {table} {each} EXECUTE FUNCTION {name}();
""")


def _tables() -> None:
    op.create_table(
        "stats_buckets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("dimension", sa.String(), nullable=False),
        sa.Column("bucket", sa.DateTime(timezone=True), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stats_buckets")),
    )
    op.create_index(
        "uq_stats_buckets",
        "stats_buckets",
        ["metric", "team_id", "bucket", "dimension"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_include=["n", "total"],
    )
    op.create_table(
        "stats_deltas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("dimension", sa.String(), nullable=False),
        sa.Column("bucket", sa.DateTime(timezone=True), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stats_deltas")),
        postgresql_with={"autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 5000},
    )
    op.create_table(
        "user_days",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "day", name=op.f("pk_user_days")),
    )
    op.create_table(
        "staff_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("purpose IN ('invite', 'reset')", name=op.f("ck_staff_links_purpose")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_links_staff_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_links")),
        sa.UniqueConstraint("digest", name=op.f("uq_staff_links_digest")),
    )
    op.create_index("ix_staff_links_staff", "staff_links", ["staff_id", "created_at"], unique=False)
    op.create_table(
        "payments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("failure", sa.String(), nullable=True),
        sa.Column("stripe_payment_intent", sa.String(), nullable=True),
        sa.Column("stripe_charge", sa.String(), nullable=True),
        sa.Column("last_event_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_payments_currency")),
        sa.CheckConstraint(
            "status IN ('pending', 'succeeded', 'failed', 'cancelled', 'disputed')", name=op.f("ck_payments_status")
        ),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_payments_amount_minor")),
        sa.CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name=op.f("ck_payments_refunded_minor")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_payments_team_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_payments_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("team_id", "id", name=op.f("uq_payments_team_id_id")),
    )
    op.create_index("ix_payments_amount", "payments", ["amount_minor", "id"], unique=False)
    op.create_index("ix_payments_currency_amount", "payments", ["currency", "amount_minor", "id"], unique=False)
    op.create_index(
        "ix_payments_search",
        "payments",
        ["description"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"description": "gin_trgm_ops"},
    )
    op.create_index("ix_payments_created", "payments", ["created_at", "id"], unique=False)
    op.create_index("ix_payments_currency", "payments", ["currency", "created_at", "id"], unique=False)
    op.create_index("ix_payments_status", "payments", ["status", "created_at", "id"], unique=False)
    op.create_index("ix_payments_team", "payments", ["team_id", "created_at", "id"], unique=False)
    op.create_index("ix_payments_user", "payments", ["user_id", "created_at", "id"], unique=False)
    op.create_index(
        "uq_payments_charge",
        "payments",
        ["stripe_charge"],
        unique=True,
        postgresql_where=sa.text("stripe_charge IS NOT NULL"),
    )
    op.create_index(
        "uq_payments_intent",
        "payments",
        ["stripe_payment_intent"],
        unique=True,
        postgresql_where=sa.text("stripe_payment_intent IS NOT NULL"),
    )


def _columns() -> None:
    op.add_column("audit_entries", sa.Column("origin", sa.String(), server_default=sa.text("'live'"), nullable=False))
    op.add_column("dataset_rows", sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("jobs", sa.Column("user_id", sa.Uuid(), nullable=True))
    op.add_column("jobs", sa.Column("payment_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_jobs_search",
        "jobs",
        ["error"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"error": "gin_trgm_ops"},
        postgresql_where=sa.text("error IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_user",
        "jobs",
        ["user_id", sa.literal_column("id DESC")],
        unique=False,
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_finished",
        "jobs",
        ["finished_at"],
        unique=False,
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_index(
        "uq_jobs_payment", "jobs", ["payment_id"], unique=True, postgresql_where=sa.text("payment_id IS NOT NULL")
    )
    op.create_foreign_key(
        op.f("fk_jobs_team_id_payment_id"), "jobs", "payments", ["team_id", "payment_id"], ["team_id", "id"]
    )
    op.create_foreign_key(op.f("fk_jobs_user_id"), "jobs", "users", ["user_id"], ["id"])
    op.add_column("staff", sa.Column("password_set_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE staff SET password_set_at = created_at")  # until now nobody came without a password
    op.create_index("ix_staff_name", "staff", [sa.literal_column("lower(name)"), "id"], unique=False)
    op.add_column("teams", sa.Column("user_limit", sa.Integer(), nullable=True))
    op.add_column("teams", sa.Column("dataset_limit", sa.Integer(), nullable=True))
    op.add_column("workers", sa.Column("maintenance", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_check_constraint(op.f("ck_teams_user_limit"), "teams", "user_limit >= 0")
    op.create_check_constraint(op.f("ck_teams_dataset_limit"), "teams", "dataset_limit >= 0")
    op.create_index("ix_teams_created", "teams", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_teams_search",
        "teams",
        ["name"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops"},
    )
    op.create_index("ix_teams_name", "teams", [sa.literal_column("lower(name)"), "id"], unique=False)
    op.create_index("ix_teams_status", "teams", ["status", sa.literal_column("id DESC")], unique=False)
    op.create_index("ix_users_created", "users", ["created_at", "id"], unique=False)
    op.create_index("ix_users_name", "users", [sa.literal_column("lower(name)"), "id"], unique=False)
    op.create_index("ix_users_plan", "users", ["plan", sa.literal_column("id DESC")], unique=False)
    op.create_index(
        "ix_users_search",
        "users",
        ["name", "email"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops", "email": "gin_trgm_ops"},
    )
    op.create_index("ix_users_status", "users", ["status", sa.literal_column("id DESC")], unique=False)
    op.create_index("ix_users_team", "users", ["team_id", sa.literal_column("id DESC")], unique=False)
