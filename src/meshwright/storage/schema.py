"""The registry's tables, as the SQL that makes them: portable between SQLite and PostgreSQL.

Plain SQL, because importing SQLAlchemy would cost every command a quarter of a second. Alembic's migrations lead to the
same tables; a test compares the two. Documents are JSON of the model's dataclasses.
"""

from __future__ import annotations

from typing import Final

# The newest migration, and every one before it, oldest first: `alembic_version` holds one of them.
REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009")
REVISION: Final = REVISIONS[-1]

STATEMENTS: Final = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, PRIMARY KEY (version_num))",
    # One row for each product that ever published; `head` is NULL once it is removed, and where `inherits` is 1, for then
    # the environment below counts. `sequence` is the highest number ever used and `moves` the number of the newest head
    # move: both only grow, so that neither is used twice.
    """CREATE TABLE products (
        environment TEXT NOT NULL,
        product TEXT NOT NULL,
        head BIGINT,
        sequence BIGINT NOT NULL,
        moves BIGINT NOT NULL,
        moved_at TEXT NOT NULL,
        inherits BIGINT NOT NULL DEFAULT 0,
        PRIMARY KEY (environment, product)
    )""",
    # `prod` needs no row. An environment without a base stands for itself.
    """CREATE TABLE environments (
        name TEXT NOT NULL,
        base TEXT,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL,
        PRIMARY KEY (name)
    )""",
    # `file_lists` names, by input, the lists of files that are too long for the document: see `input_files`.
    """CREATE TABLE publications (
        environment TEXT NOT NULL,
        product TEXT NOT NULL,
        sequence BIGINT NOT NULL,
        run TEXT NOT NULL,
        published_at TEXT NOT NULL,
        document TEXT NOT NULL,
        file_lists TEXT NOT NULL DEFAULT '{}',
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
    # A list is named by its content. `distance` as with snapshots.
    """CREATE TABLE input_files (
        list_id TEXT NOT NULL,
        parent_id TEXT,
        distance BIGINT NOT NULL,
        added TEXT NOT NULL,
        removed TEXT NOT NULL,
        checkpoint TEXT,
        PRIMARY KEY (list_id)
    )""",
    # `distance` is how many parents lie between a snapshot and the nearest one with a whole file list (`checkpoint`).
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
    # Files of the warehouse that nobody needs, and since when that is known.
    """CREATE TABLE unneeded_files (
        path TEXT NOT NULL,
        since TEXT NOT NULL,
        PRIMARY KEY (path)
    )""",
    """CREATE TABLE attempts (
        environment TEXT NOT NULL,
        number BIGINT NOT NULL,
        product TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (environment, number)
    )""",
    "CREATE INDEX attempts_product ON attempts (environment, product, number)",
    # One row for each try to build what was due; only the newest of each product are kept.
    """CREATE TABLE runs (
        environment TEXT NOT NULL,
        product TEXT NOT NULL,
        number BIGINT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (environment, product, number)
    )""",
    # Who is building a due product. A lease that has expired counts for nothing.
    """CREATE TABLE leases (
        environment TEXT NOT NULL,
        product TEXT NOT NULL,
        runner TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        PRIMARY KEY (environment, product)
    )""",
    # How each product was when webhooks were last told of it.
    """CREATE TABLE conditions (
        environment TEXT NOT NULL,
        product TEXT NOT NULL,
        condition TEXT NOT NULL,
        since TEXT NOT NULL,
        PRIMARY KEY (environment, product)
    )""",
    # Each scope, "" for the whole mesh or a domain's name, has versions of its own; the highest of each binds.
    """CREATE TABLE policy_versions (
        scope TEXT NOT NULL,
        version BIGINT NOT NULL,
        published_at TEXT NOT NULL,
        published_by TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (scope, version)
    )""",
    # Every decision about a governed read, in the order in which they were made.
    """CREATE TABLE access_records (
        number BIGINT NOT NULL,
        at TEXT NOT NULL,
        principal TEXT NOT NULL,
        port TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (number)
    )""",
    # Tokens that were handed out; of the text only the digest.
    """CREATE TABLE access_tokens (
        id TEXT NOT NULL,
        digest TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (id)
    )""",
    "CREATE UNIQUE INDEX access_tokens_digest ON access_tokens (digest)",
    # What each governed read took, in the order in which they ended.
    """CREATE TABLE usage_records (
        number BIGINT NOT NULL,
        at TEXT NOT NULL,
        principal TEXT NOT NULL,
        port TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (number)
    )""",
    # The mesh's own secret keys, such as that of pseudonyms: made once, and never shown.
    """CREATE TABLE mesh_keys (
        name TEXT NOT NULL,
        key_hex TEXT NOT NULL,
        PRIMARY KEY (name)
    )""",
)
