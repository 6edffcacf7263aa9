"""IP addresses as they arrive: with a port or a zone, IPv4 dressed as IPv6."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

_WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d+)?|([\d.]+):\d+")


def holder(ip: str) -> str:
    """Whom an address stands for: of IPv6 everybody has a network of 64 bits of their own. "unknown" for no address."""
    found = address(ip)
    if isinstance(found, IPv6Address):
        return str(ip_network((found, 64), strict=False))
    return "unknown" if found is None else str(found)


def address(text: str) -> Address | None:
    """An address with or without a port; an IPv4 address is one however it is dressed. None: it is none."""
    bare = text.strip()
    if dressed := _WITH_PORT.fullmatch(bare):
        bare = dressed[1] or dressed[2]
    try:
        found = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
