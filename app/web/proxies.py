"""Who asks, when proxies stand in between: only those that the settings name are believed.

``X-Forwarded-For`` may be written by anybody. Each proxy appends whom it heard from, so the rightmost address that is
no proxy of ours is the only one that somebody trustworthy has written.
"""

from collections.abc import Iterable, Sequence

from starlette.types import Scope

from app.config import Network
from app.values.ip_addresses import Address, address


def client(scope: Scope, proxies: Sequence[Network]) -> tuple[str, int] | None:
    """The address and port of who asks; the port is 0 when a proxy told the address. None: a connection without one."""
    peer = scope.get("client")
    if peer is None or (found := address(peer[0])) is None:
        return peer
    if not proxies or not _within(found, proxies):
        return str(found), peer[1]
    named = (value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for")
    return str(_furthest(found, ",".join(named).split(","), proxies)), 0


def _furthest(nearest: Address, hops: Iterable[str], proxies: Sequence[Network]) -> Address:
    """The last address that a proxy of ours has written; what is no address ends the chain."""
    for hop in reversed(list(hops)):
        found = address(hop)
        if found is None:
            break
        nearest = found
        if not _within(found, proxies):
            break
    return nearest


def _within(found: Address, networks: Sequence[Network]) -> bool:
    return any(found in network for network in networks)
