"""A secret that is shown once: in a dialog, with a button that copies it."""

from components.forms.dialogs import ask


async def show_link_once(title: str, path: str, plan: list[str]) -> None:
    """Show the address that ``path`` (from its slash on) has in this browser, and wait until it was put away."""
    await ask(title, submit="Done", plan=plan, extra={"link": path})


async def show_token_once(title: str, token: str, plan: list[str]) -> None:
    """Show a token, and wait until it was put away. It leaves the page with its dialog."""
    await ask(title, submit="Done", plan=plan, extra={"token": token})
