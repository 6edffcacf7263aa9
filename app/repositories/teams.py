"""Questions about teams."""

from uuid import UUID

from sqlalchemy import func, select

from app.models import Team
from app.work import Work


async def names(work: Work) -> list[tuple[UUID, str]]:
    """The teams in sight, by name; at most 1,000, for a choice in a form."""
    rows = await work.execute(select(Team.id, Team.name).order_by(func.lower(Team.name)).limit(1000))
    return [(row.id, row.name) for row in rows]
