"""Safer ways in: tries that are counted, known devices, second factors, tokens for programs, and what the door asks."""

from migrations.script import run

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE staff ADD COLUMN must_change_password boolean NOT NULL DEFAULT false;
ALTER TABLE staff ADD COLUMN totp_secret bytea;
ALTER TABLE staff ADD COLUMN totp_step bigint;
ALTER TABLE staff ADD COLUMN totp_set_at timestamptz;
ALTER TABLE staff_sessions ADD COLUMN remembered boolean NOT NULL DEFAULT false;

CREATE TABLE sign_in_tries (
    key bytea NOT NULL CONSTRAINT pk_sign_in_tries PRIMARY KEY,
    failures integer NOT NULL,
    last_at timestamptz NOT NULL,
    blocked_until timestamptz NOT NULL
);
CREATE INDEX ix_sign_in_tries_last_at ON sign_in_tries (last_at);

CREATE TABLE staff_devices (
    digest bytea NOT NULL CONSTRAINT pk_staff_devices PRIMARY KEY,
    staff_id uuid NOT NULL CONSTRAINT fk_staff_devices_staff_id REFERENCES staff ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL
);
CREATE INDEX ix_staff_devices_staff_id ON staff_devices (staff_id);

CREATE TABLE sign_in_challenges (
    id uuid NOT NULL CONSTRAINT pk_sign_in_challenges PRIMARY KEY,
    staff_id uuid NOT NULL CONSTRAINT fk_sign_in_challenges_staff_id REFERENCES staff ON DELETE CASCADE,
    remembered boolean NOT NULL DEFAULT false,
    failures integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX ix_sign_in_challenges_staff_id ON sign_in_challenges (staff_id);
CREATE INDEX ix_sign_in_challenges_expires_at ON sign_in_challenges (expires_at);

CREATE TABLE staff_recovery_codes (
    staff_id uuid NOT NULL CONSTRAINT fk_staff_recovery_codes_staff_id REFERENCES staff ON DELETE CASCADE,
    digest bytea NOT NULL,
    used_at timestamptz,
    CONSTRAINT pk_staff_recovery_codes PRIMARY KEY (staff_id, digest)
);

CREATE TABLE role_rules (
    id uuid NOT NULL CONSTRAINT pk_role_rules PRIMARY KEY,
    role varchar NOT NULL CONSTRAINT uq_role_rules_role UNIQUE
        CONSTRAINT ck_role_rules_role CHECK (role IN ('none', 'viewer', 'support', 'reviewer', 'admin', 'super_admin')),
    second_factor boolean NOT NULL DEFAULT false,
    version integer NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE api_tokens (
    id uuid NOT NULL CONSTRAINT pk_api_tokens PRIMARY KEY,
    staff_id uuid NOT NULL CONSTRAINT fk_api_tokens_staff_id REFERENCES staff ON DELETE CASCADE,
    name varchar NOT NULL,
    hint varchar NOT NULL,
    digest bytea NOT NULL CONSTRAINT uq_api_tokens_digest UNIQUE,
    permissions text[] NOT NULL,
    team_ids uuid[],
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    last_used_ip varchar,
    revoked_at timestamptz
);
CREATE INDEX ix_api_tokens_staff ON api_tokens (staff_id, created_at, id);
"""

GRANTS = """
GRANT SELECT (must_change_password, totp_set_at) ON staff TO quarterdeck_platform;
"""

# ``duty``: what its owner must do before anything else: choose another password, or set up a second factor.
DOOR = """
DROP FUNCTION door_session(uuid);
CREATE FUNCTION door_session(sid uuid)
RETURNS TABLE (staff_id uuid, name text, email text, role text, limited boolean, teams uuid[],
    authenticated_at timestamptz, last_seen_at timestamptz, duty text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.id, m.name, m.email, m.role, m.limited,
           CASE WHEN m.limited THEN
               coalesce((SELECT array_agg(t.team_id) FROM public.staff_teams t WHERE t.staff_id = m.id), '{}')
           ELSE '{}'::uuid[] END,
           s.authenticated_at, s.last_seen_at,
           CASE WHEN m.must_change_password THEN 'password'
               WHEN m.totp_set_at IS NULL
                   AND EXISTS (SELECT FROM public.role_rules r WHERE r.role = m.role AND r.second_factor)
               THEN 'second_factor' ELSE '' END
    FROM public.staff_sessions s JOIN public.staff m ON m.id = s.staff_id
    WHERE s.id = sid AND s.revoked_at IS NULL AND s.expires_at > now() AND m.status = 'active'
$$;
REVOKE ALL ON FUNCTION door_session FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door_session TO quarterdeck_app;
"""


def upgrade() -> None:
    run(TABLES)
    run(GRANTS)
    run(DOOR)
