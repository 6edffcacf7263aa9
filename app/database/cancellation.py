"""Telling a cancellation that somebody wants from one that leaks out of a driver.

A connection that dies while it is being closed raises CancelledError in whoever waits for it. Left alone, that would
end a loop of a worker, or all of its deliveries, without a word.
"""

import asyncio


def is_meant() -> bool:
    """Whether somebody cancelled the task that runs now."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
