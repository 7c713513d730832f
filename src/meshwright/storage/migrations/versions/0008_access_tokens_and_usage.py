"""Access tokens, and what each governed read took."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TOKENS = """CREATE TABLE access_tokens (
    id TEXT NOT NULL,
    digest TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (id)
)"""
DIGESTS = "CREATE UNIQUE INDEX access_tokens_digest ON access_tokens (digest)"
USAGE = """CREATE TABLE usage_records (
    number BIGINT NOT NULL,
    at TEXT NOT NULL,
    principal TEXT NOT NULL,
    port TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (number)
)"""


def upgrade() -> None:
    """Make the tables."""
    for statement in (TOKENS, DIGESTS, USAGE):
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables: every token is good for nothing, and who used what is known no more."""
    op.execute("DROP TABLE usage_records")
    op.execute("DROP TABLE access_tokens")
