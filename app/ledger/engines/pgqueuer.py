"""PgQueuer as the engine: PostgreSQL and nothing else. Its tables live in the schema ``engine``."""

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence import qb
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings

SETTINGS = DBSettings(db_schema="engine")


def queries(driver: AsyncpgDriver) -> Queries:
    """PgQueuer's queries, all three builders bound to our schema."""
    return Queries(
        driver,
        qb.QueryBuilderEnvironment(SETTINGS),
        qb.QueryQueueBuilder(SETTINGS),
        qb.QuerySchedulerBuilder(SETTINGS),
    )
