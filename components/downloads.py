"""Links that download: the frame takes over every other link."""

from nicegui import ui


class Download(ui.element):
    """A link to a plain route whose answer becomes a file called ``filename``."""

    def __init__(self, text: str, address: str, filename: str) -> None:
        super().__init__("a")
        self.classes("btn")
        self._props["href"] = address
        self._props["download"] = filename
        self._text = text  # NiceGUI's own way to give an element text; escaped by Vue
