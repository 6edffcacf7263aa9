"""Changes that reached a table past the door are recorded too; personal values by reference."""

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
