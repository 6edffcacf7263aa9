"""A small picture of how a number went, beside what it is now. In a list, :class:`columns.SparkColumn` draws the same.

It is drawn as SVG by one Vue component: other numbers move its line, and nothing flickers.
"""

from collections.abc import Sequence

from components.page.element import JsonElement
from components.page.values import Tone


class Sparkline(JsonElement, component="sparkline.js"):
    """A panel with a ``label``, a ``value`` in words ("12 per minute"), a line of ``values`` (oldest first, none below
    0), and a quiet ``note`` below it.

    ``tone`` colours the line, ``value_tone`` the words. Who cannot see the line is read its label and :func:`said`.
    """

    def __init__(
        self,
        values: Sequence[float],
        *,
        label: str,
        value: str = "",
        note: str = "",
        tone: Tone = "info",
        value_tone: Tone | None = None,
    ) -> None:
        self._label, self._note, self._tone = label, note, tone
        super().__init__(self._contents(values, value, note, value_tone))

    def replace(
        self, values: Sequence[float], *, value: str = "", note: str | None = None, value_tone: Tone | None = None
    ) -> None:
        """Draw other numbers; without a ``note`` the former one stays."""
        self._note = self._note if note is None else note
        self.show(self._contents(values, value, self._note, value_tone))

    def _contents(self, values: Sequence[float], value: str, note: str, value_tone: Tone | None) -> dict[str, object]:
        return {
            "label": self._label,
            "values": list(values),
            "value": value,
            "note": note,
            "tone": self._tone,
            "value_tone": value_tone,
            "said": said(values),
        }


def said(values: Sequence[float]) -> str:
    """A line in words: where it is, and between what it went."""
    if not values:
        return "nothing yet"
    return f"now {values[-1]:,g}, lowest {min(values):,g}, highest {max(values):,g}"
