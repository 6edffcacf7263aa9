"""What one person may do: each thing with yes or no, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.page.element import JsonElement


@dataclass(frozen=True, slots=True)
class Ruling:
    """Something that can be done: its words, a quiet name beside it, whether they may, and why."""

    words: str
    name: str
    may: bool
    why: str


class Verdicts(JsonElement, component="permission_list.js"):
    """Rulings in groups of (title, rulings); a switch leaves out what they may not."""

    def __init__(self, label: str, groups: Sequence[tuple[str, Sequence[Ruling]]]) -> None:
        shown = [[title, [[r.words, r.name, r.may, r.why] for r in rulings]] for title, rulings in groups]
        super().__init__({"label": label, "groups": shown})
