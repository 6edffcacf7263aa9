"""Whether the database answers, and with which schema."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_REVISION = text("SELECT version_num FROM alembic_version")


async def revision(login: AsyncSession) -> str | None:
    """The schema's revision; asked as the bare login role, before anybody is known."""
    return (await login.execute(_REVISION)).scalar()
