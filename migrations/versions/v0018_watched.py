"""Whoever verifies the log sees its schema's version, and which sealed entries no search would find."""

from migrations.script import run

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# Entries of these seals whose words were read once, and are there no more.
WORDS = """
CREATE FUNCTION audit_words_missing(first bigint, last bigint) RETURNS SETOF bigint
LANGUAGE sql STABLE ROWS 20 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.id FROM public.audit_words_mark m
        JOIN public.audit_seals s ON s.seq BETWEEN first AND last AND s.seq <= m.seq
        CROSS JOIN LATERAL unnest(s.ids) AS part
        JOIN public.audit_entries e ON e.id >= lower(part) AND e.id < upper(part)
    WHERE NOT EXISTS (SELECT FROM public.audit_words w WHERE w.entry_id = e.id) ORDER BY e.id LIMIT 20
$$;
REVOKE ALL ON FUNCTION audit_words_missing FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_words_missing TO quarterdeck_keeper;
GRANT SELECT ON alembic_version TO quarterdeck_keeper;
"""


def upgrade() -> None:
    run(WORDS)
