"""The dialog of a verb that wants a reason."""

from collections.abc import Awaitable, Callable, Sequence

from components.forms.dialogs import ask
from components.forms.form import Field, Values
from components.page import frame
from components.page.toasts import done

REASON = Field("reason", "Reason", kind="long", hint="Goes into the audit log.")


async def act(
    title: str,
    submit: str,
    fields: Sequence[Field],
    save: Callable[[Values], Awaitable[str]],
    plan: Sequence[str] = (),
    *,
    danger: bool = False,
) -> None:
    """Ask for what a verb needs and why, in a dialog that stays open until ``save`` has done it. What ``save`` returns
    is said, and the record is drawn anew.
    """
    here = frame.current()

    async def submitted(values: Values) -> None:
        done(await save(values))

    asked = [*fields, REASON]
    if await ask(title, submit=submit, plan=plan, fields=asked, danger=danger, on_submit=submitted) is not None:
        with here.client.content:  # the button that was pressed may be gone: the record is live
            await here.redraw()
