"""The worker's part in searching the audit log: reading the words of what was sealed."""

from app.database import keeping
from app.repositories import audit_words


async def read_on() -> int:
    """Read the words of all entries that were sealed since, seal by seal. Several workers may try: one does it at a
    time. Returns how many entries this call read.
    """
    read = 0
    while True:
        async with keeping("audit: words") as work:
            batch = await audit_words.read_on(work)
        read += batch
        if not batch:
            return read
