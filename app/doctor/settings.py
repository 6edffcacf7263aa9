"""Settings: does each exist, and do they fit together?"""

import difflib
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError

from app.config import Settings
from app.doctor.findings import Finding, counted, ok, problem, warning
from app.errors import StartupProblem
from app.postgres.connecting import address
from app.supervisor.address import check_privacy, is_loopback
from app.supervisor.process_settings import SHORTEST_KEY, refuse_half_a_database

CHECK = "Settings"
_PREFIX = "QUARTERDECK_"
_SIGNS_PER_LEASE = 3


def invalid(error: ValidationError) -> list[Finding]:
    """One line for each setting that cannot be used. Their values are not repeated."""
    return [
        problem(CHECK, f"{_PREFIX}{str(item['loc'][0]).upper()}: {item['msg']}.", "Correct it, or unset it.")
        for item in error.errors()
    ]


def examine(settings: Settings) -> list[Finding]:
    """All settings of this process."""
    found = [*_unknown(), *_refused(settings), *_address(settings), *_secrets(settings), *_work(settings)]
    if found:
        return found
    n = sum(name.upper().startswith(_PREFIX) for name in os.environ)
    return [ok(CHECK, f"{counted(n, 'setting', 'settings')} in the environment; all known, none against another.")]


def _unknown() -> Iterator[Finding]:
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.upper().startswith(_PREFIX) and name.upper() not in known:
            close = difflib.get_close_matches(name.upper(), known, 1)
            hint = f"Did you mean {close[0]}?" if close else "Unset it; the README lists all settings."
            yield warning(CHECK, f"{name} is not a setting, so it does nothing.", hint)


def _refused(settings: Settings) -> Iterator[Finding]:
    """What the start would refuse, too."""
    for check in (check_privacy, refuse_half_a_database):
        try:
            check(settings)
        except StartupProblem as refusal:
            yield problem(CHECK, refusal.sentence)


def _address(settings: Settings) -> Iterator[Finding]:
    if settings.origin is not None:
        yield from _origin(settings, settings.origin)
    if any(network.prefixlen == 0 for network in settings.proxies):
        yield problem(
            CHECK,
            "QUARTERDECK_TRUSTED_PROXIES names every address there is: anybody could say that they are somebody else.",
            "Name the proxies in front, such as 127.0.0.1.",
        )
    if settings.insecure_http and (settings.origin or "").startswith("https://"):
        yield warning(
            CHECK,
            "QUARTERDECK_INSECURE_HTTP is set although people come by https; it weakens the cookie of their sessions.",
            "Unset QUARTERDECK_INSECURE_HTTP.",
        )
    elif settings.insecure_http:
        yield warning(
            CHECK,
            "Passwords may travel in the clear (QUARTERDECK_INSECURE_HTTP).",
            "Put a proxy with TLS in front, set QUARTERDECK_ORIGIN to its address, and unset this.",
        )


def _origin(settings: Settings, origin: str) -> Iterator[Finding]:
    try:
        parts = urlsplit(origin)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.path in {"", "/"}
        host, port = parts.hostname or "", parts.port
    except ValueError:
        good, host, port = False, "", None
    if not good or "?" in origin or "#" in origin:
        yield problem(
            CHECK,
            f"QUARTERDECK_ORIGIN is {origin}, which is not just the address of a site.",
            "Write it like https://console.example.com, without a path.",
        )
    elif not origin.startswith("https://") and not is_loopback(host) and not settings.insecure_http:
        yield problem(
            CHECK,
            f"QUARTERDECK_ORIGIN is {origin}: without https, browsers keep no session there.",
            "Use the https address of the proxy in front.",
        )
    elif is_loopback(host) and is_loopback(settings.host) and (port or 80) != settings.port and parts.scheme == "http":
        yield warning(
            CHECK,
            f"QUARTERDECK_ORIGIN is {origin}, but we listen on port {settings.port}: pages from there are refused.",
            "Give both the same port, or unset QUARTERDECK_ORIGIN.",
        )


def _secrets(settings: Settings) -> Iterator[Finding]:
    rings = {"SESSION_KEY": settings.session_keys, "TOTP_KEY": settings.totp_keys, "SEAL_KEY": settings.seal_keys}
    for name, ring in rings.items():
        if any(len(key) < SHORTEST_KEY for key in ring):
            yield problem(
                CHECK,
                f"QUARTERDECK_{name} has a key that is shorter than {SHORTEST_KEY} characters: it might be guessed.",
                "Unset it to have one made, or put a long random one in its place.",
            )
    for field in ("database_url", "engine_url", "migration_url"):
        url = getattr(settings, field)
        if url is not None:
            yield from _way(field, url)


def _way(field: str, url: SecretStr) -> Iterator[Finding]:
    name = f"{_PREFIX}{field.upper()}"
    try:
        parts = address(field, url)
    except StartupProblem as refusal:
        yield problem(CHECK, refusal.sentence)
        return
    host, mode = parts.host, str(parts.query.get("sslmode", "prefer"))
    if host and not host.startswith("/") and not is_loopback(host) and mode in {"disable", "allow", "prefer"}:
        yield warning(
            CHECK,
            f"{name} leads to {host} and does not insist on TLS: rows and sign-ins could be read on the way.",
            "Add ?sslmode=verify-full&sslrootcert=FILE to it, or at least ?sslmode=require.",
        )


def _work(settings: Settings) -> Iterator[Finding]:
    if settings.lease_seconds < _SIGNS_PER_LEASE * settings.heartbeat_seconds:
        yield problem(
            CHECK,
            f"A job is lost after {settings.lease_seconds:g} s without a sign of life"
            f" (QUARTERDECK_LEASE_SECONDS), and workers give one every {settings.heartbeat_seconds:g} s"
            " (QUARTERDECK_HEARTBEAT_SECONDS): jobs would be taken from workers that are well.",
            f"Make the lease at least {_SIGNS_PER_LEASE} times as long as the heartbeat.",
        )
