"""The months that entries are kept by. Made ahead by the owner: an entry whose month is missing goes to the partition
``audit_months.other``, so that nobody's act ever fails for it.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from app import clock
from app.database import driver

AHEAD = 3
"""Months that are there before they begin."""
_LONGEST = timedelta(days=32)


def months(first: datetime, last: datetime) -> list[date]:
    """The first days of the months from ``first`` to ``last`` (UTC)."""
    found = [date(first.year, first.month, 1)]
    while (following := (found[-1] + _LONGEST).replace(day=1)) <= last.date():
        found.append(following)
    return found


def needed(now: datetime) -> list[date]:
    """This month and the next ones."""
    ahead = [date(now.year, now.month, 1)]
    for _ in range(AHEAD):
        ahead.append((ahead[-1] + _LONGEST).replace(day=1))
    return ahead


async def make(connection: Any, days: Iterable[date]) -> int:  # noqa: ANN401 - asyncpg ships no types
    """Make the partitions of these months where there are none; returns how many. ``connection`` is the owner's."""
    return sum([await connection.fetchval("SELECT audit_make_month($1)", day) for day in days])


async def make_ahead(owner_url: str) -> int:
    """Make this month and the next ones. Gives up after two seconds of waiting for somebody: there is time enough."""
    connection = await driver.connect(owner_url, timeout=5, server_settings={"lock_timeout": "2000"})
    try:
        await connection.execute("SET ROLE quarterdeck_owner")
        return await make(connection, needed(clock.now()))
    finally:
        await connection.close()
