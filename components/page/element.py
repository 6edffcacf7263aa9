"""The base of our components: one Vue component, one JSON string."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nicegui.dependencies import register_esm
from nicegui.element import Element

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
