"""PostgreSQL under the registry: connections are pooled, and whoever writes first waits for the lock that all writers take.

Like SQLite's immediate transactions, each write is alone from its start, so a compare-and-set never meets another one in
progress, and no transaction is ever turned away as not serializable. Readers take no lock and wait for nobody.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.errors import Unavailable
from meshwright.storage.postgres_connections import Connections
from meshwright.storage.schema import REVISION, REVISIONS, STATEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meshwright.storage.database import Row, Transaction

NAMED: Final = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")
# One after the other, whatever the database's defaults: each statement sees what was committed before it.
BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
# Readers' statements go on, other writers' wait; the table itself never changes but in an upgrade.
ALONE: Final = "LOCK TABLE alembic_version IN EXCLUSIVE MODE"
# Where there is no table yet to lock.
MAKING: Final = (
    "SELECT pg_advisory_xact_lock(hashtextextended('meshwright registry ' || current_schemas(false)::text, 0))"
)
# Not `to_regclass`, which remembers inside a transaction that a table was not there.
TABLES: Final = """
    SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relname IN ('alembic_version', 'head_moves')
"""


class PostgresDatabase:
    """The database at *url*; safe between threads.

    Its tables are in the schema that the URL names (`?schema=mesh`), else in the first of the role's search path.
    Without a password in the URL, libpq looks into its own files and environment.
    """

    def __init__(self, url: str) -> None:
        self._connections = Connections(url)
        self._is_made = False

    @property
    def place(self) -> str:
        """The database as messages call it, without secrets."""
        return self._connections.place

    def rows(self, statement: str, **parameters: object) -> Sequence[Row]:
        """The rows of a SELECT over what is committed; none when the tables do not exist yet."""

        def read(connection: Any) -> Sequence[Row]:  # noqa: ANN401 - psycopg is imported lazily
            if not self._ready(connection):
                return []
            found: Sequence[Row] = connection.execute(translated(statement), parameters).fetchall()
            return found

        with self._connections.reported("read"):
            return self._connections.run(read)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that only reads, all of it as it is at one moment. Raises Unavailable where there are no tables."""
        with self._connections.reported("read"):
            connection = self._connections.run(self._begin_reading, keep=True)
        try:
            with self._connections.reported("read"):
                yield PostgresTransaction(connection)
                connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        self._connections.give_back(connection)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction that is alone in writing from its start; durable when the block ends, undone when it raises."""
        with self._connections.reported("write"):
            connection = self._connections.run(self._begin, keep=True)
        try:
            with self._connections.reported("write"):
                yield PostgresTransaction(connection)
            with self._connections.reported("write", committing=True):
                connection.execute("COMMIT")
        except BaseException:
            # Undone by the server, whatever state the connection is in.
            connection.close()
            raise
        self._connections.give_back(connection)

    def close(self) -> None:
        """Give back the connections of every thread of this process."""
        self._connections.close()

    def _begin_reading(self, connection: Any) -> Any:  # noqa: ANN401 - psycopg is imported lazily
        if not self._ready(connection):
            raise Unavailable(
                f"there is no registry in {self.place} yet; build first, or correct `registry` in mesh.yaml"
            )
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return connection

    def _begin(self, connection: Any) -> Any:  # noqa: ANN401 - likewise
        if not self._ready(connection):
            self._make(connection)
        connection.execute(BEGIN)
        connection.execute(ALONE)
        return connection

    def _ready(self, connection: Any) -> bool:  # noqa: ANN401 - likewise
        """Whether the registry's tables are there; older ones are brought up to date. Raises Unavailable."""
        if self._is_made:
            return True
        found = self._revision(connection)
        if found is None:
            return False
        if found and found not in REVISIONS:
            raise Unavailable(
                f"the registry {self.place} was written by a newer Meshwright (its version is {found}, this one knows "
                f"{REVISION}); upgrade Meshwright"
            )
        if found != REVISION:
            from meshwright.storage.migrate import upgrade

            upgrade("postgresql+psycopg://", connect=self._connections.open_for_upgrade, place=self.place)
        self._is_made = True
        return True

    def _revision(self, connection: Any) -> str | None:  # noqa: ANN401 - likewise
        """The version of the registry's tables, "" before the first; None when it has none yet. Raises Unavailable."""
        tables = {name for (name,) in connection.execute(TABLES)}
        if "alembic_version" not in tables:
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        if row is not None and row[0] not in REVISIONS and "head_moves" not in tables:
            raise self._other_program("alembic_version")
        return str(row[0]) if row is not None else ""

    def _make(self, connection: Any) -> None:  # noqa: ANN401 - likewise
        """Make the tables, unless another process has since."""
        from psycopg import errors, sql

        with connection.transaction():
            connection.execute(MAKING)
            if self._revision(connection) is None:
                if self._connections.schema:
                    schema = sql.Identifier(self._connections.schema)
                    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
                try:
                    for statement in STATEMENTS:
                        connection.execute(statement)
                except errors.DuplicateTable as error:
                    raise self._other_program(str(error).split('"')[1]) from error
                connection.execute("INSERT INTO alembic_version VALUES (%s)", [REVISION])
        self._ready(connection)

    def _other_program(self, table: str) -> Unavailable:
        return Unavailable(
            f"{self.place} holds another program's table '{table}' where the registry's would be; "
            "give the registry a schema of its own in mesh.yaml: add ?schema=mesh to its URL"
        )


class PostgresTransaction:
    """A transaction that has begun on *connection*."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - psycopg is imported lazily
        self._connection = connection

    def rows(self, statement: str, **parameters: object) -> Sequence[Row]:
        """The rows that a SELECT yields."""
        found: Sequence[Row] = self._connection.execute(translated(statement), parameters).fetchall()
        return found

    def execute(self, statement: str, **parameters: object) -> int:
        """How many rows a statement changed."""
        return int(self._connection.execute(translated(statement), parameters).rowcount)

    def execute_many(self, statement: str, parameters: Sequence[Mapping[str, object]]) -> None:
        """Run a statement once for each set of parameters."""
        with self._connection.cursor() as cursor:
            cursor.executemany(translated(statement), parameters)


@lru_cache(maxsize=1024)
def translated(statement: str) -> str:
    """*statement* with its `:name` parameters as psycopg writes them."""
    return NAMED.sub(r"%(\1)s", statement.replace("%", "%%"))
