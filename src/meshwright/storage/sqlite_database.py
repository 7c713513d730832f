"""SQLite under the registry: write-ahead log, full sync, and every write begins immediate.

A deferred transaction that turns into a write fails at once with "database is locked" when another came first, whatever
the timeout; one that begins as a write waits its turn.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
import weakref
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.errors import Unavailable
from meshwright.storage.durable import DurableFolders, reported
from meshwright.storage.schema import REVISION, REVISIONS, STATEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from meshwright.storage.database import Row, Transaction

WAIT_SECONDS = 120.0
# SQLite's own waiting holds up Ctrl-C, so it is short and repeated.
TURN_SECONDS = 1.0
CAUSES: Final = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space there and run again"),
    sqlite3.SQLITE_READONLY: ("it is read-only", "give this user the right to write the file and its folder"),
    sqlite3.SQLITE_PERM: ("permission is denied", "give this user the right to write the file and its folder"),
    sqlite3.SQLITE_CANTOPEN: (
        "it cannot be opened",
        "check that its folder exists and that this user may write the file and its folder, which reading needs too",
    ),
    sqlite3.SQLITE_NOTADB: ("it is not a registry (no SQLite file)", "restore it from a backup"),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", "restore it from a backup"),
    sqlite3.SQLITE_IOERR: ("the disk reports an error or is full", "check the disk and its free space and run again"),
    sqlite3.SQLITE_BUSY: ("others have kept writing for too long", "run again when they are done"),
    sqlite3.SQLITE_LOCKED: ("others have kept writing for too long", "run again when they are done"),
}
PRIMARY_CODE = 0xFF
BEFORE_FIRST: Final = ""
# The database, its log and its index.
ENDINGS: Final = ("", "-wal", "-shm")


class SqliteDatabase:
    """The database in the file *path*, with one connection per thread.

    Its folder is made at the first write when it lies below *root*; elsewhere it must exist, so that a disk that is not
    mounted is never taken for a new, empty registry.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path
        self._root = root
        self._connections: dict[tuple[int, int], tuple[sqlite3.Connection, object]] = {}
        self._lock = threading.Lock()
        # Whoever forgets to close leaves no open file behind, and at the end of the process no log beside the database.
        weakref.finalize(self, _close_all, self._connections)

    def rows(self, statement: str, **parameters: object) -> Sequence[Row]:
        """The rows of a SELECT over what is committed; none when the file does not exist yet."""
        if not self._exists():
            return []
        with self._reported("read"):
            return _execute(self._connection(), statement, parameters).fetchall()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that only reads, all of it as it is at one moment. Raises Unavailable where there is no file."""
        if not self._exists():
            raise Unavailable(
                f"there is no registry at {self.path} yet; build first, or correct `registry` in mesh.yaml"
            )
        with self._reported("read"):
            connection = self._connection()
            _execute(connection, "BEGIN")
        try:
            with self._reported("read"):
                yield SqliteTransaction(connection)
        finally:
            connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction that is alone in writing from its start."""
        if not self._exists():
            with reported(self.path, "make the folder of the registry"):
                folder = self.path.parent
                DurableFolders(self._root if folder.is_relative_to(self._root) else folder).make(folder)
        with self._reported("write"):
            connection = self._connection()
            _execute(connection, "BEGIN IMMEDIATE")
        try:
            with self._reported("write"):
                yield SqliteTransaction(connection)
                connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Give back the connections of every thread of this process."""
        with self._lock:
            _close_all(self._connections)

    def _exists(self) -> bool:
        if self.path.exists():
            return True
        if not self.path.parent.is_dir() and not self.path.parent.resolve().is_relative_to(self._root.resolve()):
            raise Unavailable(
                f"the folder of the registry {self.path} is missing; mount or make it, or correct `registry` in mesh.yaml"
            )
        return False

    def _connection(self) -> sqlite3.Connection:
        # A connection must not cross a fork; the child opens its own and leaves the parent's alone.
        key = (os.getpid(), threading.get_ident())
        connection, identity = self._connections.get(key, (None, None))
        # Nor may it outlive its file: what is written to a file that was removed or replaced is lost.
        if connection is None or identity != self._identity():
            if connection is not None:
                connection.close()
            connection = self._open()
            with self._lock:
                self._connections[key] = (connection, self._identity())
        return connection

    def _identity(self) -> object:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return (found.st_dev, found.st_ino)

    def _open(self) -> sqlite3.Connection:
        with suppress(OSError):
            # SQLite gives the files beside it the same permissions; what is wrong here it tells better.
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self._permissions()))
        connection = sqlite3.connect(
            self.path, timeout=TURN_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            _execute(connection, "PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            self._ensure_schema(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _ensure_schema(self, connection: sqlite3.Connection) -> None:
        found = _revision(connection)
        if found is None:
            _execute(connection, "BEGIN IMMEDIATE")
            try:
                # Another process may have made the tables since.
                found = _revision(connection)
                if found is None:
                    self._make_schema(connection)
                    found = REVISION
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        if found == REVISION:
            return
        if found and found not in REVISIONS:
            raise Unavailable(
                f"the registry {self.path} was written by a newer Meshwright (its version is {found}, this one knows "
                f"{REVISION}); upgrade Meshwright"
            )
        from meshwright.storage.migrate import upgrade

        upgrade(f"sqlite:///{self.path}")
        self._restrict()

    def _permissions(self) -> int:
        """Who may use the file: its owner, and of others those who may write its folder; nobody else could open it anyway."""
        folder = self.path.parent.stat().st_mode
        return (
            (stat.S_IRUSR | stat.S_IWUSR)
            | (stat.S_IRGRP | stat.S_IWGRP if folder & stat.S_IWGRP else 0)
            | (stat.S_IROTH | stat.S_IWOTH if folder & stat.S_IWOTH else 0)
        )

    def _restrict(self) -> None:
        """Take the file and those beside it from whom older releases let read them: it holds the mesh's keys now."""
        for ending in ENDINGS:
            path = self.path.with_name(self.path.name + ending)
            # They may be another account's, or gone.
            with suppress(OSError):
                path.chmod(path.stat().st_mode & self._permissions())

    def _make_schema(self, connection: sqlite3.Connection) -> None:
        tables = connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchone()
        if tables:
            raise Unavailable(
                f"{self.path} is another program's database (it has '{tables[0]}' but no version of a registry); "
                "correct `registry` in mesh.yaml"
            )
        for statement in STATEMENTS:
            connection.execute(statement)
        connection.execute("INSERT INTO alembic_version VALUES (?)", [REVISION])

    @contextmanager
    def _reported(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
            cause, remedy = CAUSES.get(code, (str(error), "restore it from a backup if it is damaged"))
            raise Unavailable(f"cannot {doing} the registry {self.path}: {cause}; {remedy}") from error


class SqliteTransaction:
    """A transaction that has begun on *connection*."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, **parameters: object) -> Sequence[Row]:
        """The rows that a SELECT yields."""
        return self._connection.execute(statement, parameters).fetchall()

    def execute(self, statement: str, **parameters: object) -> int:
        """How many rows a statement changed."""
        return self._connection.execute(statement, parameters).rowcount

    def execute_many(self, statement: str, parameters: Sequence[Mapping[str, object]]) -> None:
        """Run a statement once for each set of parameters."""
        self._connection.executemany(statement, parameters)


def _close_all(connections: dict[tuple[int, int], tuple[sqlite3.Connection, object]]) -> None:
    """Close what this process opened; a parent's connections are its own to close."""
    for key in [key for key in connections if key[0] == os.getpid()]:
        connections.pop(key)[0].close()


def _revision(connection: sqlite3.Connection) -> Any:  # noqa: ANN401 - whatever the file holds
    """The version of the registry's tables; None when it has none yet."""
    if not _execute(connection, "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return row[0] if row else BEFORE_FIRST


def _execute(
    connection: sqlite3.Connection, statement: str, parameters: Mapping[str, object] | None = None
) -> sqlite3.Cursor:
    """Run a statement that may have to wait for other connections, for up to two minutes.

    SQLite does not always wait by itself, for instance while another connection switches the file to its log.
    """
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return connection.execute(statement, parameters or {})
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.01)
