"""The worker's part in the numbers: adding up what the triggers noted."""

from app.database import keeping
from app.repositories import stats as stats_table


async def add_up() -> int:
    """Move everything that waits into its buckets, batch by batch. Several workers may try: one does it at a time.

    Returns how many deltas this call moved.
    """
    moved = 0
    while True:
        async with keeping("stats: add up") as work:
            batch = await stats_table.add_up(work)
        moved += batch
        if batch < stats_table.BATCH:
            return moved
