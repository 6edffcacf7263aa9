"""Facts about a person, masked for who may not see them."""

from uuid import UUID

from app.permissions import Permission
from app.privacy.personal import Masked
from app.services import personal
from components.forms.form import Values
from components.page.screen import View
from components.records.blocks import Fact
from components.records.masked import keep, kept
from pages.shared.reason_dialog import act


def about(view: View, label: str, value: object, record: str, record_id: UUID, field: str, *, opens: str = "") -> Fact:
    """A fact about a person. Who sees it masked reveals it for a reason, if their role lets them; then it is shown on
    this page until they leave it. ``field`` of the ``record`` ("user") holds the value.
    """
    if not isinstance(value, Masked):
        return Fact(label, value, opens=opens)
    what = (record, record_id, field)
    if (known := kept(view, what)) is not None:
        return Fact(label, known, opens=opens)

    async def reveal() -> None:
        async def save(values: Values) -> str:
            keep(view, what, await personal.reveal(view.actor, record, record_id, field, values["reason"]))
            return f"“{label}” is shown until you leave this page."

        plan = ["It is shown on this page only, until you leave it.", "The audit log keeps that you looked, and why."]
        await act(f"Reveal “{label}” of {record} {record_id.hex[-8:]}", "Reveal", [], save, plan)

    return Fact(label, value, opens=opens, reveal=reveal if view.may(Permission.PERSONAL_REVEAL) else None)
