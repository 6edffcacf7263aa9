"""How often anybody may ask who is not signed in: counted per address, in this process, before anything is done."""

import math

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from app import clock
from app.errors import RateLimited
from app.proxies import holder

ANONYMOUS_RATE = parse("1200/minute")
"""Per address, which a whole company may share: 300 people who sign in within the same minute."""
BUCKETS = 1 << 13
"""However many addresses ask, this is how much is remembered; a few share what they may."""


class AnonymousLimit:
    """Counts requests of nobody: the sign-in page, one-time links, and sockets."""

    def __init__(self) -> None:
        self.kept = MemoryStorage()
        self._window = FixedWindowRateLimiter(self.kept)

    def count(self, address: str) -> None:
        """Count a request.

        Raises:
            RateLimited: there were too many from this address lately.
        """
        bucket = str(hash(holder(address)) % BUCKETS)  # salted by Python: nobody can choose a neighbour
        if not self._window.hit(ANONYMOUS_RATE, bucket):
            until = self._window.get_window_stats(ANONYMOUS_RATE, bucket).reset_time
            seconds = max(1, math.ceil(until - clock.now().timestamp()))
            raise RateLimited("Too many requests from your address. Wait a minute, then try again.", seconds)
