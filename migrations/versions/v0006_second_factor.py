"""A second factor at the sign-in, its recovery codes, and which roles need one."""

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
