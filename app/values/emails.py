"""E-mail addresses, as people type them."""

import re

from app.errors import Invalid

LENGTH = 254
"""Characters that an address may have (RFC 5321)."""
_ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def checked(email: str) -> str:
    """The address without the spaces around it. Only a letter sent there would prove that it works.

    Raises:
        Invalid: it cannot be an address.
    """
    address = email.strip()
    if len(address) > LENGTH or not address.isprintable() or not _ADDRESS.fullmatch(address):
        raise Invalid(email="This is not an e-mail address, such as ada@example.com.")
    return address


def is_address(text: str) -> bool:
    """Whether this is a whole address, not a part of one."""
    return _ADDRESS.fullmatch(text) is not None
