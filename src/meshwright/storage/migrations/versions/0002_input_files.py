"""Long lists of the files that inputs read are kept apart from publications, as differences.

Publications written before keep theirs in their documents.
"""

from __future__ import annotations

from typing import Final

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS: Final = (
    "ALTER TABLE publications ADD COLUMN file_lists TEXT NOT NULL DEFAULT '{}'",
    """CREATE TABLE input_files (
        list_id TEXT NOT NULL,
        parent_id TEXT,
        distance BIGINT NOT NULL,
        added TEXT NOT NULL,
        removed TEXT NOT NULL,
        checkpoint TEXT,
        PRIMARY KEY (list_id)
    )""",
)


def upgrade() -> None:
    """Make the table of lists, and the column that names them."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the lists, and with them what the publications that have long ones read."""
    op.execute("DROP TABLE input_files")
    op.execute("ALTER TABLE publications DROP COLUMN file_lists")
