"""The words of the audit log, to search; and its days, to jump to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.models.columns import Xid8
from migrations.script import run

MINE = "team_id = ANY ((SELECT current_setting('app.team_ids', true)::uuid[])::uuid[])"

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# Numbers and times of entries grow together: a search by halves finds a day in some twenty steps, wherever it lies.
# It tells nothing but a number.
DAYS = """
CREATE FUNCTION audit_first_since(moment timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    below bigint := 0;
    above bigint := coalesce((SELECT e.id FROM public.audit_entries e ORDER BY e.id DESC LIMIT 1), 0) + 1;
    middle bigint;
    found record;
BEGIN
    WHILE above - below > 1 LOOP
        middle := below + (above - below) / 2;
        SELECT e.id, e.at INTO found FROM public.audit_entries e
            WHERE e.id > below AND e.id <= middle ORDER BY e.id DESC LIMIT 1;
        IF found.id IS NULL OR found.at < moment THEN below := middle; ELSE above := found.id; END IF;
    END LOOP;
    RETURN above;
END $$;
REVOKE ALL ON FUNCTION audit_first_since FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_first_since TO quarterdeck_platform, quarterdeck_team;
"""

# What of an entry is searched: its label, its reason, the values that it changed; ids and addresses as whole words.
WORDS = """
CREATE FUNCTION audit_words_in(told jsonb) RETURNS tsvector LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN length(told::text) < 100000 THEN jsonb_to_tsvector('simple', told, '["string", "numeric"]')
        ELSE to_tsvector('simple', left(told::text, 100000)) END
$$;
-- Of the values only those that stand in the entry itself.
CREATE FUNCTION audit_words_of(e audit_entries) RETURNS tsvector LANGUAGE sql IMMUTABLE AS $$
    SELECT array_to_tsvector(array_remove(
            ARRAY['id=' || e.target_id, 'ip=' || e.ip, 'request=' || e.request], NULL))
        || CASE WHEN e.target_label = '$personal' THEN ''::tsvector
            ELSE to_tsvector('simple', left(e.target_label, 10000)) END
        || coalesce((SELECT public.audit_words_in(jsonb_agg(told.value))
            FROM (SELECT * FROM jsonb_each(e.before) UNION ALL SELECT * FROM jsonb_each(e.after)) AS told
            WHERE told.value <> '"$personal"' AND e.before IS NOT NULL AND e.after IS NOT NULL), ''::tsvector)
$$;
-- All words, if some of them tell of a person; else none.
CREATE FUNCTION audit_words_whole(words tsvector, held text) RETURNS tsvector LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN held IS NOT NULL THEN words || public.audit_words_in(held::jsonb) END
$$;
REVOKE ALL ON FUNCTION audit_words_in, audit_words_of, audit_words_whole FROM PUBLIC;
"""

# One seal at a call, in order, by one caller at a time. Whoever erases waits for it, and it for them: no word of an
# erased person can come in between.
READ = """
CREATE FUNCTION audit_words_read() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sealed record;
    part int8range;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('quarterdeck: words of the audit log')) THEN RETURN 0; END IF;
    SELECT s.seq, s.ids, s.n, s.next_xid, s.next_id, s.floor INTO sealed
        FROM public.audit_seals s, public.audit_words_mark m WHERE s.seq = m.seq + 1;
    IF sealed.seq IS NULL THEN RETURN 0; END IF;
    FOR part IN SELECT unnest(sealed.ids) LOOP
        INSERT INTO public.audit_words (entry_id, team_id, words, personal)
        SELECT e.id, e.team_id, own.words, public.audit_words_whole(own.words, p.value)
        FROM public.audit_entries e
            CROSS JOIN LATERAL (SELECT public.audit_words_of(e) AS words OFFSET 0) AS own
            LEFT JOIN public.audit_personal p ON p.entry_id = e.id
        WHERE e.id >= lower(part) AND e.id < upper(part)
        ON CONFLICT DO NOTHING;
    END LOOP;
    UPDATE public.audit_words_mark SET seq = sealed.seq, next_xid = sealed.next_xid, next_id = sealed.next_id,
        floor = sealed.floor;
    RETURN sealed.n;
END $$;
REVOKE ALL ON FUNCTION audit_words_read FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_words_read TO quarterdeck_keeper;

CREATE FUNCTION audit_words_forget() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('quarterdeck: words of the audit log'));
    UPDATE public.audit_words SET personal = NULL
        WHERE entry_id IN (SELECT r.entry_id FROM new_rows r WHERE r.value IS NULL) AND personal IS NOT NULL;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION audit_words_forget FROM PUBLIC;
CREATE TRIGGER words_forget AFTER UPDATE ON audit_personal REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_words_forget();
ALTER TABLE audit_personal ENABLE ALWAYS TRIGGER words_forget;
"""

# The young end: entries whose words nobody has read so far. And, for those limited to some teams, the words of theirs:
# under row-level security no index of words can be used.
FOUND = """
CREATE FUNCTION audit_words_young(sought tsquery, whole boolean) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 10 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mark public.audit_words_mark;
    everything boolean := current_setting('role') = 'quarterdeck_platform';
    mine uuid[] := current_setting('app.team_ids', true)::uuid[];
BEGIN
    SELECT * INTO mark FROM public.audit_words_mark;
    RETURN QUERY SELECT (young.entry).id FROM (
            SELECT e AS entry FROM public.audit_entries e
            WHERE (e.xid, e.id) >= (mark.next_xid, mark.next_id) AND e.id > mark.floor
                AND (everything OR e.team_id = ANY (mine)) OFFSET 0
        ) AS young
        CROSS JOIN LATERAL (SELECT public.audit_words_of(young.entry) AS words OFFSET 0) AS own
        LEFT JOIN public.audit_personal p ON p.entry_id = (young.entry).id
        WHERE own.words @@ sought OR (whole AND public.audit_words_whole(own.words, p.value) @@ sought);
END $$;
CREATE FUNCTION audit_words_mine(sought tsquery, whole boolean) RETURNS SETOF bigint
LANGUAGE sql STABLE ROWS 100 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT w.entry_id FROM public.audit_words w
    WHERE w.team_id = ANY (current_setting('app.team_ids', true)::uuid[])
        AND (w.words @@ sought OR (whole AND w.personal @@ sought))
$$;
REVOKE ALL ON FUNCTION audit_words_young, audit_words_mine FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_words_young, audit_words_mine TO quarterdeck_platform, quarterdeck_team;
GRANT SELECT ON audit_words TO quarterdeck_platform;
"""


def upgrade() -> None:
    op.create_table(
        "audit_words",
        sa.Column("entry_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.Column("personal", postgresql.TSVECTOR(), nullable=True),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_audit_words")),
    )
    op.create_index("ix_audit_words_words", "audit_words", ["words"], postgresql_using="gin")
    op.create_index("ix_audit_words_personal", "audit_words", ["personal"], postgresql_using="gin")
    op.create_table(
        "audit_words_mark",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), server_default=sa.text("-1"), nullable=False),
        sa.Column("next_xid", Xid8(), server_default=sa.text("'0'::xid8"), nullable=False),
        sa.Column("next_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("floor", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_words_mark_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_words_mark")),
    )
    op.execute("INSERT INTO audit_words_mark (id) VALUES (1)")
    op.execute("ALTER TABLE audit_words ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE audit_words FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON audit_words TO quarterdeck_owner USING (true)")
    op.execute("CREATE POLICY platform ON audit_words TO quarterdeck_platform USING (true)")
    op.execute(f"CREATE POLICY team ON audit_words TO quarterdeck_team USING ({MINE})")
    for script in (DAYS, WORDS, READ, FOUND):
        run(script)
