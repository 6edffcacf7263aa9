"""Everybody's sessions, seen and ended; and proving again that it is you."""

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
