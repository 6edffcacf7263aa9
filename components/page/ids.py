"""Ids in addresses: anything that is none is simply not found."""

from uuid import UUID

from app.errors import NotFound


def record_id(text: str) -> UUID:
    """The id in a path, or :class:`NotFound`."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("There is no such record. Check the address.") from None
