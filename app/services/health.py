"""Whether this process can do its work: asked by whoever watches over it, so without an actor."""

from app.database import engine
from app.repositories import health


async def schema_revision() -> str | None:
    """The revision of the database's schema, from the database."""
    async with engine.login() as login:
        return await health.revision(login)
