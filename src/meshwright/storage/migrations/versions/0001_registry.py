"""The registry's first tables."""

from __future__ import annotations

from typing import Final

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS: Final = (
    """CREATE TABLE products (
        environment TEXT NOT NULL,
        product TEXT NOT NULL,
        head BIGINT,
        sequence BIGINT NOT NULL,
        moves BIGINT NOT NULL,
        moved_at TEXT NOT NULL,
        PRIMARY KEY (environment, product)
    )""",
    """CREATE TABLE publications (
        environment TEXT NOT NULL,
        product TEXT NOT NULL,
        sequence BIGINT NOT NULL,
        run TEXT NOT NULL,
        published_at TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (environment, product, sequence)
    )""",
    "CREATE UNIQUE INDEX publications_run ON publications (environment, product, run) WHERE run <> ''",
    """CREATE TABLE head_moves (
        environment TEXT NOT NULL,
        product TEXT NOT NULL,
        number BIGINT NOT NULL,
        moved_at TEXT NOT NULL,
        sequence BIGINT,
        PRIMARY KEY (environment, product, number)
    )""",
    """CREATE TABLE snapshots (
        table_id TEXT NOT NULL,
        snapshot_id BIGINT NOT NULL,
        parent_id BIGINT,
        distance BIGINT NOT NULL,
        document TEXT NOT NULL,
        added TEXT NOT NULL,
        removed TEXT NOT NULL,
        checkpoint TEXT,
        PRIMARY KEY (table_id, snapshot_id)
    )""",
    """CREATE TABLE data_files (
        table_id TEXT NOT NULL,
        path TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (table_id, path)
    )""",
    """CREATE TABLE attempts (
        environment TEXT NOT NULL,
        number BIGINT NOT NULL,
        product TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (environment, number)
    )""",
    "CREATE INDEX attempts_product ON attempts (environment, product, number)",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables, and with them everything that was published."""
    for table in ("products", "publications", "head_moves", "snapshots", "data_files", "attempts"):
        op.execute(f"DROP TABLE {table}")
