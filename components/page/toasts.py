"""Short messages at the bottom left, above the footer.

``textColor`` names a class that Quasar does not know: its own white could not be overridden.
"""

from nicegui import ui

from components.page.refusals import Refusal


def done(message: str) -> None:
    """Say what changed."""
    ui.notify(message, position="bottom-left", classes="qd-toast", textColor="toast", timeout=5000)


def quiet(message: str) -> None:
    """Say that nothing happened, as the person wanted it."""
    done(message)


def problem(message: str) -> None:
    """Say what did not work and what to do; it stays until it is closed."""
    ui.notify(
        message, position="bottom-left", classes="qd-toast bad", textColor="toast", close_button="Close", timeout=0
    )


def refused(refusal: Refusal) -> None:
    """The toast of an error."""
    if refusal.reference:
        problem(f"{refusal.title}. Reference {refusal.reference}")
    else:
        problem(refusal.sentence)
