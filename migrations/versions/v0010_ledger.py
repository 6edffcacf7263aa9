"""What a run has cost so far, so that each attempt can be told with its own costs."""

import sqlalchemy as sa
from alembic import op

from migrations.script import run

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Workers alone count costs, and everybody who sees the job may read them.
GRANTS = "GRANT UPDATE (run_cost_micros) ON jobs TO quarterdeck_keeper"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("run_cost_micros", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    run(GRANTS)
