"""A secret that is shown once: in a dialog, with a button that copies it."""

from components.dialogs import ask


async def show_link_once(title: str, path: str, plan: list[str]) -> None:
    """Show the address that ``path`` (from its slash on) has in this browser, and wait until it was put away."""
    await ask(title, submit="Done", plan=plan, extra={"link": path})
