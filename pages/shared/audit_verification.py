"""The badge of the audit log: how far it was verified, when, and which entries do not fit."""

from functools import partial

from app import topics
from app.actor import Staff
from app.services import seals
from app.services.seals import SealState
from components.page.live import Live
from components.page.toasts import done
from components.records.verification import Finding, Verdict, Verified

MOST = 10
"""Findings that are told one by one; of more, how many."""


def badge(actor: Staff, state: SealState) -> None:
    """Draw the badge; it keeps itself up to date."""
    drawn = Verified(verdict_of(state), ask=partial(_again, actor), verify=partial(_verify, actor))
    Live(topics.seals, drawn.refresh)


def verdict_of(state: SealState) -> Verdict:
    """The state of the log in words."""
    note = _note(state)
    if not state.is_good:
        n = len(state.problems)
        words = "Tampering found: 1 thing does not fit" if n == 1 else f"Tampering found: {n:,} things do not fit"
        told = [Finding(p.sentence, _where(p.entry)) for p in state.problems[:MOST]]
        more = [Finding(f"And {n - MOST:,} more: “quarterdeck audit verify” names them all.")] if n > MOST else []
        return Verdict(words, "bad", state.verified_at, note, [*told, *more])
    if state.up_to is None or state.verified_at is None:
        return Verdict("Not verified so far", "idle", None, "A worker seals and verifies the log; none has yet.")
    return Verdict(f"Verified up to entry {state.up_to:,}", "warn" if state.is_late else "ok", state.verified_at, note)


def _note(state: SealState) -> str:
    if state.checking:
        return "The whole log is being verified."
    if state.is_late:
        minutes = max(1, round(state.unsealed_for.total_seconds() / 60))
        return f"Entries have waited {minutes:,} min to be sealed: a long transaction, or no worker runs."
    return ""


def _where(entry: int | None) -> str:
    return "" if entry is None else f"/audit/{entry}"


async def _again(actor: Staff) -> Verdict:
    return verdict_of(await seals.state(actor))


async def _verify(actor: Staff) -> None:
    await seals.verify_now(actor)
    done("The workers verify the whole log now.")
