"""The mesh's own secret keys."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATEMENT = """CREATE TABLE mesh_keys (
    name TEXT NOT NULL,
    key_hex TEXT NOT NULL,
    PRIMARY KEY (name)
)"""


def upgrade() -> None:
    """Make the table."""
    op.execute(STATEMENT)


def downgrade() -> None:
    """Drop the table: pseudonyms will be made with another key."""
    op.execute("DROP TABLE mesh_keys")
