"""Forms: the fields of a form live in the browser until they are sent, so typing costs nothing and nothing is lost."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from app.errors import AppError, Invalid, NotSignedIn
from components.page import frame
from components.page.element import JsonElement
from components.page.wire import once, taking

Values = Mapping[str, str]
Kind = Literal["text", "long", "number", "choice", "email", "json", "many"]


@dataclass(frozen=True, slots=True)
class Field:
    """One input. ``kind`` "choice" needs ``choices`` (value, words); ``must_equal`` asks to type exactly this.

    "json" is an object that is edited as text: what is wrong with it is said while one types, and it is not sent
    before it can be read. ``max_length`` of it are bytes, without the spaces that only lay it out.

    "many" is a list of ``choices`` to tick; its value are those ticked, with commas between. ``when`` is the name
    and the value of another field: only then this one is shown, and asked for.

    Never for passwords or codes: those are typed only into plain HTML forms.
    """

    name: str
    label: str
    kind: Kind = "text"
    value: str = ""
    hint: str = ""
    required: bool = True
    choices: Sequence[tuple[str, str]] = ()
    must_equal: str = ""
    max_length: int = 500
    when: tuple[str, str] | None = None


class Form(JsonElement, component="qd_form.js"):
    """A form with one button. ``on_submit`` gets the values; :class:`Invalid` puts its sentences under the fields."""

    def __init__(
        self, fields: Sequence[Field], *, submit: str, on_submit: Callable[[Values], Awaitable[None]], label: str = ""
    ) -> None:
        self._on_submit = on_submit
        contents = {"label": label, "fields": [asdict(f) for f in fields], "submit": submit, "errors": {}, "stamp": 0}
        super().__init__({**contents, "who": frame.current().actor.staff_id})
        self.on("submit", once(taking(dict[str, str], self._submit)))

    async def _submit(self, sent: dict[str, str]) -> None:
        errors: dict[str, str] = {}
        try:
            await self._on_submit(complete(self.contents, sent))
        except Invalid as error:
            errors = dict(error.fields)
        except NotSignedIn:
            raise
        except AppError as error:
            errors = {"": error.message}
        finally:
            self._answer(errors)

    def _answer(self, errors: dict[str, str]) -> None:
        if not self.is_deleted:
            self.show({**self.contents, "errors": errors, "stamp": self.contents["stamp"] + 1})


def complete(form: Mapping[str, Any], sent: Mapping[str, str]) -> dict[str, str]:
    """The values of a form with each of its fields; one that the browser left out is empty."""
    return {**dict.fromkeys((field["name"] for field in (*form["fields"], *form.get("conflict", ()))), ""), **sent}
