"""The bar that chooses a range of days and a time zone; both stand in the URL. See ``period.js``."""

from nicegui import Client

from app.values.periods import PRESETS, Period, known_zone
from components.page.element import JsonElement


class PeriodBar(JsonElement, component="period.js"):
    """Shows and changes the range and the zone of a screen. None: the address names what does not exist."""

    def __init__(self, period: Period | None) -> None:
        super().__init__(self._contents(period))

    def replace(self, period: Period | None) -> None:
        """Show another choice."""
        self.show(self._contents(period))

    def _contents(self, period: Period | None) -> dict[str, object]:
        presets = [list(pair) for pair in PRESETS.items()]
        if period is None:
            return {"presets": presets, "name": None, "zone": "UTC", "first": "", "last": "", "words": ""}
        days = {"first": period.first.isoformat(), "last": period.last.isoformat(), "words": period.words}
        return {"presets": presets, "name": period.name, "zone": period.zone, **days}


def browser_zone(client: Client) -> str:
    """The time zone of the browser, as it said in a cookie when it was here before; else UTC."""
    zone = client.request.cookies.get("zone", "")
    return zone if zone and len(zone) < 64 and known_zone(zone) else "UTC"
