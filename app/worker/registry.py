"""Which function runs which task. Modules of ``app.worker.tasks`` fill it when they are imported."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.job_queue import Task
from app.worker.context import JobContext

Function = Callable[..., Awaitable[Mapping[str, Any] | None]]
"""``async def f(ctx: JobContext, **input) -> result``; input and result are JSON."""


@dataclass(frozen=True, slots=True)
class Runnable:
    """A task and its function."""

    task: Task
    function: Function

    async def __call__(self, context: JobContext, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Run it."""
        return await self.function(context, **values)


_runnables: dict[str, Runnable] = {}


def runs(task: Task) -> Callable[[Function], Function]:
    """Bind a function to a task: ``@runs(DATASET_IMPORT)``.

    Raises:
        ValueError: another function runs this kind already.
    """

    def bind(function: Function) -> Function:
        if task.kind in _runnables:
            raise ValueError(f"Two functions run {task.kind}.")
        _runnables[task.kind] = Runnable(task, function)
        return function

    return bind


def find(kind: str) -> Runnable | None:
    """What runs this kind, if this version of the worker knows it."""
    return _runnables.get(kind)
