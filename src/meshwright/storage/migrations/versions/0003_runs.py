"""What is due and by whom it is being built: runs, leases on products, and the conditions that were told of."""

from __future__ import annotations

from typing import Final

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS: Final = (
    """CREATE TABLE runs (
        environment TEXT NOT NULL,
        product TEXT NOT NULL,
        number BIGINT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (environment, product, number)
    )""",
    """CREATE TABLE leases (
        environment TEXT NOT NULL,
        product TEXT NOT NULL,
        runner TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        PRIMARY KEY (environment, product)
    )""",
    """CREATE TABLE conditions (
        environment TEXT NOT NULL,
        product TEXT NOT NULL,
        condition TEXT NOT NULL,
        since TEXT NOT NULL,
        PRIMARY KEY (environment, product)
    )""",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables: what was due and already done is due again."""
    for table in ("runs", "leases", "conditions"):
        op.execute(f"DROP TABLE {table}")
