"""The worker's part in schedules: whoever starts first writes down what the program wants, every worker looks what is
due, and each time of a schedule is taken once.
"""

from dataclasses import dataclass

from app.database import keeping
from app.job_queue import schedules


@dataclass(eq=False)
class Scheduler:
    """Looks for schedules that are due, as long as its worker lives."""

    declared: bool = False

    async def tick(self) -> int:
        """Ask for the jobs of all schedules that are due. Returns how many schedules it moved on."""
        if not self.declared:
            async with keeping("schedules: declare") as work:
                await schedules.declare_schedules(work)
            self.declared = True
        moved = 0
        while True:
            async with keeping("schedules: run what is due") as work:
                if await schedules.run_next_due(work) is None:
                    return moved
            moved += 1
