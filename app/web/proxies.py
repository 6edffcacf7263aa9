"""Who asks, when proxies stand in between: only those that the settings name are believed.

``X-Forwarded-For`` may be written by anybody. Each proxy appends whom it heard from, so the rightmost address that is
no proxy of ours is the only one that somebody trustworthy has written.
"""

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.types import Scope

from app.config import Network

_WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d+)?|([\d.]+):\d+")


def client(scope: Scope, proxies: Sequence[Network]) -> tuple[str, int] | None:
    """The address and port of who asks; the port is 0 when a proxy told the address. None: a connection without one."""
    peer = scope.get("client")
    if peer is None or (found := _address(peer[0])) is None:
        return peer
    if not proxies or not _within(found, proxies):
        return str(found), peer[1]
    named = (value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for")
    return str(_furthest(found, ",".join(named).split(","), proxies)), 0


def _furthest(nearest: "_Address", hops: Iterable[str], proxies: Sequence[Network]) -> "_Address":
    """The last address that a proxy of ours has written; what is no address ends the chain."""
    for hop in reversed(list(hops)):
        found = _address(hop)
        if found is None:
            break
        nearest = found
        if not _within(found, proxies):
            break
    return nearest


def holder(ip: str) -> str:
    """Whom an address stands for: of IPv6 everybody has a network of 64 bits of their own. "unknown" for no address."""
    found = _address(ip)
    if isinstance(found, IPv6Address):
        return str(ip_network((found, 64), strict=False))
    return "unknown" if found is None else str(found)


_Address = IPv4Address | IPv6Address


def _address(text: str) -> _Address | None:
    """An address with or without a port; an IPv4 address is one however it is dressed."""
    bare = text.strip()
    if dressed := _WITH_PORT.fullmatch(bare):
        bare = dressed[1] or dressed[2]
    try:
        found = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _within(address: _Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
