"""Dialogs: native ``<dialog>`` elements (focus goes in, Escape closes, focus returns), each awaited for its answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from app.errors import AppError, Conflict, Invalid, NotSignedIn
from components.forms.form import Field, Values, complete
from components.page import frame
from components.page.element import JsonElement
from components.page.refusals import explain
from components.page.wire import once, taking

Submit = Callable[[Values], Awaitable[None]]


class _Dialog(JsonElement, component="qd_form.js"):
    """A form in a dialog. Its answer is None when it was closed."""

    def __init__(self, contents: dict[str, Any], on_submit: Submit | None) -> None:
        self._on_submit = on_submit
        self.answer: asyncio.Future[dict[str, str] | None] = asyncio.get_running_loop().create_future()
        super().__init__({**contents, "who": frame.current().actor.staff_id, "dialog": True, "errors": {}, "stamp": 0})
        self.on("submit", once(taking(dict[str, str], self._submit)))
        self.on("close", lambda _: self._resolve(None))

    async def _submit(self, sent: dict[str, str]) -> None:
        if self.answer.done():
            return  # it was sent again, and is not yet gone
        values = complete(self.contents, sent)
        try:
            if self._on_submit:
                await self._on_submit(values)
        except Invalid as error:
            self._refuse(dict(error.fields))
        except NotSignedIn:
            raise
        except AppError as error:
            self._refuse({"": explain(error).sentence})
        else:
            self._resolve(values)

    def _refuse(self, errors: dict[str, str]) -> None:
        self.show({**self.contents, "errors": errors, "stamp": self.contents["stamp"] + 1})

    def _resolve(self, values: dict[str, str] | None) -> None:
        if not self.answer.done():
            self.answer.set_result(values)

    def _handle_delete(self) -> None:
        self._resolve(None)
        super()._handle_delete()


async def ask(
    title: str,
    *,
    submit: str,
    plan: Sequence[str] = (),
    fields: Sequence[Field] = (),
    danger: bool = False,
    on_submit: Submit | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, str] | None:
    """Open a dialog and wait for the values typed into it; None when it was closed.

    ``plan`` says what will happen, one sentence a line. ``on_submit`` runs while the dialog is still open: what it
    refuses is shown in it and nothing typed is lost.
    """
    contents = {"label": title, "plan": list(plan), "fields": [asdict(f) for f in fields], "submit": submit}
    here = frame.current()
    with here.client.content:
        dialog = _Dialog({**contents, "danger": danger, **(extra or {})}, on_submit)
    here.dialogs += 1
    try:
        return await dialog.answer
    finally:
        here.dialogs -= 1
        if not dialog.is_deleted:
            dialog.delete()


async def confirm(title: str, *, submit: str, plan: Sequence[str] = (), danger: bool = False) -> bool:
    """Ask whether to go on. ``submit`` is a verb ("Cancel import")."""
    return await ask(title, submit=submit, plan=plan, danger=danger) is not None


async def ask_reason(title: str, *, submit: str, plan: Sequence[str] = (), danger: bool = False) -> str | None:
    """Ask why; the reason goes into the audit log. None when the dialog was closed."""
    field = Field("reason", "Reason", kind="long", hint="Goes into the audit log.")
    values = await ask(title, submit=submit, plan=plan, fields=[field], danger=danger)
    return None if values is None else values["reason"]


async def type_the_name(title: str, name: str, *, submit: str, plan: Sequence[str] = ()) -> str | None:
    """For what cannot be undone: type the name, give a reason. Returns the reason, or None."""
    typed = Field("name", f"Type “{name}” to confirm", must_equal=name)
    why = Field("reason", "Reason", kind="long", hint="Goes into the audit log.")
    values = await ask(title, submit=submit, plan=plan, fields=[typed, why], danger=True)
    return None if values is None else values["reason"]


async def resolve_conflict(conflict: Conflict, *, labels: Mapping[str, str] | None = None) -> dict[str, str] | None:
    """Show theirs, yours and the original, field by field. Returns "mine" or "theirs" per field, None when closed.

    The three parts of the conflict are mappings of field to value, or single values (then the field is "value").
    """
    original, theirs, yours = (_by_field(part) for part in (conflict.original, conflict.theirs, conflict.yours))
    words = labels or {}
    differing = [
        {"name": name, "label": words.get(name, name), "original": _shown(original.get(name)),
         "theirs": _shown(theirs.get(name)), "yours": _shown(value)}
        for name, value in yours.items()
        if theirs.get(name) != value
    ]  # fmt: skip
    extra = {"conflict": differing, "plan": [conflict.message]}
    return await ask("Somebody changed this meanwhile", submit="Save my choice", extra=extra)


Save = Callable[[Mapping[str, Any], Mapping[str, Any]], Awaitable[None]]
ABSENT = object()
"""Stands for a field that one side does not have."""


async def save_over(
    save: Save,
    yours: Mapping[str, Any],
    seen: Mapping[str, Any],
    *,
    labels: Mapping[str, str] | None = None,
    show: Callable[[Any], str] | None = None,
) -> bool:
    """Save the fields ``yours``, made from those ``seen`` when the form was opened: ``save`` gets both.

    Where somebody was faster, what only one of the two changed is kept of each, and the person decides about the
    fields that both changed; then it is saved over what is there now. ``show`` puts a value into words. Returns whether
    anything of yours was saved.

    Raises:
        Invalid: the person closed the question. Nothing is saved, and the form still holds what was typed.
    """
    while True:
        try:
            await save(yours, seen)
        except Conflict as conflict:
            if not isinstance(conflict.theirs, Mapping):
                raise  # about a state or a rule, not about values
            seen = dict(conflict.theirs)
            yours = await _merged(conflict, labels, show)
            if yours == seen:
                return False
        else:
            return True


async def _merged(
    conflict: Conflict, labels: Mapping[str, str] | None, show: Callable[[Any], str] | None
) -> dict[str, Any]:
    """Of each field what was changed, by whoever did; where both did, what the person chooses."""
    original, theirs, yours = (_by_field(part) for part in (conflict.original, conflict.theirs, conflict.yours))
    merged: dict[str, Any] = {}
    both = []
    for name in {**original, **theirs, **yours}:
        was, they, mine = (side.get(name, ABSENT) for side in (original, theirs, yours))
        merged[name] = they if mine == was else mine
        if mine not in (was, they) and they != was:
            both.append(name)
    if both:
        sides = [{name: _worded(side.get(name, ABSENT), show) for name in both} for side in (original, theirs, yours)]
        question = Conflict(conflict.message, original=sides[0], theirs=sides[1], yours=sides[2])
        choice = await resolve_conflict(question, labels=labels)
        if choice is None:
            raise Invalid("Not saved: somebody else changed it meanwhile. Save again to choose.")
        merged |= {name: theirs.get(name, ABSENT) for name in both if choice.get(name) != "mine"}
    return {name: value for name, value in merged.items() if value is not ABSENT}


def _worded(value: Any, show: Callable[[Any], str] | None) -> str:  # noqa: ANN401 - any value of a field
    return "not there" if value is ABSENT else (show or _shown)(value)


def _by_field(part: object) -> dict[str, Any]:
    return dict(part) if isinstance(part, Mapping) else {"value": part}


def _shown(value: object) -> str:
    return "empty" if value is None or value == "" else str(value)
