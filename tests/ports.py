"""Ports for servers that tests start: below those that the system hands out to whoever connects.

A port that the system chose and that was closed again may be somebody's connection by the time its server starts.
"""

import itertools
import os
import socket

FIRST, LAST = 20_000, 32_000
_numbers = itertools.count(os.getpid() * 37)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at; each process of a run looks in another order."""
    for number in itertools.islice(_numbers, LAST - FIRST):
        port = FIRST + number % (LAST - FIRST)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise RuntimeError("Every port is taken.")
