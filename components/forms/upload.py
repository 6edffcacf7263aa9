"""A place to drop a file, with its own progress bar counted byte by byte.

The browser sends ``PUT {url}?name=<file name>`` with the bytes of the file as the body. The route answers 201
``{"id", "bytes", "sha256", "name"}``, or refuses with ``{"code", "message"}`` and a status.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from nicegui.element import Element

import components.page.element  # noqa: F401 - the script imports what this registers as "quarterdeck"
from components.page.wire import once, taking


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What the browser says the route answered. It is a claim: look the upload up by its id before using it."""

    id: str
    name: str
    bytes: int
    sha256: str


OnDone = Callable[[Uploaded], Awaitable[None] | None]


class FileDrop(Element, component="upload.js"):
    """A drop zone and a "Choose a file" button for one file at a time."""

    def __init__(self, url: str, accept_note: str, max_bytes: int, on_done: OnDone) -> None:
        """Send a file to ``url``.

        Args:
            url: path of the route that takes the bytes.
            accept_note: which files are welcome, as a sentence.
            max_bytes: larger files are refused before anything is sent (the route must check again).
            on_done: called when a file has arrived whole.
        """
        super().__init__()
        self._props["url"] = url
        self._props["note"] = accept_note
        self._props["max-bytes"] = max_bytes
        self._on_done = on_done
        self.on("done", once(taking(Uploaded, self._done)))

    async def _done(self, uploaded: Uploaded) -> None:
        answer = self._on_done(uploaded)
        if answer is not None:
            await answer

    def _displayed_contents(self, *, only_visible: bool) -> list[Any]:
        shown: list[Any] = super()._displayed_contents(only_visible=only_visible)
        return [*shown, "Choose a file", self._props["note"]]
