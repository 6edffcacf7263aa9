"""Stats: the company over a range of days. Each number loads on its own, says what it counts, and opens its list."""

from functools import partial

from nicegui import ui

from app import clock, topics
from app.errors import Invalid
from app.permissions import Permission
from app.values import periods
from app.values.periods import Period
from components.charts.chart import Chart, Figure, Nothing
from components.charts.period import PeriodBar, browser_zone
from components.page import frame
from components.page.live import Live
from components.page.screen import Query, View, screen
from components.records.blocks import Note, PageHead
from pages.shared.stat_cards import NUMBERS, Number

SECONDS = 10.0
"""Numbers on screen are asked for anew at most so often."""
_TOPICS = (topics.users, topics.payments, topics.jobs, topics.rows, topics.audit)


@screen("/stats", title="Stats", icon="stats", menu="Company", needs=Permission.STATS_READ)
async def stats_screen(view: View) -> None:
    """The range, the zone, the currency and which cards are tables stand in the URL."""
    PageHead("Stats", sub="Exact at this moment, over all teams that you see.")
    shown = _Shown(view)
    view.opening.on_query(shown.bar, shown.change)
    Live(_TOPICS, shown.again, every=SECONDS)


class _Shown:
    """The cards of one opening of the screen, and what they share: the range."""

    def __init__(self, view: View) -> None:
        self._actor, self._zone, self._query = view.actor, browser_zone(view.client), view.query
        self._period, refusal = self._read()
        self.bar = PeriodBar(self._period)
        self._place = ui.element("div")
        self._charts: list[Chart] = []
        self._draw(refusal)

    def change(self, query: Query) -> None:
        """Another address: ask for what it changes, and for nothing else."""
        before, old = self._period, self._query
        self._query = query
        self._period, refusal = self._read()
        self.bar.replace(self._period)
        if self._period is None or before is None:
            self._draw(refusal)
            return
        for chart in self._charts:
            chart.as_table(self._is_table(chart.contents["key"]))
            if _days(before) != _days(self._period) or old.get("currency") != query.get("currency"):
                frame.first_load(chart, chart.reload())

    async def again(self) -> None:
        """The same range as it is now: after midnight it has another last day."""
        self._period, _ = self._read()
        for chart in self._charts:
            await chart.refresh()

    def _read(self) -> tuple[Period | None, str]:
        try:
            return periods.read(self._query, clock.now(), self._zone), ""
        except Invalid as refusal:
            return None, refusal.message

    def _draw(self, refusal: str) -> None:
        self._charts.clear()
        self._place.clear()
        self._place.classes("numbers", remove="" if self._period else "numbers")
        with self._place:
            if self._period is None:
                Note("There is no such range", refusal, link="Show the last 30 days", opens="/stats")
            else:
                self._charts.extend(self._chart(number) for number in NUMBERS)

    def _chart(self, number: Number) -> Chart:
        load, table = partial(self._load, number), self._is_table(number.key)
        return Chart(
            number.title, number.key, load, about=number.about, needs=number.needs, table=table, choice="currency"
        )

    def _is_table(self, key: str) -> bool:
        return key in self._query.get("table", ())

    async def _load(self, number: Number) -> Figure | Nothing:
        if self._period is None:
            return Nothing("No range", "Choose one above.")
        answer = await number.ask(self._actor, self._period)
        if answer.since is None:
            return Nothing("Nothing to count yet", number.nothing)
        if answer.since >= answer.period.edges[-1]:
            first = periods.spelled(answer.period.local(answer.since).date())
            return Nothing("Before the first of them", f"The first was on {first}. Choose a later range.")
        return number.draw(answer, *self._query.get("currency", ())[:1])


def _days(period: Period) -> tuple[object, ...]:
    return (period.zone, period.first, period.last)
