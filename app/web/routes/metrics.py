"""``GET /metrics`` for Prometheus: off unless a token is set, and opened by that token alone, never by a session.

A scrape asks the database at most once in some seconds, however many ask; who brings no token, or a wrong one, finds
nothing there.
"""

import asyncio
import hmac
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, ProcessCollector, generate_latest
from pydantic import SecretStr

from app import clock
from app.actor import Command
from app.errors import AppError, NotFound
from app.services import metrics, seals
from app.web.access import Access
from app.web.routes.exposition import Installation, SinceStart

PATH = "/metrics"
ACCESS = {PATH: Access.PUBLIC}  # it asks for a token of its own
KEPT_SECONDS = 5.0
"""An answer serves everybody who asks within this time."""
PATIENCE = 2.0
"""Seconds within which the database has to answer."""
LOOK_EVERY = 0.25
"""Seconds between two looks at how late the event loop is."""
_BUCKETS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_WATCHER = Command("metrics")
"""Whoever holds the token holds a secret of the machine; what is asked for is read, never written."""

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Watch:
    """Asks the event loop for a look again and again, and notes how late each came."""

    lag: Histogram
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    timer: asyncio.TimerHandle = field(init=False)

    def look(self, due: float) -> None:
        """A look that was ``due`` at this time of the loop's clock."""
        now = self.loop.time()
        delay = max(0.0, now - due)
        self.lag.observe(delay)
        clock.note_delay(delay)
        self.timer = self.loop.call_at(now + LOOK_EVERY, self.look, now + LOOK_EVERY)


@dataclass(eq=False)
class Metrics:
    """The figures of this process and of the installation, in a registry of their own."""

    open_tabs: Callable[[], int]
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _text: bytes = b""
    _made_at: float = float("-inf")
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._since = SinceStart(clock.now().replace(second=0, microsecond=0))
        self._installation = Installation(self.open_tabs)
        self._lag = Histogram(
            "quarterdeck_event_loop_lag_seconds",
            "How late this process came to what was due: above 0.02 something blocks it.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.registry.register(self._installation)
        ProcessCollector(registry=self.registry)

    async def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        async with self._one_at_a_time:
            if time.monotonic() - self._made_at >= KEPT_SECONDS:
                await self._look()
                self._text, self._made_at = generate_latest(self.registry), time.monotonic()
            return self._text

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look at the event loop as long as the block runs."""
        watch = _Watch(self._lag)
        watch.look(watch.loop.time())
        try:
            yield
        finally:
            watch.timer.cancel()

    async def _look(self) -> None:
        """Ask the database. While it does not answer, what this process knows of itself is told all the same."""
        seen = self._installation
        try:
            async with asyncio.timeout(PATIENCE):
                seen.figures = await metrics.figures(_WATCHER, self._since.asked_from)
                seen.unsealed = (await seals.state(_WATCHER)).unsealed_for.total_seconds()
        except (AppError, TimeoutError, OSError) as problem:
            log.warning("No figures for /metrics: %s: %s", type(problem).__name__, problem)
            seen.figures = seen.unsealed = None
        if seen.figures is not None:
            seen.happened = self._since.add(seen.figures.minutes, seen.figures.at)


def router(token: SecretStr | None, told: Metrics) -> APIRouter:
    """The route; without a ``token`` it never answers."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(PATH)
    async def scrape(request: Request) -> Response:
        if token is None or not _knows(request, token.get_secret_value()):
            raise NotFound("There is nothing here.")
        return Response(await told.text(), media_type=CONTENT_TYPE_LATEST)

    return routes


def _knows(request: Request, token: str) -> bool:
    """Whether the request brings exactly this token."""
    kind, _, sent = request.headers.get("authorization", "").partition(" ")
    # Both sides are always compared, in a time that tells nothing of how much was right.
    return hmac.compare_digest(sent.strip().encode(), token.encode()) and kind.lower() == "bearer"
