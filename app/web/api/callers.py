"""Programs at the gate of ``/api/v1``: whom a token stands for, and how often anybody may ask there."""

import math
from collections.abc import Awaitable, Callable

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Send

from app import clock
from app.actor import Staff, Token
from app.database.identity import DeadToken
from app.errors import RateLimited
from app.values.ip_addresses import holder
from app.web.errors import told

API = "/api/v1"
BEARER = "bearer"

FindToken = Callable[[str, str], Awaitable[Token | None]]


async def no_token(_secret: str, _address: str) -> None:
    """Where tokens open nothing."""


def is_api(path: str) -> bool:
    """Whether a path is one that tokens open."""
    return path == API or path.startswith(f"{API}/")


def brings_token(headers: Headers) -> bool:
    """Whether a request says that it brings a token; then nothing else that it brings counts."""
    return any(value.partition(" ")[0].lower() == BEARER for value in headers.getlist("authorization"))


class Programs:
    """Counts in this process: each token, each session, and each address that sends wrong tokens, by a moving window.

    ``rate`` is such as ``120/minute``; ``find`` asks the database whose a token is now.
    """

    def __init__(self, rate: str, find: FindToken) -> None:
        self._rate = parse(rate)
        self._window = MovingWindowRateLimiter(MemoryStorage())
        self._find = find

    async def caller(self, headers: Headers, address: str) -> Token:
        """Whom the token stands for. One that works is never refused for the wrong ones of its neighbours.

        Raises:
            DeadToken: it does not work, or not any more.
            RateLimited: the same, and this address has sent too many of that kind.
        """
        sent = headers.getlist("authorization")
        found = await self._find(sent[0].partition(" ")[2].strip(), address) if len(sent) == 1 else None
        if found is None:
            wrong = f"wrong:{holder(address)}"
            raise DeadToken if self._window.hit(self._rate, wrong) else self._exceeded(wrong)
        return found

    def counted(self, actor: Staff | Token, send: Send) -> Send:
        """Count a request; returns a ``send`` that tells how many are left.

        Raises:
            RateLimited: there were too many lately.
        """
        key = f"token:{actor.token_id}" if isinstance(actor, Token) else f"session:{actor.session_id}"
        if not self._window.hit(self._rate, key):
            raise self._exceeded(key)
        left, seconds = self._state(key)

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": list(message.get("headers", ()))}
                MutableHeaders(raw=message["headers"]).update(told(self._rate.amount, left, seconds))
            await send(message)

        return telling

    def _exceeded(self, key: str) -> RateLimited:
        _, seconds = self._state(key)
        sentence = (
            f"Too many requests: {self._rate.amount:,} fit into {self._rate.get_expiry():,} seconds. Wait a little."
        )
        return RateLimited(sentence, seconds, limit=self._rate.amount)

    def _state(self, key: str) -> tuple[int, int]:
        """How many requests are left, and in how many seconds the oldest stops counting."""
        stats = self._window.get_window_stats(self._rate, key)
        return max(0, stats.remaining), max(1, math.ceil(stats.reset_time - clock.now().timestamp()))
