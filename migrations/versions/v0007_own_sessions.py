"""Everybody's sessions, seen and ended; and proving again that it is you."""

from migrations.script import run

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Their owners reach them by these, also those whose role cannot reach the table of sessions.
OWN = """
CREATE FUNCTION own_sessions(sid uuid) RETURNS TABLE (id uuid, created_at timestamptz, last_seen_at timestamptz,
    expires_at timestamptz, methods text[], ip text, user_agent text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.id, o.created_at, o.last_seen_at, o.expires_at, o.methods, o.ip::text, o.user_agent::text
    FROM public.own_account(sid) a JOIN public.staff_sessions o ON o.staff_id = a.id
    WHERE o.revoked_at IS NULL AND o.expires_at > now()
    ORDER BY o.last_seen_at DESC, o.id DESC LIMIT 200
$$;

-- ``one``: this session of one's own; NULL: all but the present one, which ends by signing out. Returns how many
-- ended.
CREATE FUNCTION own_sessions_end(sid uuid, one uuid, address text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    member public.staff;
    ended integer;
BEGIN
    SELECT m.* INTO member FROM public.staff m
        WHERE m.id = (SELECT a.id FROM public.own_account(sid) a) FOR NO KEY UPDATE;
    IF member.id IS NULL THEN RETURN 0; END IF;
    IF one IS NULL THEN
        ended := public.end_sessions_of(member.id, sid, 'ended by its owner');
    ELSE
        UPDATE public.staff_sessions SET revoked_at = now(), revoke_reason = 'ended by its owner'
            WHERE id = one AND id <> sid AND staff_id = member.id AND revoked_at IS NULL AND expires_at > now();
        ended := CASE WHEN FOUND THEN 1 ELSE 0 END;
        IF ended = 1 THEN
            PERFORM pg_notify('quarterdeck', jsonb_build_array('sessions', one, 'revoked')::text);
        END IF;
    END IF;
    IF ended = 0 THEN RETURN 0; END IF;
    INSERT INTO public.audit_entries (actor_id, actor_name, actor_kind, session_id, ip, request, action, target_type,
        target_id, target_label, detail)
    VALUES (member.id, member.name, 'staff', sid, address, nullif(current_setting('app.request', true), ''),
        'session.revoked', 'staff', member.id::text, member.name, jsonb_build_object('sessions_ended', ended));
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
    PERFORM pg_notify('quarterdeck', jsonb_build_array('staff', member.id, 'changed')::text);
    RETURN ended;
END $$;
REVOKE ALL ON FUNCTION own_sessions, own_sessions_end FROM PUBLIC;
GRANT EXECUTE ON FUNCTION own_sessions, own_sessions_end TO quarterdeck_platform, quarterdeck_team;
"""

# For the bare login role: the door lets nobody in whose session is locked.
PROOF = """
-- ``verified`` is what the password was measured against; NULL: a code was used up instead. False, and nothing proved:
-- the password is not theirs any more, or the session has ended.
CREATE FUNCTION session_prove(sid uuid, verified text, address text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE member public.staff;
BEGIN
    SELECT m.* INTO member FROM public.staff m
        WHERE m.id = (SELECT a.id FROM public.own_account(sid) a)
            AND (verified IS NULL OR m.password_hash = verified) FOR NO KEY UPDATE;
    UPDATE public.staff_sessions SET authenticated_at = now(), last_seen_at = now()
        WHERE id = sid AND staff_id = member.id AND revoked_at IS NULL AND expires_at > now();
    IF NOT FOUND THEN RETURN false; END IF;
    INSERT INTO public.audit_entries (actor_id, actor_name, actor_kind, session_id, ip, request, action, target_type,
        target_id, target_label, detail)
    VALUES (member.id, member.name, 'staff', sid, address, nullif(current_setting('app.request', true), ''),
        'session.proved', 'session', sid::text, '',
        jsonb_build_object('method', CASE WHEN verified IS NULL THEN 'code' ELSE 'password' END));
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION session_prove FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_prove TO quarterdeck_app;
"""


def upgrade() -> None:
    run(OWN)
    run(PROOF)
