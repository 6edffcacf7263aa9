"""The base of our components: one Vue component, one JSON string."""

import inspect
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
from nicegui.dependencies import register_esm
from nicegui.element import Element
from nicegui.events import GenericEventArguments

KIT = Path(__file__).parent / "kit"

# Shared by our Vue components as `import … from "quarterdeck"`; the newest file names the version in its URL.
register_esm("quarterdeck", KIT, max_time=max(file.stat().st_mtime for file in KIT.glob("*.js")))


class JsonElement(Element):
    """An element whose whole contents travel as one JSON string, so that data never becomes a prop or a template."""

    def __init__(self, contents: object = None) -> None:
        super().__init__()
        self.contents: Any = None
        self.show(contents)

    def show(self, contents: object) -> None:
        """Draw these contents (anything JSON can say; other values by their ``str``) instead of the former."""
        self.contents = contents
        self._props["data"] = json.dumps(self.encode(contents), separators=(",", ":"), default=str, ensure_ascii=False)
        self.update()

    def encode(self, contents: Any) -> Any:  # noqa: ANN401 - whatever JSON can say
        """What is sent for these contents."""
        return contents

    def _displayed_contents(self, *, only_visible: bool) -> list[Any]:
        # Tests without a browser look for the texts that a person would see.
        return [*super()._displayed_contents(only_visible=only_visible), *texts_in(self.contents)]


def once(
    handler: Callable[[GenericEventArguments], Awaitable[None] | None], *, per_args: bool = False
) -> Callable[[GenericEventArguments], Awaitable[None]]:
    """A handler that runs once at a time: what is sent again meanwhile is dropped, whoever sends it. With ``per_args``
    other arguments are another thing to do, such as another button of the same element.
    """
    running: set[bytes] = set()

    async def run(event: GenericEventArguments) -> None:
        asked = _key(event.args) if per_args else b""
        if asked in running:
            return
        running.add(asked)
        try:
            answer = handler(event)
            if inspect.isawaitable(answer):
                await answer
        finally:
            running.discard(asked)

    return run


def _key(args: object) -> bytes:
    try:
        return orjson.dumps(args)
    except orjson.JSONEncodeError:  # deeper than anything of ours: its handler refuses it
        return b""


def texts_in(contents: object) -> Iterator[str]:
    """Every text and number within nested lists and mappings (of mappings: the values)."""
    match contents:
        case str():
            yield contents
        case bool() | None:
            return
        case int() | float():
            yield f"{contents:,}"
        case dict():
            for value in contents.values():
                yield from texts_in(value)
        case list() | tuple():
            for value in contents:
                yield from texts_in(value)
        case _:
            yield str(contents)
