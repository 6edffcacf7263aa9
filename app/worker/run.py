"""``quarterdeck worker``: one process that runs jobs until SIGTERM or Ctrl-C."""

import asyncio
import gc
import importlib
import logging
import os
import pkgutil
import signal

from app import logs
from app.config import Settings
from app.database import engine
from app.errors import StartupProblem
from app.job_queue.tasks import MAINTENANCE, QUEUES
from app.worker import tasks
from app.worker.process import WorkerProcess


def main(settings: Settings, *, maintenance: bool) -> None:
    """Run jobs. With ``maintenance`` also the queue of what needs the owner's connection."""
    logs.configure(settings.log_level, settings.log_format)
    check_queues(settings)
    load_tasks()
    asyncio.run(work(settings, maintenance=maintenance))


def check_queues(settings: Settings) -> None:
    """Refuse a misspelt queue, whose jobs would wait for ever."""
    unknown = [name for name in settings.queues if name not in QUEUES]
    if unknown:
        known = f"The queues are {', '.join(QUEUES)}; “{MAINTENANCE}” comes with --maintenance."
        raise StartupProblem(f"There is no queue “{unknown[0]}” to choose. {known}", exit_code=2)


def load_tasks() -> None:
    """Import every module of ``app.worker.tasks``, so that each task is bound to its function."""
    for module in pkgutil.iter_modules(tasks.__path__, f"{tasks.__name__}."):
        importlib.import_module(module.name)


async def work(settings: Settings, *, maintenance: bool) -> None:
    """Bind this process to the database and work until a signal comes."""
    engine.configure(settings)
    gc.collect()
    gc.freeze()  # what was imported stays for ever: searching it for garbage took a third of the time of short jobs
    process = WorkerProcess(settings, maintenance)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, process.stop.set)
    try:
        await process.run()
    finally:
        await engine.dispose()
        gc.unfreeze()  # what is frozen outlives Python's own end, and DuckDB would tell of each thing as leaked
    if process.handed_back:
        # A thread of a job that was stopped may be busy for minutes, and Python would wait for it.
        logging.shutdown()
        os._exit(0)
