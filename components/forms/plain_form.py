"""A plain HTML form that POSTs, for what must not travel over the page's live wire: passwords."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from components.page.element import JsonElement


@dataclass(frozen=True, slots=True)
class Secret:
    """An input for a password. ``fills`` is what password managers call it."""

    name: str
    label: str
    fills: str = "new-password"
    hint: str = ""
    min_length: int | None = None


class PlainForm(JsonElement, component="plain_form.js"):
    """A form of secrets, sent to ``action`` by the browser itself: no event, no value ever reaches this page.

    ``username`` tells password managers whose they are.
    """

    def __init__(self, title: str, action: str, secrets: Sequence[Secret], *, submit: str, username: str) -> None:
        fields = [asdict(secret) for secret in secrets]
        super().__init__({"title": title, "action": action, "fields": fields, "submit": submit, "username": username})


class PlainDoors(JsonElement, component="plain_form.js"):
    """A sentence and buttons that leave for plain pages, where secrets are typed. ``doors`` are words and address."""

    def __init__(self, title: str, sentence: str, doors: Sequence[tuple[str, str]]) -> None:
        super().__init__({"title": title, "sentence": sentence, "doors": doors})
