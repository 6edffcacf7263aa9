"""The home screen: what waits, exact numbers of the last days, what happened lately, how the installation is."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from app import clock
from app.actor import Actor
from app.database import reading
from app.errors import Unavailable
from app.models import DatasetStatus, JobStatus, PaymentStatus
from app.models.stats import Metric
from app.permissions import Permission
from app.repositories import audit as audit_table
from app.repositories import home as machine_table
from app.repositories import imports as imports_table
from app.repositories import jobs as jobs_table
from app.repositories import stats as stats_table
from app.repositories import teams as teams_table
from app.repositories.home import Machine
from app.repositories.stats import Line
from app.storage import uploads
from app.values.periods import Period, preset

LATELY = 8
_NOW = (Metric.TEAMS, Metric.USERS, Metric.DATASETS, Metric.PAYMENTS_NOW)
_SEEN_BY: Mapping[Metric, Permission] = {
    Metric.SIGNUPS: Permission.USERS_READ,
    Metric.PAYMENTS: Permission.PAYMENTS_READ,
    Metric.REFUNDS: Permission.PAYMENTS_READ,
    Metric.JOBS: Permission.JOBS_READ,
    Metric.IMPORTED: Permission.DATASETS_READ,
}


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the home screen shows. Nothing here aggregates a raw table."""

    week: Period
    numbers: Mapping[Metric, Sequence[Line]]
    """The numbers of the last seven days; one that the person may not see is missing."""
    teams: int
    users: int
    datasets: int
    rows: int
    jobs: Mapping[JobStatus, int]
    waits_since: datetime | None
    disputed: int
    """Payments that are disputed now."""
    imports_with_bad_rows: Sequence[Any]
    lately: Sequence[Any] | None
    """None: the person may not read the audit log."""
    machine: Machine | None
    """None: the person is limited to some teams."""
    disk: tuple[int, int] | None
    """Bytes free and in all, where uploads lie."""


async def overview(actor: Actor, zone: str = "UTC") -> Overview:
    """The company at a glance, as far as one may see it; days are those of ``zone``."""
    week = preset("7d", zone, clock.now())
    async with reading(actor, Permission.HOME_READ) as work:
        may = work.who.permissions
        everywhere = work.who.team_ids is None
        now = await stats_table.each_now(work, _NOW)
        return Overview(
            week=week,
            numbers=await stats_table.lines(work, [m for m, needs in _SEEN_BY.items() if needs in may], week),
            teams=sum(now[Metric.TEAMS].get(status, 0) for status in teams_table.SHOWN),
            users=sum(now[Metric.USERS].values()),
            datasets=now[Metric.DATASETS].get(DatasetStatus.ACTIVE, 0),
            rows=await machine_table.rows(work),
            jobs=await jobs_table.counts(work),
            waits_since=await machine_table.waits_since(work),
            disputed=_disputed(now[Metric.PAYMENTS_NOW]) if Permission.PAYMENTS_READ in may else 0,
            imports_with_bad_rows=await imports_table.with_bad_rows(work, 5),
            lately=await audit_table.latest(work, LATELY) if Permission.AUDIT_READ in may else None,
            machine=await machine_table.machine(work) if everywhere else None,
            disk=_disk() if everywhere else None,
        )


def _disputed(payments: Mapping[str, int]) -> int:
    return sum(n for kind, n in payments.items() if kind.endswith(f"|{PaymentStatus.DISPUTED}"))


def _disk() -> tuple[int, int] | None:
    try:
        folder: Path = uploads.bound().folder
    except Unavailable:  # where no uploads are taken, nothing fills the disk
        return None
    there = next((place for place in (folder, *folder.parents) if place.exists()), None)
    if there is None:
        return None
    usage = shutil.disk_usage(there)
    return usage.free, usage.total
