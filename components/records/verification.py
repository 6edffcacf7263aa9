"""Whether a record of what happened can be believed: how far it was verified, when, and what was found wrong."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from nicegui.events import GenericEventArguments

from components.page import frame
from components.page.element import JsonElement
from components.page.values import Tone, plain
from components.page.wire import once


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in a sentence, with the address of what it is about ("" has none)."""

    sentence: str
    opens: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the badge says: words and tone, the moment they are from (told as "40 s ago"), what was found."""

    words: str
    tone: Tone
    at: datetime | None = None
    note: str = ""
    findings: Sequence[Finding] = ()


Ask = Callable[[], Awaitable[Verdict]]


class Verified(JsonElement, component="verification.js"):
    """The badge. It asks ``ask`` again while somebody looks at it; ``verify`` has everything verified at once."""

    def __init__(self, verdict: Verdict, *, ask: Ask, verify: Callable[[], Awaitable[None]]) -> None:
        self._ask, self._verify = ask, verify
        super().__init__(_said(verdict))
        self.on("look", self._look)
        self.on("act", once(self._act))

    async def _look(self, _event: GenericEventArguments) -> None:
        await self.refresh()

    async def refresh(self) -> None:
        """Ask again, and say what is known now."""
        verdict = await self._ask()
        if not self.is_deleted:
            self.show(_said(verdict))

    async def _act(self, _event: GenericEventArguments) -> None:
        with frame.current().client.content:
            await self._verify()
        await self.refresh()


def _said(verdict: Verdict) -> dict[str, object]:
    return {**asdict(verdict), "at": plain(verdict.at)}
