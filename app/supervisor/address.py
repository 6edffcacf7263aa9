"""May we listen there, and can we? Asked before anything that takes long."""

import errno
import ipaddress
import os
import socket

from app.config import Settings
from app.errors import StartupProblem


def check_listening(settings: Settings) -> None:
    """Raises :class:`StartupProblem` when passwords would travel in the clear, or the port cannot be had."""
    check_privacy(settings)
    _check_port(settings.host, settings.port)


def reachable_host(host: str) -> str:
    """Where we ourselves reach a server that listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on


def check_privacy(settings: Settings) -> None:
    """Raises :class:`StartupProblem` when passwords would travel in the clear."""
    with_tls = (settings.origin or "").startswith("https://")
    if is_loopback(settings.host) or with_tls or settings.insecure_http:
        return
    raise StartupProblem(
        f"Listening on {settings.host} would send passwords in the clear. Set QUARTERDECK_ORIGIN to the https address"
        " of the TLS proxy in front, or QUARTERDECK_INSECURE_HTTP=1 to accept that.",
        exit_code=2,
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_port(host: str, port: int) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the server does: connections of an earlier run that linger are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except socket.gaierror as error:
        raise StartupProblem(f"The address {host} is unknown. Choose another one with --host.", exit_code=2) from error
    except OSError as error:
        raise StartupProblem(_reason(host, port, error)) from error


def _reason(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program. Choose another one with --port."
    if error.errno == errno.EACCES:
        return f"Port {port} on {host} needs rights that this account does not have. Choose another one with --port."
    reason = os.strerror(error.errno) if error.errno else str(error)
    return f"Port {port} on {host} cannot be opened: {reason}. Choose another address with --host."
