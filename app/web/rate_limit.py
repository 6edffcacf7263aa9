"""How often anybody may ask who is not signed in: counted per address, in this process, before anything is done."""

import math
import time
from collections import Counter

from limits import parse

from app.errors import RateLimited
from app.values.ip_addresses import holder

ANONYMOUS_RATE = parse("1200/minute")
"""Per address, which a whole company may share: 300 people who sign in within the same minute."""
BUCKETS = 1 << 13
"""However many addresses ask, this is how much is remembered; a few share what they may."""


class AnonymousLimit:
    """Counts requests of nobody: the sign-in page, one-time links, and sockets.

    Not by the storage of ``limits``: it starts a thread after each request, which looks at all that is kept.
    """

    def __init__(self) -> None:
        self.kept: Counter[int] = Counter()
        self._until = float("-inf")

    def count(self, address: str) -> None:
        """Count a request.

        Raises:
            RateLimited: there were too many from this address lately.
        """
        now = time.monotonic()
        if now >= self._until:
            self.kept.clear()
            self._until = now + ANONYMOUS_RATE.get_expiry()
        bucket = hash(holder(address)) % BUCKETS  # salted by Python: nobody can choose a neighbour
        self.kept[bucket] += 1
        if self.kept[bucket] > ANONYMOUS_RATE.amount:
            seconds = max(1, math.ceil(self._until - now))
            raise RateLimited("Too many requests from your address. Wait a minute, then try again.", seconds)
