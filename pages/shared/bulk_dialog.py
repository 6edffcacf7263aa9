"""Asking for a bulk act, the same on every screen: what would happen to how many jobs, why, and how fast."""

from uuid import UUID

from app.models import BulkVerb, JobStatus
from app.paging import PageRequest
from app.services import bulk
from app.services.bulk import Choice, Plan
from components.forms.dialogs import ask
from components.forms.form import Field, Values
from components.lists.selection import Selection
from components.page import frame
from components.page.screen import View
from components.page.toasts import done
from pages.shared.labels import JOB, plural

_FATE = {
    (BulkVerb.RETRY, JobStatus.FAILED): "{} failed: each is queued again and goes on from its checkpoint.",
    (BulkVerb.RETRY, JobStatus.CANCELLED): "{} cancelled before: queued again, too.",
    (BulkVerb.CANCEL, JobStatus.FAILED): "{} failed: given up. They leave the failures; each can still be retried.",
    (BulkVerb.CANCEL, JobStatus.QUEUED): "{} waiting: stopped at once, also those that wait to be tried again.",
    (BulkVerb.CANCEL, JobStatus.RUNNING): "{} running: asked to stop, at their next safe place.",
}
_DONE = {BulkVerb.RETRY: "retried", BulkVerb.CANCEL: "cancelled"}


async def consent(view: View, verb: BulkVerb, choice: Choice) -> bool:
    """Say what would happen, ask why and how fast, begin, and go where one can watch it. False: nothing was begun."""
    plan = await bulk.plan(view.actor, verb, choice)
    begun: list[UUID] = []

    async def start(values: Values) -> None:
        rate = int(values["rate"]) if values["rate"].isdigit() else 0
        begun.extend(await bulk.start(view.actor, verb, choice, plan.at, values["reason"], rate))

    if not plan.total:
        done(f"None of {plural(plan.matched, 'job')} can be {_DONE[verb]}.")
        return False
    answer = await ask(
        f"{verb.label} {plural(plan.total, 'job')}?",
        submit=f"{verb.label} {plural(plan.total, 'job')}",
        plan=sentences(plan),
        fields=[
            Field("reason", "Reason", kind="long", hint="Goes into the audit log, with each of the jobs."),
            Field(
                "rate", "How fast", kind="choice", value="20" if plan.total > 20 else "5", choices=_rates(plan.total)
            ),
        ],
        danger=verb is BulkVerb.CANCEL,
        on_submit=start,
    )
    if answer is None or not begun:
        return False
    frame.navigate(f"/bulk/{begun[0]}" if len(begun) == 1 else "/bulk")
    return True


async def of_selection(view: View, verb: BulkVerb, selection: Selection) -> bool:
    """The same for what is ticked in a list, or for all that match."""
    return await consent(view, verb, Choice(selection.request, [UUID(one) for one in selection.ids]))


def of_signature(failure_id: UUID, *states: JobStatus) -> Choice:
    """All jobs that failed alike and stand in one of these states."""
    chosen = tuple(state.value for state in states)
    return Choice(PageRequest({"signature": (str(failure_id),), "status": chosen}))


def sentences(plan: Plan) -> list[str]:
    """What would happen, one sentence a line."""
    verb, left = plan.verb, sum(plan.unable.values())
    said = [_FATE[verb, JobStatus(state)].format(f"{n:,}") for state, n in sorted(plan.able.items()) if n]
    if left:
        states = ", ".join(f"{n:,} {JOB[state][0].lower()}" for state, n in sorted(plan.unable.items()))
        said.append(f"{left:,} of those you chose cannot be {_DONE[verb]} ({states}): left alone.")
    if plan.cut:
        said.append(f"More match than one act takes: it is about {bulk.MOST:,} of them. Repeat it for the rest.")
    return [*said, "What comes or fails after you opened this is not among them."]


def _rates(total: int) -> list[tuple[str, str]]:
    return [(str(rate), f"{rate} a second: {_length(total / rate)}") for rate in bulk.RATES]


def _length(seconds: float) -> str:
    if seconds < 1.5:
        return "about a second"
    if seconds < 90:
        return f"about {seconds:.0f} seconds"
    if seconds < 5_400:
        return f"about {seconds / 60:.0f} minutes"
    return f"about {seconds / 3_600:.0f} hours"
