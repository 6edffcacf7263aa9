"""The list: typed columns, filters as chips, keyset pages, state in the URL, live. Looks: ``data_table.js``."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from nicegui import background_tasks

from app import clock
from app.errors import Invalid, NotSignedIn
from app.paging import PAGE_SIZE, PLACE, SEARCH, SORT, Count, Page, PageRequest, Sort
from app.permissions import Permission
from app.topics import Change, Topic
from components.forms.dialogs import ask_reason, confirm
from components.lists.columns import Column
from components.lists.downloads import Export, plan
from components.lists.filters import Filter
from components.lists.selection import ANY, MOST, BulkAction, Selection, Tallied
from components.page import frame
from components.page.element import JsonElement
from components.page.refusals import Refusal, explain
from components.page.screen import Query
from components.page.values import plain
from components.page.wire import chosen, once, taking

Load = Callable[[PageRequest], Awaitable[Page[Any]]]
FIRST_LOOK, BETWEEN_LOOKS = 0.3, 1.0
"""Seconds from a change told live to the question, and at least between two such questions."""
MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class Empty:
    """What to read where nothing exists yet: what this is, and how rows come to be. ``by_default`` is the title where
    nothing matches the filters that the list has by itself.
    """

    title: str = "Nothing here yet"
    sentence: str = ""
    link: str = ""
    opens: str = ""
    by_default: str = ""


@dataclass(frozen=True, slots=True)
class RowAction:
    """Something to do with one row. ``run`` gets the row, and the reason too when ``asks`` puts a question."""

    label: str
    run: Callable[..., Awaitable[None]]
    needs: Permission | None = None
    shown: Callable[[Any], bool] = lambda _row: True
    asks: str = ""
    danger: bool = False


class DataTable(JsonElement, component="data_table.js", dependencies=["list_states.js"]):
    """A list of records. ``load`` answers a :class:`PageRequest` with a :class:`Page`; it is asked anew whenever the
    query string changes or ``live`` tells of a change. ``search`` is the search box's hint, "" has no box.
    ``key`` sets the names in the URL apart where a screen shows two lists. ``export`` offers all of it as CSV.
    ``bulk`` lets people tick rows, or choose all that match, and do the same with each. ``tallied`` puts the values of
    a filter above the list. ``defaults`` are filters that count as long as the address names none; a person can take
    them away.
    """

    def __init__(
        self,
        label: str,
        *,
        load: Load,
        columns: Sequence[Column],
        filters: Sequence[Filter] = (),
        actions: Sequence[RowAction] = (),
        live: Topic | None = None,
        empty: Empty | None = None,
        search: str = "",
        sort: Sort | None = None,
        key: str = "",
        row_id: str = "id",
        size: int = PAGE_SIZE,
        export: Export | None = None,
        bulk: Sequence[BulkAction] = (),
        tallied: Tallied | None = None,
        defaults: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._frame, self._opening = frame.current(), frame.opening()
        self._load, self._columns, self._filters = load, columns, filters
        self._actions = [a for a in actions if a.needs is None or self._frame.actor.may(a.needs)]
        self._key, self._row_id, self._sort, self._size = key, row_id, sort, size
        self._export = export if self._frame.actor.may(Permission.LISTS_EXPORT) else None
        self._bulk_actions = [a for a in bulk if a.needs is None or self._frame.actor.may(a.needs)]
        self._defaults = defaults
        self._count = Count(0)
        self._rows: dict[str, Any] = {}
        self._gone: set[str] = set()
        self._turn, self._fresh, self._stamp = 0, 0, 0
        self._hidden, self._dirty = False, False
        self._task: asyncio.Task[None] | None = None
        self._look: asyncio.Task[None] | None = None
        self._spec = {
            "label": label,
            "key": key,
            "search": search,
            "columns": [_describe(column) for column in columns],
            "filters": [item.describe() for item in filters],
            "actions": [{"label": a.label, "danger": a.danger} for a in self._actions],
            "bulk": [{"label": a.label, "danger": a.danger} for a in self._bulk_actions],
            "tallied": asdict(tallied) if tallied else None,
            "defaults": dict(defaults),
            "empty": asdict(empty or Empty()),
            "export": self._export is not None,
        }
        super().__init__(self._spec | {"rows": None, "query": self._own_query(self._opening.query), "stamp": 0})
        self._opening.on_query(self, lambda _query: self.reload())
        self._unsubscribe = live.subscribe(self._hear) if live else None
        self.on("act", once(taking(tuple[str, int], self._act), per_args=True))
        self.on("bulk", once(taking(tuple[int, list[str] | None], self._act_on_many), per_args=True))
        self.on("again", lambda _: self.reload())
        self.on("stop", lambda _: self._stop())
        self.on("hidden", taking(bool, self._set_hidden))
        self.on("export", once(lambda _: self._ask_export()))
        self._task = frame.first_load(self, self._answer())

    # -- asking ------------------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Ask again with the query string as it is now; an answer to an older question never wins."""
        if self._task:
            self._task.cancel()
        self._task = background_tasks.create(self._answer(), name="list", context=self)

    def look(self) -> None:
        """Ask again in the background, as after a change that was told live."""
        self._dirty = True
        self._look_soon()

    async def _answer(self) -> None:
        self._turn += 1
        turn, started = self._turn, time.perf_counter()
        try:
            request = self._request(self._opening.query)
        except Invalid as error:
            return self._fail(explain(error))
        [answer] = await asyncio.gather(self._load(request), return_exceptions=True)
        if turn != self._turn or self.is_deleted:
            return None
        if isinstance(answer, NotSignedIn):
            return self._frame.handle(answer)
        if isinstance(answer, BaseException):
            return self._fail(explain(answer))
        self._rows = {str(plain(getattr(row, self._row_id))): row for row in answer.rows}
        self._gone, self._fresh = set(), 0
        return self._draw(answer, time.perf_counter() - started)

    def _request(self, query: Query) -> PageRequest:
        return PageRequest.read(self._own_query(query), sort=self._sort, size=self._size)

    def _own_query(self, query: Query) -> dict[str, tuple[str, ...]]:
        known = {SEARCH, SORT, PLACE, *(item.name for item in self._filters)}
        prefix = f"{self._key}." if self._key else ""
        asked = {name: query[prefix + name] for name in known if any(query.get(prefix + name, ()))}
        if not asked.keys() - {SORT, PLACE}:
            asked |= {name: (value,) for name, value in self._defaults.items()}
        return {name: values for name, values in asked.items() if not (name in self._defaults and values == (ANY,))}

    def _stop(self) -> None:
        if self._task and not self._task.done():
            self._task.cancel()
            self._turn += 1
            self._fail(Refusal("Stopped", "You stopped this question before it was answered.", again=True))

    # -- drawing -----------------------------------------------------------------------------------------------------

    def _draw(self, page: Page[Any], seconds: float) -> None:
        self._stamp += 1
        self._count = page.count
        self.show(
            self._spec
            | {
                "rows": [self._row(key, row) for key, row in self._rows.items()],
                "count": str(page.count),
                "tallies": dict(page.tallies) if page.tallies is not None else None,
                "seconds": f"{seconds:.2f}",
                "next": page.next.encode() if page.next else None,
                "previous": page.previous.encode() if page.previous else None,
                "query": self._own_query(self._opening.query),
                "sort": self._sort.encode() if self._sort else "",
                "fresh": self._fresh,
                "now": clock.now().isoformat(),
                "stamp": self._stamp,
            }
        )

    def _fail(self, refusal: Refusal) -> None:
        self._stamp += 1
        query = self._own_query(self._opening.query)
        self.show(self._spec | {"rows": [], "query": query, "error": asdict(refusal), "stamp": self._stamp})

    def _row(self, key: str, row: object) -> list[Any]:
        cells = [column.value(row) for column in self._columns]
        links = {i: _link(c.opens, row) for i, c in enumerate(self._columns) if c.opens}
        acts = [] if key in self._gone else [i for i, action in enumerate(self._actions) if action.shown(row)]
        return [key, cells, {i: link for i, link in links.items() if link}, acts, key in self._gone]

    # -- live --------------------------------------------------------------------------------------------------------

    def _hear(self, _change: Change) -> None:
        self.look()

    def _set_hidden(self, hidden: bool) -> None:
        self._hidden = hidden
        self._look_soon()

    def _look_soon(self) -> None:
        idle = self._look is None or self._look.done()
        if self._dirty and idle and not self._hidden and not self.is_deleted:
            self._look = background_tasks.create(self._look_again(), name="live list", context=self)

    async def _look_again(self) -> None:
        """Ask again in the background, after a pause in which further changes gather."""
        await asyncio.sleep(FIRST_LOOK)
        while self._dirty and not self._hidden and not self.is_deleted:
            if self._frame.dialogs or (self._task and not self._task.done()) or "error" in self.contents:
                await asyncio.sleep(BETWEEN_LOOKS)
                continue
            self._dirty = False
            await self._refresh()
            await asyncio.sleep(BETWEEN_LOOKS)

    async def _refresh(self) -> None:
        turn, started = self._turn, time.perf_counter()
        request = self._request(self._opening.query)
        size = min(MOST_ROWS, request.size + self._fresh)
        [answer] = await asyncio.gather(self._load(replace(request, size=size)), return_exceptions=True)
        if turn != self._turn or self.is_deleted:
            return
        if isinstance(answer, BaseException):
            # What is on screen stays good; the next change or click asks again and would show the reason.
            explain(answer)
            return
        self._merge(answer, first_page=request.cursor is None)
        self._draw(answer, time.perf_counter() - started)

    def _merge(self, page: Page[Any], *, first_page: bool) -> None:
        """Update the rows on screen in place; count what is new above them; mark what no longer matches."""
        found = {str(plain(getattr(row, self._row_id))): row for row in page.rows}
        if not self._rows:
            self._rows = dict(list(found.items())[: self._size])
            return
        order = list(found)
        last = max((order.index(key) for key in self._rows if key in found), default=len(order) - 1)
        self._fresh = sum(key not in self._rows for key in order[: last + 1]) if first_page else 0
        below = order[last] if order else None
        keys = list(self._rows)
        covered = keys if page.next is None or below not in keys else keys[: keys.index(below)]
        self._gone = {key for key in covered if key not in found}
        self._rows = {key: found.get(key, row) for key, row in self._rows.items()}

    # -- acting ------------------------------------------------------------------------------------------------------

    async def _act(self, sent: tuple[str, int]) -> None:
        key, index = sent
        row, action = self._rows.get(key), chosen(self._actions, index)
        if row is None or not action.shown(row):
            return
        if not action.asks:
            await action.run(row)
        elif (reason := await ask_reason(action.asks, submit=action.label, danger=action.danger)) is not None:
            await action.run(row, reason)
        else:
            return
        self._dirty = True
        self._look_soon()

    async def _act_on_many(self, sent: tuple[int, list[str] | None]) -> None:
        """With those ticked, or with all that match what the list asks now."""
        index, ticked = sent
        ids = None if ticked is None else tuple(ticked[:MOST])
        request = replace(self._request(self._opening.query), cursor=None)
        if ids is not None and not ids:
            return
        count = self._count if ids is None else Count(len(ids))
        if await chosen(self._bulk_actions, index).run(Selection(ids or (), request, count)):
            self.run_method("untick")
            self._dirty = True
            self._look_soon()

    async def _ask_export(self) -> None:
        """Say what the file will hold; the browser fetches it, so that a refusal never takes the screen's place."""
        label = self._spec["label"]
        if self._export and await confirm(f"Export {label} as CSV?", submit="Export CSV", plan=plan(self._count)):
            self.run_method("save", self._export.address(self._own_query(self._opening.query), self._sort))

    def _handle_delete(self) -> None:
        if self._unsubscribe:
            self._unsubscribe()
        for task in (self._task, self._look):
            if task:
                task.cancel()
        super()._handle_delete()


def _describe(column: Column) -> dict[str, Any]:
    known = {"kind": column.kind, "head": column.head, "right": column.right, "sort": column.sorts_by}
    extra = {name: getattr(column, name) for name in ("card", "quiet", "wide", "hint") if getattr(column, name, None)}
    return known | extra


def _link(template: str, row: object) -> str | None:
    """Fill ``/jobs/{id}`` from a row; None when a value is missing."""
    values = {name: plain(getattr(row, name)) for name in re.findall(r"\{(\w+)\}", template)}
    if None in values.values():
        return None
    return re.sub(r"\{(\w+)\}", lambda match: quote(str(values[match[1]]), safe=""), template)
