"""Queues, attempts, schedules, failure groups: what an incident is run with."""

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
