"""The words of the audit log, to search; and its days, to jump to."""

from migrations.script import run

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


def upgrade() -> None:
    run(DAYS)
