"""Who may come to an address. Each module of routes declares it beside its routes (``ACCESS``), and the guard joins
them.

What no module names is for people who are signed in, whose session is not locked, and who have no duty first.
"""

from collections.abc import Iterator, Mapping
from enum import Flag, auto


class Access(Flag):
    """For whom an address is, besides people who are signed in."""

    PUBLIC = auto()
    """No session opens or closes it: nobody is looked up, and nobody is slowed down."""
    SECRET = auto()
    """For whoever knows it: nobody is looked up. So is what lies below it."""
    SIGN_IN = auto()
    """A way in: also for nobody, and for who has a duty first."""
    LOCKED = auto()
    """A way to open a locked session, or to leave it."""
    RAW_BODY = auto()
    """Its body, of any length, is read by the route itself. So are those of the addresses below it."""


class AccessTable:
    """What the modules of routes have declared, joined."""

    def __init__(self, *declared: Mapping[str, Access]) -> None:
        self._exact: dict[str, Access] = {}
        self._below: dict[str, Access] = {}
        for table in declared:
            for path, access in table.items():
                if path in self._exact:
                    raise ValueError(f"{path} is declared twice.")
                self._exact[path] = access
                if access & (Access.SECRET | Access.RAW_BODY):
                    self._below[f"{path}/"] = access

    def of(self, path: str) -> Access:
        """What was declared for this address, or for one above it."""
        if (found := self._exact.get(path)) is not None:
            return found
        return next((access for above, access in self._below.items() if path.startswith(above)), Access(0))

    def __iter__(self) -> Iterator[str]:
        """The addresses that are declared."""
        return iter(self._exact)
