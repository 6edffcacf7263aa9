"""What a refused import leaves: nothing but the telling of it."""

from uuid import UUID

from app.database import writing
from app.models import Action, Dataset, DatasetStatus, Import, Team, TeamStatus
from app.permissions import Permission
from app.repositories import imports as imports_table
from app.repositories import teams as teams_table
from app.topics import datasets, teams
from app.worker.context import JobContext


async def give_up_made(ctx: JobContext, import_id: UUID) -> None:
    """Hide the dataset that came into being with a refused import, and the team, unless somebody uses them by now."""
    async with ctx.keeping("import: refused") as work:
        import_ = await work.get(Import, import_id)
        if not (import_.made_dataset and await imports_table.is_alone(work, import_id, import_.dataset_id)):
            return
    async with writing(ctx.actor, Permission.IMPORTS_RUN) as work:
        dataset = await work.get(Dataset, import_.dataset_id, lock=True)
        if dataset.status != DatasetStatus.ACTIVE:
            return
        dataset.status = DatasetStatus.REFUSED
        await work.flush()
        team = await work.get(Team, dataset.team_id, lock=True)
        if import_.made_team and await teams_table.is_empty(work, team.id):
            team.status = TeamStatus.DISCARDED
            work.implied(team)
            work.notify(teams, team.id)
        work.record(Action.DATASET_REMOVED, dataset, detail={"refused": import_.filename})
        work.notify(datasets, dataset.id, "deleted")
