"""Files that nobody needs any more, which maintenance removes some time later."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of files that nobody needs."""
    op.execute("CREATE TABLE unneeded_files (path TEXT NOT NULL, since TEXT NOT NULL, PRIMARY KEY (path))")


def downgrade() -> None:
    """Forget which files nobody needs; they are found again."""
    op.execute("DROP TABLE unneeded_files")
