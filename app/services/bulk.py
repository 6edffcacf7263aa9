"""Bulk acts: the same done to many jobs. What happens to which jobs is said before, fixed at consent, and carried out
by a job at a rate; each job then goes the way of a single one, with an entry of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType, SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import Select

from app import clock, job_queue
from app.actor import Actor
from app.database import Work, reading, writing
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.ids import uuid7
from app.job_queue.tasks import JOBS_BULK
from app.models import Action, BulkAct, BulkItem, BulkStatus, BulkVerb, Job, JobStatus, Team
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.repositories import bulk as bulk_table
from app.repositories import jobs as jobs_table
from app.repositories import staff as staff_table
from app.repositories.bulk import MOST, NEEDS
from app.repositories.bulk_outcome import Outcome, outcomes
from app.repositories.keyset import mapped
from app.services.job import LASTING
from app.topics import jobs as topic
from app.values import reasons

RATES = (1, 5, 20, 50)
"""Jobs a second to choose from."""
TIMEOUT = 30.0
_APART = {BulkVerb.RETRY: frozenset({JOBS_BULK.kind}), BulkVerb.CANCEL: LASTING | {JOBS_BULK.kind}}
"""Kinds that are left alone: bulk acts themselves, and what has to be done to its end."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which jobs: those ticked (``ids``), or, without any, all that match ``request``."""

    request: PageRequest = field(default_factory=PageRequest)
    ids: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen, before anybody consents. ``able`` and ``unable`` are numbers of jobs by their state."""

    verb: BulkVerb
    at: datetime
    """What comes or ends later is not among them."""
    able: Mapping[str, int]
    unable: Mapping[str, int]

    @property
    def total(self) -> int:
        """Jobs with which it would be done."""
        return min(sum(self.able.values()), MOST)

    @property
    def matched(self) -> int:
        """Jobs that were chosen; at most one more than are looked at."""
        return sum(self.able.values()) + sum(self.unable.values())

    @property
    def cut(self) -> bool:
        """More match than one act takes."""
        return self.matched > MOST


@dataclass(frozen=True, slots=True)
class BulkView:
    """A bulk act with everything its screen shows."""

    act: BulkAct
    job: Job
    asked_by: str
    team: str
    """Empty where it spans teams."""
    tallies: Mapping[str, int]
    outcome: Outcome


async def plan(actor: Actor, verb: BulkVerb, choice: Choice) -> Plan:
    """What it would mean to do this to the chosen jobs.

    Raises:
        NotFound: none of those ticked is there, or in sight.
    """
    async with reading(actor, Permission.JOBS_BULK, timeout=TIMEOUT) as work:
        moment = clock.now()
        chosen = await _chosen(work, choice, moment)
        counted = await bulk_table.tallied(work, chosen, verb, _APART[verb])
    if choice.ids and not counted:
        raise _unseen()
    by_ability = [{state: n for (state, able), n in counted.items() if able is can} for can in (True, False)]
    return Plan(verb, moment, *(MappingProxyType(part) for part in by_ability))


async def start(actor: Actor, verb: BulkVerb, choice: Choice, at: datetime, reason: str, rate: int) -> Sequence[UUID]:
    """Fix which jobs it is about, as they stood ``at`` the time of the plan, and begin at ``rate`` jobs a second.
    Whoever is limited to some teams gets an act for each; returns the acts.

    Raises:
        Conflict: nothing of it can be done any more.
        NotFound: none of those ticked is there, or in sight.
        Forbidden: doing it to a single job is not allowed either.
    """
    why = reasons.checked(reason)
    if rate not in RATES:
        raise Invalid(rate="Choose one of the rates.")
    async with writing(actor, Permission.JOBS_BULK, timeout=TIMEOUT) as work:
        if NEEDS[verb] not in work.who.permissions:
            raise Forbidden(f"Your role does not include “{NEEDS[verb]}”. Ask an administrator if you need it.")
        chosen = await _chosen(work, choice, at)
        teams = [None] if work.who.team_ids is None else list(work.who.team_ids)
        acts = [act for team in teams if (act := await _begin(work, verb, choice, chosen, team, why, rate))]
        if not acts:
            if choice.ids and not await bulk_table.tallied(work, chosen, verb, _APART[verb]):
                raise _unseen()
            raise Conflict(f"None of these jobs can be {_DONE[verb]} any more. Somebody was faster.")
        work.notify(topic)
        return [act.id for act in acts]


async def search(actor: Actor, request: PageRequest) -> Page[Any]:
    """The bulk acts that one may see."""
    async with reading(actor, Permission.JOBS_READ) as work:
        found = await bulk_table.search(work, request)
        known = await outcomes(work, found.rows)
    return mapped(found, lambda row: SimpleNamespace(**row._asdict(), outcome=known[row.id]))


async def get(actor: Actor, bulk_id: UUID) -> BulkView:
    """One bulk act, how far it is, and the job that carries it out."""
    async with reading(actor, Permission.JOBS_READ) as work:
        act = await work.get(BulkAct, bulk_id)
        return BulkView(
            act,
            await work.get(Job, act.job_id or bulk_id),
            await staff_table.name(work, act.asked_by),
            (await work.get(Team, act.team_id)).name if act.team_id else "",
            act.tallies,
            (await outcomes(work, [act]))[act.id],
        )


async def items(actor: Actor, bulk_id: UUID, request: PageRequest) -> Page[Any]:
    """The jobs of a bulk act and what became of each, what was refused first."""
    async with reading(actor, Permission.JOBS_READ) as work:
        act = await work.get(BulkAct, bulk_id)
        found = await bulk_table.items(work, act, request)
    return Page(found.rows, found.count, found.next, found.previous, act.tallies)


async def _chosen(work: Work, choice: Choice, at: datetime) -> Select[Any]:
    """The jobs of a choice, as they stood then."""
    if choice.ids:
        return await bulk_table.standing(work, jobs_table.among_ids(work, choice.ids), at)
    return await bulk_table.standing(work, await jobs_table.chosen(work, choice.request), at)


async def _begin(
    work: Work,
    verb: BulkVerb,
    choice: Choice,
    chosen: Select[Any],
    team_id: UUID | None,
    why: str,
    rate: int,
) -> BulkAct | None:
    """One act with its jobs and the job that carries it out; None where there is nothing to do."""
    act = BulkAct(id=uuid7(), team_id=team_id, verb=verb.value, asked_by=work.who.id, reason=why, rate=rate)
    act.chosen, act.total, act.succeeded, act.refused = _told(choice), 0, 0, 0
    work.implied(act)
    await work.flush()
    mine = chosen if team_id is None else chosen.where(Job.team_id == team_id)
    act.total = await bulk_table.freeze(work, act, mine, _APART[verb])
    if not act.total:
        await work.delete(act)
        await work.flush()
        return None
    job = await job_queue.submit(work, JOBS_BULK, team_id=team_id, created_by=work.who.id, bulk_id=act.id)
    act.job_id = job.id
    detail = {"verb": verb.value, "rate": rate, **_recorded(act.chosen)}
    work.record_bulk(Action.BULK_STARTED, act, BulkItem, act.total, reason=why, detail=detail)
    return act


def _unseen() -> NotFound:
    return NotFound("None of these jobs exists, or you may not see them.")


def _told(choice: Choice) -> dict[str, Any]:
    """How the jobs were chosen, for people."""
    if choice.ids:
        return {"ticked": len(choice.ids)}
    told = {name: ", ".join(values) for name, values in choice.request.filters.items()}
    return told | ({"search": choice.request.search} if choice.request.search else {})


def _recorded(told: Mapping[str, Any]) -> dict[str, Any]:
    """The same under the names by which the log keeps what somebody typed apart: it may name a person."""
    apart = {name: told[name] for name in ("ticked", "search") if name in told}
    filters = {name: words for name, words in told.items() if name not in apart}
    return apart | ({"filters": filters} if filters else {})


_DONE = {BulkVerb.RETRY: "retried", BulkVerb.CANCEL: "cancelled"}

__all__ = [
    "MOST",
    "RATES",
    "BulkStatus",
    "BulkVerb",
    "BulkView",
    "Choice",
    "JobStatus",
    "Outcome",
    "Plan",
    "get",
    "items",
    "plan",
    "search",
    "start",
]
