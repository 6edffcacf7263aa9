"""The audit log by months, sealed.

PostgreSQL cannot divide a table that exists: the entries move into a new one of the same name. Nothing is sealed here;
the first seals are made by a worker, over what it finds.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.models.columns import Xid8
from migrations.script import run

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Partitions stand in a schema that nobody but the owner may enter: whoever asks the log asks the whole of it, under its
# row-level security.
ASIDE = """
CREATE SCHEMA IF NOT EXISTS audit_months;
ALTER TABLE audit_entries SET SCHEMA audit_months;
"""
MINE = "team_id = ANY ((SELECT current_setting('app.team_ids', true)::uuid[])::uuid[])"
INSERTED = (
    "team_id, actor_id, actor_name, actor_kind, session_id, ip, request, action, target_type, target_id, "
    "target_label, reason, before, after, detail"
)
MOVED = f"id, at, {INSERTED}, origin"
MONTHS = """
CREATE TABLE audit_months.other PARTITION OF audit_entries DEFAULT;

-- Makes the partition of a month (UTC); false: it is there, or entries of that month lie among all others already, and
-- stay there. Attached, not created in place: nobody who writes or reads the log has to wait.
CREATE FUNCTION audit_make_month(day date) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first timestamp := date_trunc('month', day::timestamp);
    month text := to_char(day, '"m"YYYY_MM');
BEGIN
    IF to_regclass('audit_months.' || month) IS NOT NULL THEN RETURN false; END IF;
    EXECUTE format('CREATE TABLE audit_months.%I (LIKE public.audit_entries INCLUDING ALL EXCLUDING IDENTITY)', month);
    EXECUTE format('ALTER TABLE public.audit_entries ATTACH PARTITION audit_months.%I FOR VALUES FROM (%L) TO (%L)',
        month, first AT TIME ZONE 'UTC', (first + interval '1 month') AT TIME ZONE 'UTC');
    PERFORM public.audit_guard(format('audit_months.%I', month)::regclass);
    RETURN true;
EXCEPTION WHEN check_violation THEN
    RETURN false;
END $$;

-- Append-only, for the owner and for a superuser too.
CREATE FUNCTION audit_guard(part regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s'
        ' FOR EACH STATEMENT EXECUTE FUNCTION public.audit_is_append_only()', part);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER append_only', part);
END $$;
REVOKE ALL ON FUNCTION audit_make_month, audit_guard FROM PUBLIC;
SELECT audit_guard('audit_entries');
SELECT audit_guard('audit_months.other');
SELECT audit_guard('audit_seals');
SELECT audit_make_month(month::date) FROM (
    SELECT date_trunc('month', at AT TIME ZONE 'UTC') AS month FROM audit_months.audit_entries
    UNION SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month' FROM generate_series(0, 3) AS n
) AS needed ORDER BY month;
"""
MOVE = f"""
INSERT INTO audit_entries ({MOVED}) OVERRIDING SYSTEM VALUE SELECT {MOVED} FROM audit_months.audit_entries ORDER BY id;
SELECT setval('audit_entries_id_seq', last_value, is_called) FROM audit_months.audit_entries_id_seq;
DROP TABLE audit_months.audit_entries;
"""
# What numbers count is counted once: by rows that come, not by those that moved.
RIGHTS = f"""
CREATE TRIGGER stats_insert AFTER INSERT ON audit_entries
    FOR EACH ROW WHEN (NEW.actor_kind = 'staff') EXECUTE FUNCTION stats_audit_entries_insert();
GRANT SELECT ON audit_entries TO quarterdeck_platform, quarterdeck_team, quarterdeck_keeper;
GRANT INSERT ({INSERTED}) ON audit_entries TO quarterdeck_platform, quarterdeck_team;
ALTER TABLE audit_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_entries FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON audit_entries TO quarterdeck_owner USING (true);
CREATE POLICY platform ON audit_entries TO quarterdeck_platform USING (true);
CREATE POLICY team ON audit_entries TO quarterdeck_team USING ({MINE});
CREATE POLICY keeper ON audit_entries TO quarterdeck_keeper USING (true);

ALTER TABLE audit_seals ALTER leaves SET STORAGE EXTERNAL;
INSERT INTO audit_checks (id) VALUES (1);
GRANT SELECT ON audit_seals, audit_checks TO quarterdeck_platform, quarterdeck_keeper;
GRANT INSERT ON audit_seals TO quarterdeck_keeper;
GRANT UPDATE (up_to, verified_at, seen_seq, next_seq, problems, whole_at) ON audit_checks TO quarterdeck_keeper;
"""
# Those limited to some teams cannot reach the tables of no team; the state of the log is for all its readers.
# The numbers of this server's transactions below the snapshot's end, above the floor: nothing else waits to be sealed.
STATE = """
CREATE FUNCTION audit_state() RETURNS TABLE (up_to bigint, verified_at timestamptz, problems jsonb,
    asked_at timestamptz, whole_at timestamptz, sealed bigint, waiting_since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH newest AS (SELECT s.next_xid, s.next_id, s.floor, s.total FROM public.audit_seals s
        UNION ALL SELECT '0'::xid8, -9223372036854775808, -9223372036854775808, 0 ORDER BY total DESC LIMIT 1)
    SELECT c.up_to, c.verified_at, c.problems, c.asked_at, c.whole_at, n.total,
        (SELECT e.at FROM public.audit_entries e
            WHERE (e.xid, e.id) >= (n.next_xid, n.next_id) AND e.xid < pg_snapshot_xmax(pg_current_snapshot())
                AND e.id > n.floor
            ORDER BY e.xid, e.id LIMIT 1)
    FROM public.audit_checks c, newest n
$$;
CREATE FUNCTION audit_ask() RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.audit_checks SET asked_at = clock_timestamp()
$$;
CREATE FUNCTION audit_seals_of(entries bigint[]) RETURNS SETOF audit_seals
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.* FROM public.audit_seals s
    WHERE s.ids && (SELECT range_agg(int8range(e, e, '[]')) FROM unnest(entries) AS e) ORDER BY s.seq
$$;
-- Whoever verifies need not see the values themselves: which of these entries do not fit what they are committed to?
CREATE FUNCTION audit_personal_damage(entries bigint[], commitments text[]) RETURNS TABLE (id bigint, what text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT e.id, CASE WHEN p.entry_id IS NULL THEN 'are missing'
        WHEN p.erased_at IS NOT NULL THEN 'were erased, and are there again' ELSE 'were changed' END
    FROM unnest(entries, commitments) AS e (id, personal) LEFT JOIN public.audit_personal p ON p.entry_id = e.id
    WHERE p.entry_id IS NULL OR CASE WHEN p.erased_at IS NOT NULL THEN p.salt IS NOT NULL OR p.value IS NOT NULL
        ELSE e.personal IS DISTINCT FROM encode(sha256(p.salt || convert_to(p.value, 'UTF8')), 'hex') END
    ORDER BY e.id LIMIT 20;
END $$;
REVOKE ALL ON FUNCTION audit_state, audit_ask, audit_seals_of, audit_personal_damage FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_personal_damage TO quarterdeck_keeper;
GRANT EXECUTE ON FUNCTION audit_state, audit_ask, audit_seals_of TO quarterdeck_platform, quarterdeck_team;
"""


def upgrade() -> None:
    run(ASIDE)
    _entries()
    _seals()
    run(MONTHS)
    run(MOVE)
    run(RIGHTS)
    run(STATE)


def _entries() -> None:
    jsonb = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.String(), nullable=False),
        sa.Column("actor_kind", sa.String(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("ip", sa.String(), nullable=True),
        sa.Column("request", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("target_type", sa.String(), nullable=False),
        sa.Column("target_id", sa.String(), nullable=False),
        sa.Column("target_label", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("before", jsonb, nullable=True),
        sa.Column("after", jsonb, nullable=True),
        sa.Column("origin", sa.String(), server_default=sa.text("'live'"), nullable=False),
        sa.Column("detail", jsonb, nullable=True),
        sa.Column("personal", sa.String(), nullable=True),
        sa.Column("version", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.PrimaryKeyConstraint("id", "at", name=op.f("pk_audit_entries")),
        postgresql_partition_by="RANGE (at)",
    )
    newest: sa.ColumnElement[str] = sa.literal_column("id DESC")
    indexes: dict[str, tuple[list[str | sa.ColumnElement[str]], list[str] | None]] = {
        "action": (["action", newest], ["team_id"]),
        "actor": (["actor_id", newest], ["team_id", "action"]),
        "target": (["target_type", "target_id", newest], ["team_id"]),
        "team": (["team_id", newest], None),
        "xid": (["xid", "id"], None),
    }
    for name, (columns, included) in indexes.items():
        op.create_index(f"ix_audit_entries_{name}", "audit_entries", columns, postgresql_include=included)
    op.create_index("ix_audit_entries_at", "audit_entries", ["at"], postgresql_using="brin")


def _seals() -> None:
    op.create_table(
        "audit_seals",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cluster", sa.BigInteger(), nullable=False),
        sa.Column("from_xid", Xid8(), nullable=False),
        sa.Column("from_id", sa.BigInteger(), nullable=False),
        sa.Column("next_xid", Xid8(), nullable=False),
        sa.Column("next_id", sa.BigInteger(), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False),
        sa.Column("ids", postgresql.INT8MULTIRANGE(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("leaves", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_seals")),
        postgresql.ExcludeConstraint((sa.column("ids"), "&&"), using="gist", name="ex_audit_seals_ids"),
    )
    op.create_table(
        "audit_checks",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("up_to", sa.BigInteger(), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_seq", sa.BigInteger(), server_default=sa.text("-1"), nullable=False),
        sa.Column("next_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("problems", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("whole_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_checks_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_checks")),
    )
