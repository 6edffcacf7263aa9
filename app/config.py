"""Every knob of the product, typed and documented. Environment variables carry the prefix ``QUARTERDECK_``."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Network = IPv4Network | IPv6Network
_SAFE_ADDRESS = re.compile(r"(https://[^/\s]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)(/\S*)?$")


class Settings(BaseSettings):
    """Read once at start-up, from the environment; command-line options override."""

    model_config = SettingsConfigDict(env_prefix="QUARTERDECK_", frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=1, le=65535, description="Port to listen on.")
    data_dir: Path = Field(Path(".data"), description="Database, uploaded files and secrets live here.")
    no_worker: bool = Field(False, description="`up` starts no worker.")
    demo: bool = Field(False, description="`up` loads the demo company when the database is empty.")

    database_url: SecretStr | None = Field(
        None, description="Where the application signs in (role quarterdeck_app). Unset: the embedded database."
    )
    engine_url: SecretStr | None = Field(
        None,
        description="Where a worker listens for deliveries (role quarterdeck_worker). Unset: made from the one above.",
    )
    migration_url: SecretStr | None = Field(
        None, description="Who sets up a database of one's own, for `migrate` and `worker --maintenance`."
    )
    pool_size: int = Field(10, ge=1, le=200, description="Database connections per process.")

    environment: str = Field("Local", max_length=40, description="Name in the environment band, on every page.")
    environment_color: Literal["green", "blue", "amber", "red", "grey"] = Field(
        "green", description="Colour of the environment band."
    )
    origin: str | None = Field(
        None, description="The address in people's browsers, such as https://console.example.com. Unset: host and port."
    )
    trusted_proxies: str | None = Field(
        None,
        description="Proxies that may say whom they ask for (X-Forwarded-For): addresses or networks, by commas.",
    )
    insecure_http: bool = Field(
        False, description="Allow listening beyond this machine without TLS in front. Shows a red band."
    )

    admin_email: str | None = Field(
        None, pattern=r"^[^@\s]+@[^@\s]+$", description="E-mail of the first administrator."
    )
    admin_password: SecretStr | None = Field(None, description="Password of the first administrator.")
    session_key: SecretStr | None = Field(
        None,
        description="Key that signs session cookies; several, newest first, by commas or spaces. Unset: made and kept.",
    )
    totp_key: SecretStr | None = Field(
        None, description="Key that seals second factors; several likewise. Unset: made and kept."
    )
    seal_key: SecretStr | None = Field(
        None, description="Key that seals the audit log, for workers; several likewise. Unset: made and kept."
    )
    seal_public_keys: str | None = Field(
        None,
        pattern=r"^[0-9a-fA-F]{64}([,\s]+[0-9a-fA-F]{64})*$",
        description="Public keys whose seals of the audit log are believed too, such as that of a key that was lost.",
    )
    checkpoint_webhook: SecretStr | None = Field(
        None, description="Where workers send (POST) signed checkpoints of the audit log, beside DATA_DIR/checkpoints."
    )
    idle_hours: int = Field(
        12,
        ge=1,
        le=168,
        description="Hours without an act after which a session is locked until its owner proves who it is.",
    )
    session_hours: int = Field(24, ge=1, le=168, description="How long a session lasts at most.")

    stripe_key: SecretStr | None = Field(
        None, description="Secret or restricted key of Stripe; reading payments is enough. Unset: Stripe is not asked."
    )
    stripe_api_base: str = Field(
        "https://api.stripe.com",
        pattern=r"^(https://[^/\s]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)/?$",
        description="Where Stripe answers. Another address is for tests: https, or this machine.",
    )

    api_rate: str = Field(
        "120/minute",
        pattern=r"^[1-9]\d{0,8}/(second|minute|hour|day)$",
        description="How many requests to `/api/v1` one API token or session may make.",
    )
    upload_max_bytes: int = Field(2_000_000_000, ge=1, description="Largest file that may be uploaded.")
    worker_concurrency: int = Field(2, ge=1, le=256, description="Jobs that one worker runs at the same time.")
    worker_queues: str | None = Field(
        None,
        pattern=r"^[\w.-]+([,\s]+[\w.-]+)*$",
        description="Queues that a worker takes jobs from, by commas. Unset: from all.",
    )
    lease_seconds: float = Field(60, gt=0, description="How long a job belongs to its worker without a sign of life.")
    heartbeat_seconds: float = Field(2, gt=0, description="How often a worker shows that it lives, and looks around.")
    sweep_seconds: float = Field(5, gt=0, description="How often workers look for lost jobs and lost deliveries.")
    redeliver_seconds: float = Field(
        30, gt=0, description="How long a job may wait untaken until it is delivered again; doubled each time."
    )
    retry_seconds: float = Field(10, gt=0, description="Pause before a failed job is tried again; doubled each time.")
    drain_seconds: float = Field(
        4, ge=0, description="How long a stopping worker lets its jobs go on before it hands them back."
    )
    metrics_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="Token that opens `/metrics` to Prometheus (`Authorization: Bearer …`). Unset: it is closed.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_format: Literal["console", "json"] = Field("console", description="How log lines look.")

    @field_validator("stripe_key")
    @classmethod
    def _can_be_sent(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not (key.get_secret_value().isascii() and key.get_secret_value().isprintable()):
            raise ValueError("a key is made of plain letters, digits and underscores")
        return key

    @field_validator("checkpoint_webhook")
    @classmethod
    def _is_private(cls, address: SecretStr | None) -> SecretStr | None:
        if address is not None and not _SAFE_ADDRESS.match(address.get_secret_value()):
            raise ValueError("an address begins with https://, or with http:// on this machine")
        return address

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, proxies: str | None) -> str | None:
        _networks(proxies)
        return proxies

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that a worker takes jobs from; none named: from all."""
        return tuple(dict.fromkeys((self.worker_queues or "").replace(",", " ").split()))

    @property
    def session_keys(self) -> tuple[str, ...]:
        """The keys of session cookies, newest first: it signs, the older ones still count."""
        return _ring(self.session_key)

    @property
    def totp_keys(self) -> tuple[str, ...]:
        """The keys of second factors, newest first: it seals, the older ones still open."""
        return _ring(self.totp_key)

    @property
    def seal_keys(self) -> tuple[str, ...]:
        """The keys of the audit log's seals, newest first: it seals, seals by the older ones still count."""
        return _ring(self.seal_key)

    @property
    def proxies(self) -> tuple[Network, ...]:
        """From where a connection may say for whom it asks."""
        return _networks(self.trusted_proxies)

    @property
    def browser_origin(self) -> str:
        """The one origin whose pages may talk to us."""
        return (self.origin or f"http://{_bracketed(self.host)}:{self.port}").rstrip("/")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _ring(keys: SecretStr | None) -> tuple[str, ...]:
    return tuple((keys.get_secret_value() if keys else "").replace(",", " ").split())


def _networks(proxies: str | None) -> tuple[Network, ...]:
    return tuple(ip_network(proxy) for proxy in (proxies or "").replace(",", " ").split())
