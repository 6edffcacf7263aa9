"""Failures, grouped by what they have in common: what went wrong how often, since when, for whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app import clock
from app.actor import Actor
from app.database import reading
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.repositories import failures as failures_table
from app.repositories.failures import Standing

HOURS = 24
"""Of the line beside each: how often it was seen, hour by hour."""


@dataclass(frozen=True, slots=True)
class Group:
    """Jobs that failed alike."""

    id: UUID
    kind: str
    error_class: str
    place: str
    """File and function of ours; empty where there was none."""
    message: str
    """Without what differs from one to the next."""
    failed: int
    """Jobs that stand failed."""
    waiting: int
    """Jobs that failed, and are tried again by themselves."""
    seen: int
    """How often it happened, ever."""
    teams: int
    first_seen_at: datetime
    last_seen_at: datetime
    lately: Sequence[int]
    """How often in each of the last :data:`HOURS` hours, oldest first."""


@dataclass(frozen=True, slots=True)
class FailureView:
    """A group with everything its screen shows."""

    group: Group
    latest: Any
    """The latest job that failed so, a row with all of its error; None where none stands so now."""
    teams: Sequence[Any]


async def search(actor: Actor, request: PageRequest) -> Page[Group]:
    """What failed, most jobs first."""
    async with reading(actor, Permission.JOBS_READ) as work:
        found = await failures_table.search(work, request)
        lines = await failures_table.lately(work, [row.id for row in found.rows], _hours())
    rows = [_group(row, lines) for row in found.rows]
    return Page(rows, found.count, found.next, found.previous)


async def get(actor: Actor, failure_id: UUID) -> FailureView:
    """One group, a sample of it, and the teams that it hit."""
    async with reading(actor, Permission.JOBS_READ) as work:
        row = await failures_table.get(work, failure_id)
        lines = await failures_table.lately(work, [row.id], _hours())
        return FailureView(
            _group(row, lines),
            await failures_table.latest(work, failure_id),
            await failures_table.teams(work, failure_id),
        )


def _group(row: Any, lines: Mapping[UUID, Sequence[int]]) -> Group:  # noqa: ANN401 - a row of the list
    return Group(
        row.id, row.kind, row.error_class, row.place, row.message, row.failed, row.waiting, row.seen, row.teams,
        row.first_seen_at, row.last_seen_at, lines.get(row.id, ()),
    )  # fmt: skip


def _hours() -> list[datetime]:
    """The edges of the last hours, that of now last."""
    now = clock.now()
    end = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0) + timedelta(minutes=15)
    return [end - timedelta(hours=n) for n in range(HOURS, -1, -1)]


__all__ = ["HOURS", "FailureView", "Group", "Standing", "get", "search"]
