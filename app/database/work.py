"""THE door to the database: three openings and no fourth.

- :func:`reading` asks, in a READ ONLY transaction.
- :func:`writing` changes, and refuses to commit a change that no audit entry tells of.
- :func:`keeping` keeps the books (progress, leases, counters): no change by anybody, nothing recorded.

Each opening asks the database whether the actor is still who they were, whether they may, and sets role, teams and
time limit for this one transaction. What a page knows about a person is for hiding buttons; this is the check.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
from sqlalchemy import Executable, Result, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from app.actor import Actor
from app.database import cancellation, engine, masking, step_up
from app.database.changes import Changes
from app.database.driver_errors import of_driver, translated
from app.database.identity import ENTER_PLAIN, RECENT, LeaseLost, Who, check_recent, context, enter, identify
from app.database.recording import ENTERED, Recording, Subject, UnrecordedWrite, enter_refusal, noun
from app.errors import AppError, Conflict, Forbidden, NotFound, StepUpRequired, Unavailable
from app.models import Action, Base
from app.permissions import Permission
from app.privacy.personal import Veil, masked_for
from app.topics import CHANNEL, Change, Topic

M = TypeVar("M", bound=Base)

READ_TIMEOUT = 3.0
WRITE_TIMEOUT = 10.0
KEEP_TIMEOUT = 60.0


@dataclass(eq=False)
class Work:
    """One transaction, inside somebody's block. Everything that touches the database goes through here."""

    who: Who
    _session: AsyncSession
    _recording: Recording
    veil: Veil | None = None
    """Hides personal data from this reader; None hides nothing. What a block reads is masked unless it writes."""
    _reads: bool = False
    _notes: list[Change] = field(default_factory=list)
    _after: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    async def get(self, model: type[M], id_: UUID, *, lock: bool = False) -> M:
        """The record with this id, locked against other changes for the rest of the block on demand.

        Raises:
            NotFound: there is none, or it is another team's.
        """
        found = await self._session.get(model, id_, with_for_update={"key_share": True} if lock else None)
        if found is None:
            raise NotFound(f"This {noun(model)} does not exist, or you may not see it.")
        if self._reads:
            masking.keep_secrets(found)
        if self.veil is not None:
            await masking.cover(self._session, self.veil, found, in_place=self._reads)
        return found

    def add(self, *records: Base) -> None:
        """Insert records at the next flush."""
        self._session.add_all(records)

    async def delete(self, record: Base) -> None:
        """Delete a record at the next flush."""
        await self._session.delete(record)

    async def flush(self) -> None:
        """Send pending changes now, so that their generated values are there."""
        await self._session.flush()

    async def execute(self, statement: Executable, parameters: Any = None) -> Result[*tuple[Any, ...]]:  # noqa: ANN401 - any
        """Run a statement. A writing one is noted and must be recorded."""
        self._recording.note(statement)
        answer = await self._session.execute(statement, parameters)
        if not self._reads:
            return answer
        answer = masking.without_secrets(statement, answer)
        if self.veil is None:
            return answer
        return await masking.covered(self._session, self.veil, statement, answer)

    async def scalar(self, statement: Executable, parameters: Any = None) -> Any:  # noqa: ANN401 - any value
        """The first column of the first row, or None."""
        return (await self.execute(statement, parameters)).scalar()

    async def raw(self) -> Any:  # noqa: ANN401 - asyncpg ships no types
        """The asyncpg connection of this very transaction, for COPY and for the engine.

        SQLAlchemy begins lazily: on a connection without a statement so far, raw work would escape the transaction.
        """
        await self._session.flush()
        connection = (await (await self._session.connection()).get_raw_connection()).driver_connection
        if connection is None or not connection.is_in_transaction():
            raise RuntimeError("Raw work outside the transaction would survive its rollback.")
        return connection

    def record(
        self,
        action: Action,
        target: Base | Subject,
        *,
        reason: str | None = None,
        detail: Mapping[str, Any] | None = None,
        label: str | None = None,
    ) -> None:
        """Write the audit entry of a change to ``target``; before and after are found by themselves."""
        self._recording.enter(action, target, reason, detail, label)
        if isinstance(target, Base):
            self._recording.cover(target)

    def record_bulk(
        self,
        action: Action,
        target: Base,
        table: type[Base],
        n: int,
        *,
        reason: str | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Write one entry for a statement that changed ``n`` rows of ``table``, told of ``target``."""
        self._recording.enter(action, target, reason, {"rows": n, **(detail or {})})
        self._recording.cover(table)
        self._recording.cover(target)

    def implied(self, *records: Base | type[Base]) -> None:
        """Cover what a recorded act brings with it: records to add (a dataset's schema, the job that an act starts),
        or tables that statements of this block write.
        """
        for record in records:
            self._recording.cover(record)
            if not isinstance(record, type):
                self._session.add(record)

    def notify(self, topic: Topic, id_: UUID | None = None, kind: str = "changed") -> None:
        """Tell open pages that something changed, when and only when this transaction commits."""
        change = Change(topic.name, id_, kind)
        if change not in self._notes:
            self._notes.append(change)

    def after_commit(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Run ``callback`` once the transaction has committed."""
        self._after.append(callback)

    async def committed(self) -> None:
        """Run what waits for the commit. The door calls this."""
        for callback in self._after:
            await callback()

    async def finish(self, *, record: bool) -> None:
        """Flush, check that everything was recorded, write the entries and the notifications. The door calls this."""
        await self._session.flush()
        if record:
            self._recording.refuse_unrecorded()
            if await self._recording.write(self._session, self.who):
                self._notes.append(ENTERED)
        await _tell(self._session, self._notes)


async def _tell(session: AsyncSession, notes: Sequence[Change]) -> None:
    if notes:
        await session.execute(_NOTIFY, {"channel": CHANNEL, "payloads": [note.encode() for note in notes]})


_NOTIFY = text("SELECT pg_notify(:channel, told) FROM unnest(CAST(:payloads AS text[])) AS told")


@asynccontextmanager
async def reading(actor: Actor, permission: Permission, *, timeout: float = READ_TIMEOUT) -> AsyncIterator[Work]:
    """Ask questions. ``timeout`` is each statement's limit in seconds; past it, :class:`TooSlow`."""
    async with _open(actor, permission, timeout, read_only=True) as work:
        yield work


@asynccontextmanager
async def writing(actor: Actor, permission: Permission, *, timeout: float = WRITE_TIMEOUT) -> AsyncIterator[Work]:
    """Change something, and record it. A block that writes and records nothing is rolled back."""
    async with _open(actor, permission, timeout, read_only=False) as work:
        yield work
        await work.finish(record=True)
    await work.committed()


@asynccontextmanager
async def keeping(purpose: str, *, team_id: UUID | None = None, timeout: float = KEEP_TIMEOUT) -> AsyncIterator[Work]:
    """Keep the books: only what ``app.database.bookkeeping`` lists, as the database itself enforces. ``team_id`` names
    whose rows; without it only the books that span teams (jobs, workers) can be reached.
    """
    who = Who("keeper", None, purpose)
    async with _transaction() as session:
        parameters = {
            "teams": f"{{{team_id}}}" if team_id else "{}",
            "role": "quarterdeck_keeper",
            **context(who, timeout, read_only=False),
        }
        await enter(session, ENTER_PLAIN, parameters)
        work = Work(who, session, Recording(Changes(session.sync_session)))
        yield work
        await work.finish(record=False)
    await work.committed()


@asynccontextmanager
async def _open(actor: Actor, permission: Permission, timeout: float, *, read_only: bool) -> AsyncIterator[Work]:
    refused: Who | None = None
    async with AsyncExitStack() as transaction:
        session, who = await _let_in(transaction, actor, permission, timeout, read_only=read_only)
        if permission in who.permissions:
            veil = Veil() if masked_for(who.kind, who.permissions) else None
            with masking.refusals(veil):
                yield Work(who, session, Recording(Changes(session.sync_session)), veil, read_only)
        else:
            refused = who
    if refused is not None:
        await _record_refusal(refused, permission)
        whose = "This API token" if refused.kind == "token" else "Your role"
        raise Forbidden(f"{whose} does not include “{permission}”. Ask an administrator if you need it.")


async def _let_in(
    transaction: AsyncExitStack, actor: Actor, permission: Permission, timeout: float, *, read_only: bool
) -> tuple[AsyncSession, Who]:
    """Begin. Whoever has to prove that it is them is asked outside of any transaction; then it begins anew."""
    try:
        return await _begin(transaction, actor, permission, timeout, read_only=read_only)
    except StepUpRequired as refusal:
        if not await step_up.proved(refusal):
            raise
    return await _begin(transaction, actor, permission, timeout, read_only=read_only)


async def _begin(
    transaction: AsyncExitStack, actor: Actor, permission: Permission, timeout: float, *, read_only: bool
) -> tuple[AsyncSession, Who]:
    async with AsyncExitStack() as begun:
        session = await begun.enter_async_context(_transaction())
        who = await identify(session, actor, timeout, read_only=read_only)
        if permission in who.permissions and not read_only:
            check_recent(who, permission)
        transaction.push_async_exit(begun.pop_all())
        return session, who


async def _record_refusal(who: Who, permission: Permission) -> None:
    """A refusal is recorded by the console itself, in a transaction of its own."""
    async with _transaction() as session:
        parameters = {"teams": "{}", "role": "quarterdeck_platform", **context(who, WRITE_TIMEOUT, read_only=False)}
        await enter(session, ENTER_PLAIN, parameters)
        await enter_refusal(session, who, permission)
        await _tell(session, [ENTERED])


@asynccontextmanager
async def _transaction() -> AsyncIterator[AsyncSession]:
    """A transaction whose database errors come out as sentences."""
    try:
        # Not session.begin(): the entrance may begin a second time, on another connection.
        async with engine.session() as session:
            yield session
            await session.commit()
    except (AppError, UnrecordedWrite):
        raise
    except StaleDataError:
        raise Conflict("Somebody changed this record meanwhile. Open it again to see what is there now.") from None
    except DBAPIError as problem:
        raise translated(problem) from problem
    except asyncpg.PostgresError as problem:
        raise of_driver(problem) from problem
    except PoolTimeoutError as problem:
        raise Unavailable("Too many people ask the database at this moment. Try again in a moment.") from problem
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as problem:
        raise Unavailable("The database does not answer. Try again in a moment.") from problem
    except asyncio.CancelledError as problem:
        if cancellation.is_meant():
            raise
        raise Unavailable("The database went away. Try again in a moment.") from problem


__all__ = ["RECENT", "LeaseLost", "Subject", "UnrecordedWrite", "Who", "Work", "keeping", "reading", "writing"]
