"""Where a screen stands in the page, and in the browser's history."""

from nicegui.element import Element

from components.page.screen import Opening


class Place(Element, component="place.js"):
    """Holds one screen. The browser is told the address of what it holds before any of that exists, and comes back to
    where one was on it (``kit/places.js``). ``navigates``: somebody goes there, so the browser does not show it yet.
    """

    def __init__(self, opening: Opening, *, navigates: bool = False) -> None:
        super().__init__()
        self.show(opening.address, navigates=navigates)

    def show(self, address: str, *, navigates: bool) -> None:
        """The screen stays and has another query string."""
        self._props["address"], self._props["navigates"] = address, navigates
        self.update()
