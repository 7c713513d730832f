"""Published versions of policies, those of the whole mesh and those of each domain."""

from __future__ import annotations

from typing import Final

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS: Final = (
    """CREATE TABLE policy_versions (
        scope TEXT NOT NULL,
        version BIGINT NOT NULL,
        published_at TEXT NOT NULL,
        published_by TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (scope, version)
    )""",
)


def upgrade() -> None:
    """Make the table."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the table: no policy binds any more, so nobody but the owner may read."""
    op.execute("DROP TABLE policy_versions")
