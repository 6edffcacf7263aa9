"""Tokens by which programs act for somebody."""

from migrations.script import run

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

GRANTS = """
GRANT SELECT (id, staff_id, name, hint, permissions, team_ids, created_at, expires_at, last_used_at, last_used_ip,
    revoked_at), UPDATE (revoked_at) ON api_tokens TO quarterdeck_platform;
GRANT SELECT (id, last_used_at), UPDATE (last_used_at, last_used_ip) ON api_tokens TO quarterdeck_keeper;
"""

# Step 1 of the door for programs. ``limited``: its owner is, or the token; ``teams``: what both see, which may be none.
# Whoever has a duty first (see door_session) lets no program act for them meanwhile.
DOOR = """
CREATE FUNCTION door_token(token bytea)
RETURNS TABLE (token_id uuid, token_name text, permissions text[], expires_at timestamptz, staff_id uuid, name text,
    email text, role text, limited boolean, teams uuid[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.id, t.name, t.permissions, t.expires_at, m.id, m.name, m.email, m.role,
           m.limited OR t.team_ids IS NOT NULL,
           CASE WHEN m.limited THEN
               coalesce((SELECT array_agg(s.team_id) FROM public.staff_teams s
                   WHERE s.staff_id = m.id AND (t.team_ids IS NULL OR s.team_id = ANY (t.team_ids))), '{}')
           ELSE coalesce(t.team_ids, '{}') END
    FROM public.api_tokens t JOIN public.staff m ON m.id = t.staff_id
    WHERE t.digest = token AND t.revoked_at IS NULL AND t.expires_at > now()
        AND m.status = 'active' AND NOT m.must_change_password
        AND (m.totp_set_at IS NOT NULL
            OR NOT EXISTS (SELECT FROM public.role_rules r WHERE r.role = m.role AND r.second_factor))
$$;
REVOKE ALL ON FUNCTION door_token FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door_token TO quarterdeck_app;
"""

# One's own tokens: also of those limited to some teams, whose role cannot reach the table.
OWN = """
CREATE FUNCTION own_tokens(sid uuid) RETURNS TABLE (id uuid, staff_id uuid, name text, hint text, permissions text[],
    team_ids uuid[], created_at timestamptz, expires_at timestamptz, last_used_at timestamptz, last_used_ip text,
    revoked_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.id, t.staff_id, t.name, t.hint, t.permissions, t.team_ids, t.created_at, t.expires_at, t.last_used_at,
        t.last_used_ip, t.revoked_at
    FROM public.api_tokens t WHERE t.staff_id = (SELECT a.id FROM public.own_account(sid) a)
$$;

-- False: the session has ended, or its owner has ``most`` working tokens already. The lock holds a second one up.
CREATE FUNCTION own_token_create(sid uuid, token uuid, title text, start text, secret bytea, allowed text[],
    only_teams uuid[], until timestamptz, most integer, address text, told jsonb) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE member public.staff;
BEGIN
    SELECT m.* INTO member FROM public.staff m
        WHERE m.id = (SELECT a.id FROM public.own_account(sid) a) FOR NO KEY UPDATE;
    IF member.id IS NULL OR most <= (SELECT count(*) FROM public.api_tokens t
        WHERE t.staff_id = member.id AND t.revoked_at IS NULL AND t.expires_at > now()) THEN RETURN false; END IF;
    INSERT INTO public.api_tokens (id, staff_id, name, hint, digest, permissions, team_ids, created_at, expires_at)
    VALUES (token, member.id, title, start, secret, allowed, only_teams, now(), until);
    INSERT INTO public.audit_entries (actor_id, actor_name, actor_kind, session_id, ip, request, action, target_type,
        target_id, target_label, detail)
    VALUES (member.id, member.name, 'staff', sid, address, nullif(current_setting('app.request', true), ''),
        'token.created', 'token', token::text, title, told);
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
    PERFORM pg_notify('quarterdeck', jsonb_build_array('staff', member.id, 'changed')::text);
    RETURN true;
END $$;

-- The name of the token; NULL: one has no such token that still works.
CREATE FUNCTION own_token_revoke(sid uuid, token uuid, address text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    member public.staff;
    title text;
BEGIN
    SELECT m.* INTO member FROM public.staff m WHERE m.id = (SELECT a.id FROM public.own_account(sid) a);
    UPDATE public.api_tokens t SET revoked_at = now()
        WHERE t.id = token AND t.staff_id = member.id AND t.revoked_at IS NULL AND t.expires_at > now()
        RETURNING t.name INTO title;
    IF title IS NULL THEN RETURN NULL; END IF;
    INSERT INTO public.audit_entries (actor_id, actor_name, actor_kind, session_id, ip, request, action, target_type,
        target_id, target_label)
    VALUES (member.id, member.name, 'staff', sid, address, nullif(current_setting('app.request', true), ''),
        'token.revoked', 'token', token::text, title);
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
    PERFORM pg_notify('quarterdeck', jsonb_build_array('staff', member.id, 'changed')::text);
    RETURN title;
END $$;
REVOKE ALL ON FUNCTION own_tokens, own_token_create, own_token_revoke FROM PUBLIC;
GRANT EXECUTE ON FUNCTION own_tokens, own_token_create, own_token_revoke TO quarterdeck_platform, quarterdeck_team;
"""


def upgrade() -> None:
    run(GRANTS)
    run(DOOR)
    run(OWN)
