"""Every decision about a governed read."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENT = """CREATE TABLE access_records (
    number BIGINT NOT NULL,
    at TEXT NOT NULL,
    principal TEXT NOT NULL,
    port TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (number)
)"""


def upgrade() -> None:
    """Make the table."""
    op.execute(STATEMENT)


def downgrade() -> None:
    """Drop the table: who read what is known no more."""
    op.execute("DROP TABLE access_records")
