"""Files as streams, for whoever sends or loads them."""

from collections.abc import AsyncIterator
from pathlib import Path

_PIECE = 1 << 18


async def pieces(file: Path) -> AsyncIterator[bytes]:
    """The bytes of a file, piece by piece; it was just written, so reading does not wait for a disk."""
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            yield piece
