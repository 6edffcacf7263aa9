"""A pipe between the supervisor and its child: when the one dies, however it dies, the other notices."""

import os
import signal
import threading
import time

_STANDARD_INPUT = 0
_SECONDS_TO_END = 8


def end_with_supervisor() -> None:
    """End this process, gracefully at first, when the supervisor, who holds our standard input, is gone."""
    threading.Thread(target=_watch, name="lifeline", daemon=True).start()


def _watch() -> None:
    while os.read(_STANDARD_INPUT, 1):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_SECONDS_TO_END)
    os._exit(1)
