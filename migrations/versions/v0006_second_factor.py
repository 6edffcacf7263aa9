"""A second factor at the sign-in, its recovery codes, and which roles need one."""

from migrations.script import run

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TRIES = 5
"""Codes that may be tried with one right password."""
MINUTES = 10
"""How long a right password waits for its code."""

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON role_rules TO quarterdeck_platform;
GRANT SELECT (staff_id, used_at), DELETE ON staff_recovery_codes TO quarterdeck_platform;
"""

# What the functions below share; nobody may call these by themselves.
PARTS = """
-- The entry of what a person did about a second factor, and the news of it.
CREATE FUNCTION note_second_factor(member uuid, sid uuid, address text, act text, told jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.audit_entries
        (actor_id, actor_name, actor_kind, session_id, ip, action, target_type, target_id, target_label, detail)
    SELECT m.id, m.name, 'staff', sid, address, act, 'staff', m.id::text, m.name, told
    FROM public.staff m WHERE m.id = member;
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
    PERFORM pg_notify('quarterdeck', jsonb_build_array('staff', member, 'changed')::text);
END $$;

-- Which factor it was, or NULL. A code is good once: of two who use the same one, the row lets one through. ``seen`` is
-- the secret that the code was measured against, ``renewed`` the same one sealed by a newer key.
CREATE FUNCTION use_second_factor(member uuid, seen bytea, step bigint, renewed bytea, recovery bytea) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF recovery IS NOT NULL THEN
        UPDATE public.staff_recovery_codes SET used_at = now()
            WHERE staff_id = member AND digest = recovery AND used_at IS NULL;
        RETURN CASE WHEN FOUND THEN 'recovery' END;
    END IF;
    UPDATE public.staff SET totp_step = step, totp_secret = coalesce(renewed, totp_secret)
        WHERE id = member AND totp_secret = seen AND totp_step < step;
    RETURN CASE WHEN FOUND THEN 'totp' END;
END $$;

CREATE FUNCTION keep_recovery_codes(member uuid, digests bytea[]) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM public.staff_recovery_codes WHERE staff_id = member;
    INSERT INTO public.staff_recovery_codes (staff_id, digest) SELECT member, unnest(digests);
$$;

CREATE FUNCTION recovery_codes_left(member uuid) RETURNS integer
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*)::integer FROM public.staff_recovery_codes WHERE staff_id = member AND used_at IS NULL
$$;

-- The owner of a living session, locked until the end of the transaction.
CREATE FUNCTION lock_owner(sid uuid) RETURNS public.staff
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.* FROM public.staff m
    WHERE m.id = (SELECT a.id FROM public.own_account(sid) a) FOR NO KEY UPDATE
$$;

-- Half a sign-in is worth nothing any more once the password, the second factor or the right to sign in changed.
CREATE FUNCTION forget_challenges() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM public.sign_in_challenges WHERE staff_id = NEW.id;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION note_second_factor, use_second_factor, keep_recovery_codes, recovery_codes_left, lock_owner,
    forget_challenges FROM PUBLIC;
CREATE TRIGGER forget_challenges AFTER UPDATE ON staff FOR EACH ROW
    WHEN (OLD.password_hash <> NEW.password_hash OR OLD.status <> NEW.status
        OR OLD.totp_set_at IS DISTINCT FROM NEW.totp_set_at)
    EXECUTE FUNCTION forget_challenges();
"""

SIGN_IN = f"""
CREATE FUNCTION begin_session(member uuid, session uuid, expires timestamptz, kept boolean, proofs text[],
    address text, agent text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.staff_sessions (id, staff_id, created_at, last_seen_at, expires_at, authenticated_at, remembered,
        methods, ip, user_agent)
    VALUES (session, member, now(), now(), expires, now(), kept, proofs, address, left(agent, 400));
    INSERT INTO public.audit_entries
        (actor_id, actor_name, actor_kind, session_id, ip, action, target_type, target_id, target_label, detail)
    SELECT m.id, m.name, 'staff', session, address, 'session.started', 'session', session::text, '',
        jsonb_build_object('user_agent', left(agent, 400), 'methods', to_jsonb(proofs))
    FROM public.staff m WHERE m.id = member;
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
END $$;
REVOKE ALL ON FUNCTION begin_session FROM PUBLIC;

-- What a right password opened: ``started``, a session; ``challenged``, nothing but the question for a code. NULL: the
-- password, or the right to sign in, changed while ``verified`` was measured. The lock holds changes up.
DROP FUNCTION sign_in_finish;
CREATE FUNCTION sign_in_finish(member uuid, verified text, session uuid, expires timestamptz, kept boolean,
    address text, agent text, new_hash text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE asked boolean;
BEGIN
    SELECT m.totp_set_at IS NOT NULL INTO asked FROM public.staff m
        WHERE m.id = member AND m.password_hash = verified AND m.status = 'active' FOR NO KEY UPDATE;
    IF NOT FOUND THEN RETURN NULL; END IF;
    IF new_hash IS NOT NULL THEN
        UPDATE public.staff SET password_hash = new_hash WHERE id = member;
    END IF;
    IF asked THEN
        DELETE FROM public.sign_in_challenges WHERE staff_id = member AND expires_at < now();
        INSERT INTO public.sign_in_challenges (id, staff_id, remembered, created_at, expires_at)
        VALUES (session, member, kept, now(), now() + interval '{MINUTES} minutes');
        RETURN 'challenged';
    END IF;
    PERFORM public.begin_session(member, session, expires, kept, ARRAY['password'], address, agent);
    RETURN 'started';
END $$;
REVOKE ALL ON FUNCTION sign_in_finish FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sign_in_finish TO quarterdeck_app;

CREATE FUNCTION challenge_lives(challenge uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM public.sign_in_challenges c
        WHERE c.id = challenge AND c.failures < {TRIES} AND c.expires_at > now())
$$;

-- What to measure a code against. The try is counted before it is made, so that parallel ones are no more than these.
CREATE FUNCTION challenge_try(challenge uuid)
RETURNS TABLE (staff_id uuid, email text, secret bytea, remembered boolean)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.sign_in_challenges c SET failures = c.failures + 1 FROM public.staff m
        WHERE c.id = challenge AND c.failures < {TRIES} AND c.expires_at > now()
            AND m.id = c.staff_id AND m.status = 'active' AND m.totp_set_at IS NOT NULL
        RETURNING m.id, m.email::text, m.totp_secret, c.remembered
$$;

-- NULL, and no session: the code was used before, or something changed while it was measured.
CREATE FUNCTION challenge_finish(challenge uuid, seen bytea, step bigint, renewed bytea, recovery bytea,
    session uuid, expires timestamptz, address text, agent text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    member uuid;
    kept boolean;
    used text;
BEGIN
    SELECT m.id INTO member FROM public.staff m
        WHERE m.id = (SELECT c.staff_id FROM public.sign_in_challenges c WHERE c.id = challenge)
            AND m.status = 'active' FOR NO KEY UPDATE;
    SELECT c.remembered INTO kept FROM public.sign_in_challenges c
        WHERE c.id = challenge AND c.staff_id = member AND c.expires_at > now();
    IF NOT FOUND THEN RETURN NULL; END IF;
    used := public.use_second_factor(member, seen, step, renewed, recovery);
    IF used IS NULL THEN RETURN NULL; END IF;
    DELETE FROM public.sign_in_challenges WHERE staff_id = member AND (id = challenge OR expires_at < now());
    PERFORM public.begin_session(member, session, expires, kept, ARRAY['password', used], address, agent);
    IF used = 'recovery' THEN
        PERFORM public.note_second_factor(member, session, address, 'staff.recovery_code_used',
            jsonb_build_object('left', public.recovery_codes_left(member)));
    END IF;
    RETURN used;
END $$;

-- Somebody knows the password and not the code: worth an entry. At most {TRIES} for each right password.
CREATE FUNCTION challenge_refused(challenge uuid, address text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT public.note_second_factor(c.staff_id, NULL, address, 'staff.second_factor_refused',
        jsonb_build_object('tries', c.failures)) FROM public.sign_in_challenges c WHERE c.id = challenge
$$;
REVOKE ALL ON FUNCTION challenge_lives, challenge_try, challenge_finish, challenge_refused FROM PUBLIC;
GRANT EXECUTE ON FUNCTION challenge_lives, challenge_try, challenge_finish, challenge_refused TO quarterdeck_app;
"""

# By whoever is signed in, also while a second factor is what they have to set up before anything else.
OWN = """
CREATE FUNCTION own_second_factor(sid uuid) RETURNS TABLE (staff_id uuid, set_at timestamptz, secret bytea,
    proved_at timestamptz, demanded boolean, codes_left integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.id, m.totp_set_at, m.totp_secret, s.authenticated_at,
        EXISTS (SELECT FROM public.role_rules r WHERE r.role = m.role AND r.second_factor),
        public.recovery_codes_left(m.id)
    FROM public.own_account(sid) a JOIN public.staff m ON m.id = a.id JOIN public.staff_sessions s ON s.id = sid
$$;

-- Proves once more who is there; whatever then happens is another transaction's business.
CREATE FUNCTION own_code_use(sid uuid, seen bytea, step bigint, renewed bytea) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN public.use_second_factor((SELECT o.id FROM public.lock_owner(sid) o), seen, step, renewed, NULL) IS NOT NULL;
END $$;

-- The first one, or another one in its place: then a code of the present one is used up too. Other sessions end.
CREATE FUNCTION own_second_factor_set_up(sid uuid, seen bytea, step bigint, recovery bytea,
    fresh bytea, fresh_step bigint, digests bytea[], address text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    member public.staff;
    ended integer;
BEGIN
    SELECT o.* INTO member FROM public.lock_owner(sid) o;
    IF member.id IS NULL OR (member.totp_set_at IS NOT NULL
        AND public.use_second_factor(member.id, seen, step, NULL, recovery) IS NULL) THEN RETURN false; END IF;
    UPDATE public.staff SET totp_secret = fresh, totp_step = fresh_step, totp_set_at = now(), updated_at = now(),
        version = version + 1 WHERE id = member.id;
    PERFORM public.keep_recovery_codes(member.id, digests);
    ended := public.end_sessions_of(member.id, sid, 'second factor set up');
    UPDATE public.staff_sessions SET methods = '{password,totp}' WHERE id = sid;
    PERFORM public.note_second_factor(member.id, sid, address, 'staff.second_factor_set_up',
        jsonb_build_object('sessions_ended', ended, 'replaced', member.totp_set_at IS NOT NULL));
    RETURN true;
END $$;

CREATE FUNCTION own_recovery_codes(sid uuid, seen bytea, step bigint, renewed bytea, recovery bytea,
    digests bytea[], address text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE member public.staff;
BEGIN
    SELECT o.* INTO member FROM public.lock_owner(sid) o;
    IF public.use_second_factor(member.id, seen, step, renewed, recovery) IS NULL THEN RETURN false; END IF;
    PERFORM public.keep_recovery_codes(member.id, digests);
    PERFORM public.note_second_factor(member.id, sid, address, 'staff.recovery_codes_made', NULL);
    RETURN true;
END $$;

CREATE FUNCTION own_second_factor_off(sid uuid, seen bytea, step bigint, recovery bytea, address text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE member public.staff;
BEGIN
    SELECT o.* INTO member FROM public.lock_owner(sid) o;
    IF EXISTS (SELECT FROM public.role_rules r WHERE r.role = member.role AND r.second_factor)
        OR public.use_second_factor(member.id, seen, step, NULL, recovery) IS NULL THEN RETURN false; END IF;
    UPDATE public.staff SET totp_secret = NULL, totp_step = NULL, totp_set_at = NULL, updated_at = now(),
        version = version + 1 WHERE id = member.id;
    PERFORM public.keep_recovery_codes(member.id, '{}');
    PERFORM public.note_second_factor(member.id, sid, address, 'staff.second_factor_turned_off', NULL);
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION own_second_factor, own_code_use, own_second_factor_set_up, own_recovery_codes,
    own_second_factor_off FROM PUBLIC;
GRANT EXECUTE ON FUNCTION own_second_factor, own_code_use, own_second_factor_set_up, own_recovery_codes,
    own_second_factor_off TO quarterdeck_app;
"""


def upgrade() -> None:
    run(GRANTS)
    run(PARTS)
    run(SIGN_IN)
    run(OWN)
