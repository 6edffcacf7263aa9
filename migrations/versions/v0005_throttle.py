"""The sign-in counts its tries, knows devices, and keeps people signed in."""

from migrations.script import run

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A try is counted before anything is measured, and given back when it was right: however many come at once, from
# however many processes, no more get through than are free. ``names`` says what is counted ("email:ann@example.com",
# "address:10.0.0.1"); only digests are kept. ``lower`` is the one by which the sign-in compares e-mails.
THROTTLE = """
ALTER TABLE sign_in_tries ALTER COLUMN failures TYPE double precision;

CREATE FUNCTION throttle_key(name text) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(convert_to(lower(name), 'UTF8'))
$$;

-- Seconds that the n-th failure costs.
CREATE FUNCTION throttle_delay(n double precision, free integer, longest double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN round(n) < free THEN 0 ELSE least(longest, power(2, least(round(n) - free, 30))) END
$$;

-- ``wait``: seconds until another try counts; 0: this one does. ``began``: what is made to wait from now on.
CREATE FUNCTION throttle_take(names text[], free integer[], longest double precision[], forgets double precision[])
RETURNS TABLE (wait double precision, began text[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    keys bytea[] := ARRAY(SELECT public.throttle_key(n) FROM unnest(names) AS n);
    moment timestamptz;
BEGIN
    -- Who must wait anyway writes nothing and locks nothing.
    SELECT coalesce(max(extract(epoch FROM t.blocked_until - clock_timestamp())), 0) INTO wait
        FROM public.sign_in_tries t WHERE t.key = ANY (keys);
    IF wait > 0 THEN RETURN NEXT; RETURN; END IF;
    -- Locks them all, in the order in which everybody does.
    INSERT INTO public.sign_in_tries AS t (key, failures, last_at, blocked_until)
        SELECT k, 0, now(), now() FROM unnest(keys) AS k ORDER BY k
        ON CONFLICT (key) DO UPDATE SET last_at = t.last_at;
    moment := clock_timestamp();
    SELECT coalesce(max(extract(epoch FROM t.blocked_until - moment)), 0) INTO wait
        FROM public.sign_in_tries t WHERE t.key = ANY (keys);
    IF wait > 0 THEN RETURN NEXT; RETURN; END IF;
    wait := 0;
    WITH limits AS (
        SELECT public.throttle_key(l.name) AS key, l.* FROM unnest(names, free, longest, forgets)
            AS l (name, free, longest, forgets)
    ), counted AS (
        SELECT l.*, 1 + greatest(0, t.failures - extract(epoch FROM moment - t.last_at) / l.forgets) AS n
        FROM limits l JOIN public.sign_in_tries t ON t.key = l.key
    ), kept AS (
        UPDATE public.sign_in_tries t SET failures = c.n, last_at = moment,
            blocked_until = moment + public.throttle_delay(c.n, c.free, c.longest) * interval '1 second'
        FROM counted c WHERE t.key = c.key RETURNING c.name, round(c.n) = c.free AS begins
    )
    SELECT coalesce(array_agg(k.name) FILTER (WHERE k.begins), '{}') INTO began FROM kept k;
    -- Last, holding all that it needs: whoever waits for one of these rows never makes a circle with it.
    DELETE FROM public.sign_in_tries WHERE key IN (SELECT t.key FROM public.sign_in_tries t
        WHERE t.last_at < now() - interval '1 day' ORDER BY t.last_at LIMIT 20 FOR UPDATE SKIP LOCKED);
    RETURN NEXT;
END $$;

-- A try that was none: what was counted for it is taken back; of ``right_for`` everything is forgotten.
CREATE FUNCTION throttle_give_back(names text[], free integer[], longest double precision[], right_for text[])
RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    keys bytea[] := ARRAY(SELECT public.throttle_key(n) FROM unnest(names) AS n);
BEGIN
    PERFORM 1 FROM public.sign_in_tries t WHERE t.key = ANY (keys) ORDER BY t.key FOR UPDATE;
    DELETE FROM public.sign_in_tries t
        WHERE t.key = ANY (ARRAY(SELECT public.throttle_key(n) FROM unnest(right_for) AS n));
    UPDATE public.sign_in_tries t SET failures = greatest(0, t.failures - 1), blocked_until = least(t.blocked_until,
            clock_timestamp() + public.throttle_delay(t.failures - 1, l.free, l.longest) * interval '1 second')
        FROM unnest(names, free, longest) AS l (name, free, longest) WHERE t.key = public.throttle_key(l.name);
END $$;

-- Once in a quarter of an hour for each that is made to wait, 60 times a minute in all, and of what was typed nothing
-- but an e-mail address: the log is for ever.
CREATE FUNCTION throttle_record(typed text, member uuid, address text, what text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    person public.staff;
    shown text := CASE WHEN length(typed) <= 254 AND typed ~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$'
        THEN typed END;
    about text;
    label text;
    id text;
BEGIN
    SELECT m.* INTO person FROM public.staff m WHERE m.id = member OR lower(m.email) = lower(typed);
    about := CASE what WHEN 'address' THEN 'address' WHEN 'everybody' THEN 'sign-in' ELSE 'staff' END;
    label := CASE about WHEN 'address' THEN address WHEN 'sign-in' THEN 'everybody together'
        ELSE coalesce(person.email, shown, 'an unreadable e-mail') END;
    id := CASE about WHEN 'staff' THEN coalesce(person.id::text, '') ELSE '' END;
    IF EXISTS (SELECT FROM (SELECT e.at, e.target_type, e.target_id, e.target_label,
                row_number() OVER (ORDER BY e.id DESC) AS place
            FROM public.audit_entries e WHERE e.action = 'session.throttled' ORDER BY e.id DESC LIMIT 60) AS told
        WHERE (told.place = 60 AND told.at > now() - interval '1 minute')
            OR (told.at > now() - interval '15 minutes' AND (told.target_type, told.target_id, told.target_label)
                = (about, id, label)))
    THEN RETURN; END IF;
    INSERT INTO public.audit_entries
        (actor_id, actor_name, actor_kind, ip, request, action, target_type, target_id, target_label)
    VALUES (CASE WHEN about = 'staff' THEN person.id END,
        CASE about WHEN 'staff' THEN coalesce(person.name, shown, 'Somebody') WHEN 'address' THEN 'Somebody'
            ELSE 'Whoever is not signed in' END,
        'nobody', address, nullif(current_setting('app.request', true), ''), 'session.throttled', about, id, label);
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
END $$;
REVOKE ALL ON FUNCTION throttle_key, throttle_delay, throttle_take, throttle_give_back, throttle_record FROM PUBLIC;
GRANT EXECUTE ON FUNCTION throttle_take, throttle_give_back, throttle_record TO quarterdeck_app;
"""

# A known device is known for the one person who signed in on it: a cookie of one's own opens no other's bucket.
DEVICES = """
CREATE FUNCTION device_known(token bytea, email text, member uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM public.staff_devices d JOIN public.staff m ON m.id = d.staff_id
        WHERE d.digest = token AND d.last_used_at > now() - interval '180 days'
            AND (m.id = member OR lower(m.email) = lower(device_known.email)))
$$;

-- Keeps a person's twenty devices of late. False: this token is another person's.
CREATE FUNCTION device_remember(token bytea, member uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.staff_devices AS d (digest, staff_id, created_at, last_used_at)
        VALUES (token, member, now(), now())
        ON CONFLICT (digest) DO UPDATE SET last_used_at = now() WHERE d.staff_id = member;
    IF NOT FOUND THEN RETURN false; END IF;
    DELETE FROM public.staff_devices d WHERE d.staff_id = member AND d.digest NOT IN (
        SELECT o.digest FROM public.staff_devices o WHERE o.staff_id = member
        AND o.last_used_at > now() - interval '180 days' ORDER BY o.last_used_at DESC, o.digest LIMIT 20);
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION device_known, device_remember FROM PUBLIC;
GRANT EXECUTE ON FUNCTION device_known, device_remember TO quarterdeck_app;
"""

# As before, and whoever has chosen a password has nothing more to choose.
PASSWORDS = """
-- Whose link it was; NULL: it is dead. The row of the person is locked first, as by whoever makes or takes back links:
-- one of two users of a link loses.
DROP FUNCTION link_use;
CREATE FUNCTION link_use(token bytea, new_hash text, address text) RETURNS uuid
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
    IF sort IS NULL THEN RETURN NULL; END IF;
    UPDATE public.staff SET password_hash = new_hash, password_set_at = now(), must_change_password = false,
        updated_at = now(), version = version + 1 WHERE id = member.id;
    ended := public.end_sessions_of(member.id, NULL, 'password chosen');
    INSERT INTO public.audit_entries (actor_id, actor_name, actor_kind, ip, request, action, target_type, target_id,
        target_label, before, after, detail)
    VALUES (member.id, member.name, 'staff', address, nullif(current_setting('app.request', true), ''),
        'staff.link_used', 'staff', member.id::text, member.name, '{"password_hash": null}',
        '{"password_hash": "changed"}', jsonb_build_object('purpose', sort, 'sessions_ended', ended));
    PERFORM pg_notify('quarterdeck', '["audit",null,"created"]');
    PERFORM pg_notify('quarterdeck', jsonb_build_array('staff', member.id, 'changed')::text);
    RETURN member.id;
END $$;
REVOKE ALL ON FUNCTION link_use FROM PUBLIC;
GRANT EXECUTE ON FUNCTION link_use TO quarterdeck_app;

-- ``verified`` is what the present password was measured against. NULL: it is not theirs any more. Else how many other
-- sessions ended.
CREATE OR REPLACE FUNCTION own_password(sid uuid, verified text, new_hash text, address text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    member public.staff;
    ended integer;
BEGIN
    SELECT m.* INTO member FROM public.staff m
        WHERE m.id = (SELECT a.id FROM public.own_account(sid) a) AND m.password_hash = verified FOR NO KEY UPDATE;
    IF member.id IS NULL THEN RETURN NULL; END IF;
    UPDATE public.staff SET password_hash = new_hash, password_set_at = now(), must_change_password = false,
        updated_at = now(), version = version + 1 WHERE id = member.id;
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

-- The same for who has to choose one before any door opens, whatever their role. NULL also when they have not.
CREATE FUNCTION own_password_due(sid uuid, verified text, new_hash text, address text) RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT public.own_password(sid, verified, new_hash, address)
    FROM public.own_account(sid) a JOIN public.staff m ON m.id = a.id WHERE m.must_change_password
$$;
REVOKE ALL ON FUNCTION own_password_due FROM PUBLIC;
GRANT EXECUTE ON FUNCTION own_password_due TO quarterdeck_app;
"""


def upgrade() -> None:
    run(THROTTLE)
    run(DEVICES)
    run(PASSWORDS)
