"""The audit log: is it sealed in time, does somebody look at it, and does it fit?"""

from collections.abc import Iterator
from datetime import timedelta

from app import clock
from app.actor import Command
from app.config import Settings
from app.database import engine
from app.doctor.findings import Finding, counted, lasting, ok, problem, warning
from app.errors import AppError
from app.seals.damage import Damage
from app.services import seals
from app.services.seals import SealState

CHECK = "Audit log"
LOOKED = timedelta(minutes=5)
"""How long ago a worker may have looked at it."""
_TOO_LATE = timedelta(minutes=15)
_MOST = 5


async def examine(settings: Settings, full: Settings, user: str) -> list[Finding]:
    """The state of the log, asked as ``user`` of this machine through the door. ``full`` are the settings with all
    ways in filled in.
    """
    engine.configure(full)
    try:
        state = await seals.state(Command(user))
    except AppError as refusal:
        return [problem(CHECK, refusal.message)]
    finally:
        await engine.dispose()
    found = [*_key(settings, state), *_damage(state), *_late(state)]
    return found or [_well(state)]


def _well(state: SealState) -> Finding:
    if state.up_to is None:
        return ok(CHECK, "Nothing in it is sealed yet.")
    return ok(
        CHECK, f"{counted(state.sealed, 'entry is', 'entries are')} sealed, and verified up to entry {state.up_to}."
    )


def _key(settings: Settings, state: SealState) -> Iterator[Finding]:
    """Whether the key of this machine is there. None is made by looking."""
    path = settings.data_dir / "secrets" / "seal_key"
    if settings.seal_key is None and state.sealed and not path.exists():
        yield warning(
            CHECK,
            f"The key that sealed it is not on this machine ({path}): a worker here would make another one.",
            "Put it back from a backup or from the machine of the workers, or set QUARTERDECK_SEAL_KEY. If it is lost,"
            " set QUARTERDECK_SEAL_PUBLIC_KEYS, so that older seals still count.",
        )


def _damage(state: SealState) -> Iterator[Finding]:
    damage = [found for found in state.problems if found.kind is not Damage.GUARD]  # that is looked at here and now
    for found in damage[:_MOST]:
        yield problem(CHECK, found.sentence, "Look at it with `quarterdeck audit verify`, and see docs/audit-log.md.")
    if len(damage) > _MOST:
        yield problem(CHECK, f"There are {len(damage) - _MOST} more such findings.")


def _late(state: SealState) -> Iterator[Finding]:
    if state.is_late:
        told = problem if state.unsealed_for > _TOO_LATE else warning
        yield told(
            CHECK,
            f"An entry has waited for {lasting(state.unsealed_for.total_seconds())} to be sealed.",
            "See that a worker runs, and that no transaction stays open (select * from pg_stat_activity).",
        )
    looked = state.verified_at
    if state.sealed and (looked is None or clock.now() - looked > LOOKED):
        ago = f"for {lasting((clock.now() - looked).total_seconds())}" if looked else "yet"
        yield warning(
            CHECK, f"No worker has looked at it {ago}.", "Start one with `quarterdeck up` or `quarterdeck worker`."
        )
