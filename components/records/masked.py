"""Values that are shown masked, until somebody reveals one: then on this page, until it is left, and nowhere else."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from nicegui import Client

from components.page.screen import View


@dataclass(slots=True)
class _Revealed:
    """What was revealed at one address of one tab."""

    path: str = ""
    values: dict[Hashable, str] = field(default_factory=dict)

    def left(self, address: str) -> None:
        """The tab shows another address, or the same with other filters."""
        if urlsplit(address).path != self.path:
            self.values.clear()


_tabs: WeakKeyDictionary[Client, _Revealed] = WeakKeyDictionary()


def keep(view: View, what: Hashable, value: str) -> None:
    """Show this value from now on, unless the page was left meanwhile."""
    router = view.client.sub_pages_router
    if urlsplit(router.current_path).path != view.path:
        return
    tab = _tabs.get(view.client)
    if tab is None:
        tab = _tabs[view.client] = _Revealed()
        router.on_path_changed(tab.left)
    if tab.path != view.path:
        tab.values.clear()
    tab.path = view.path
    tab.values[what] = value


def kept(view: View, what: Hashable) -> str | None:
    """The value that was revealed on this page; None: it was not."""
    tab = _tabs.get(view.client)
    return tab.values.get(what) if tab is not None and tab.path == view.path else None
