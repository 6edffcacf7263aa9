"""The home screen: what waits, exact numbers from counters, what happened lately."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.actor import Actor
from app.models import JobStatus
from app.paging import Count
from app.permissions import Permission
from app.repositories import audit as audit_table
from app.repositories import datasets as datasets_table
from app.repositories import imports as imports_table
from app.repositories import jobs as jobs_table
from app.work import reading

LATELY = 8


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the home screen shows. Nothing here aggregates a raw table."""

    datasets: Count
    rows: int
    jobs: Mapping[JobStatus, int]
    imports_with_bad_rows: Sequence[Any]
    lately: Sequence[Any] | None
    """None: the person may not read the audit log."""


async def overview(actor: Actor) -> Overview:
    """The company at a glance, as far as one may see it."""
    async with reading(actor, Permission.HOME_READ) as work:
        datasets, rows = await datasets_table.totals(work)
        return Overview(
            datasets,
            rows,
            await jobs_table.counts(work),
            await imports_table.with_bad_rows(work, 5),
            await audit_table.latest(work, LATELY) if Permission.AUDIT_READ in work.who.permissions else None,
        )
