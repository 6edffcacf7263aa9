"""What the tests of the ledger share."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.people import Company
from tests.services.books import Books


@pytest.fixture
async def books(company: Company, admin: asyncpg.Connection) -> AsyncIterator[Books]:
    yield Books(company, admin)
    counted = await admin.fetch("SELECT status, sum(n)::int FROM job_counts GROUP BY 1 HAVING sum(n) <> 0 ORDER BY 1")
    assert counted == await admin.fetch("SELECT status, count(*)::int FROM jobs GROUP BY 1 ORDER BY 1")
