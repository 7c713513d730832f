"""Environments that stand on another one: what they have not built themselves they serve as that one does."""

from __future__ import annotations

from typing import Final

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS: Final = (
    """CREATE TABLE environments (
        name TEXT NOT NULL,
        base TEXT,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL,
        PRIMARY KEY (name)
    )""",
    "ALTER TABLE products ADD COLUMN inherits BIGINT NOT NULL DEFAULT 0",
    # What was built before under another name than prod stands for itself.
    """INSERT INTO environments (name, base, created_at, created_by)
    SELECT environment, NULL, MIN(moved_at), '' FROM products WHERE environment <> 'prod' GROUP BY environment""",
)


def upgrade() -> None:
    """Make the table of environments, and the column that says where one counts on another."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Forget which environment stands on which; what one inherits is then not served in it."""
    op.execute("DROP TABLE environments")
    op.execute("DELETE FROM products WHERE inherits = 1")
    op.execute("ALTER TABLE products DROP COLUMN inherits")
