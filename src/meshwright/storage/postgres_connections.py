"""Connections to PostgreSQL: opened as they are needed, kept while idle, and what fails told with what helps."""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote

from meshwright.model.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONNECT_SECONDS_MAX: Final = 10
IDLE_MAX: Final = 4
# What holds for every connection: one schema, bounded waiting, and commits that are on the disk when they return. A
# process that stops in the middle of a write gives its lock back after a minute.
SETTINGS: Final = """
    SELECT set_config('search_path', quote_ident(coalesce(nullif(%(schema)s, ''), current_schema())), false),
        set_config('lock_timeout', '120s', false),
        set_config('idle_in_transaction_session_timeout', '60s', false),
        CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END
"""
# By SQLSTATE: see https://www.postgresql.org/docs/current/errcodes-appendix.html
CAUSES: Final = {
    "25006": ("the server is read-only", "name the primary server in mesh.yaml, or wait until it is writable"),
    "25P03": ("this process stood still in the middle of a write", "run again"),
    "3F000": ("there is no schema to make tables in", "name one in mesh.yaml: add ?schema=mesh to the registry's URL"),
    "40001": ("others wrote at the same time", "run again"),
    "40P01": ("others wrote at the same time", "run again"),
    "42501": ("permission is denied", "grant the role the right to use and make tables in the schema"),
    "42P01": ("a table is missing", "restore the database from a backup"),
    "53100": ("the server's disk is full", "free some space there and run again"),
    "53200": ("the server has no memory left", "run again when it has less to do"),
    "53300": ("the server has no connection left", "run fewer commands at once, or raise its max_connections"),
    "55P03": ("others have kept writing for too long", "run again when they are done"),
    "57014": ("the server ended the statement", "run again, or raise the role's statement_timeout"),
}
UNREACHED: Final = ("it cannot be reached", "check that the server runs, and `registry` in mesh.yaml")
REFUSED: Final = ("the server refuses the connection", "check user, password and database of `registry` in mesh.yaml")
LOST: Final = ("the connection was lost", "run again when the server is back")
UNSURE: Final = (
    "the connection was lost while the change was committed",
    "see with `mesh status` whether it is there, then run again",
)

Result = TypeVar("Result")


class Connections:
    """The connections of one process to the database at *url*; opens none before it is asked. Safe between threads."""

    def __init__(self, url: str) -> None:
        self._url, self.schema = _without_schema(url)
        self._idle: dict[int, list[Any]] = {}
        self._lock = threading.Lock()
        # Whoever forgets to close leaves no connection behind.
        weakref.finalize(self, _close_all, self._idle)

    @property
    def place(self) -> str:
        """The URL without user, password and parameters, as messages name it."""
        scheme, _, rest = self._url.partition("://")
        return f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}" + (
            f" (schema {self.schema})" if self.schema else ""
        )

    def run(self, work: Callable[[Any], Result], *, keep: bool = False) -> Result:
        """What *work* makes of a connection, which is then given back unless the caller wants to *keep* it.

        A connection that broke while it lay idle, as when the server was started anew, is replaced by a fresh one.
        """
        connection = self._take()
        fresh = connection is None
        if fresh:
            connection = self._open()
        try:
            result = work(connection)
        except BaseException:
            was_broken = connection.broken
            connection.close()
            if fresh or not was_broken:
                raise
            # The others lay idle as long as this one.
            self.close()
            return self.run(work, keep=keep)
        if not keep:
            self.give_back(connection)
        return result

    def give_back(self, connection: Any) -> None:  # noqa: ANN401 - likewise
        """Keep *connection* for the next who needs one."""
        with self._lock:
            idle = self._idle.setdefault(os.getpid(), [])
            if len(idle) < IDLE_MAX:
                idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close what this process keeps; a parent's connections are its own to close."""
        with self._lock:
            _close_all(self._idle)

    def open_for_upgrade(self) -> Any:  # noqa: ANN401 - likewise
        """A connection that begins transactions by itself, as SQLAlchemy expects of its driver."""
        connection = self._open()
        connection.autocommit = False
        return connection

    def _take(self) -> Any:  # noqa: ANN401 - likewise
        with self._lock:
            # A connection must not cross a fork; the child opens its own.
            idle = self._idle.setdefault(os.getpid(), [])
            return idle.pop() if idle else None

    def _open(self) -> Any:  # noqa: ANN401 - likewise
        psycopg = _psycopg()
        is_told = "connect_timeout" in self._url or "PGCONNECT_TIMEOUT" in os.environ
        given = {} if is_told else {"connect_timeout": CONNECT_SECONDS_MAX}
        connection = psycopg.connect(
            self._url, autocommit=True, client_encoding="UTF8", application_name="meshwright", **given
        )
        try:
            connection.execute(SETTINGS, {"schema": self.schema})
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def reported(self, doing: str, *, committing: bool = False) -> Iterator[None]:
        """Raise Unavailable, with the database and what helps, for whatever PostgreSQL or the network refuses inside."""
        psycopg = _psycopg()
        try:
            yield
        except psycopg.Error as error:
            raise self._unavailable(error, doing, committing=committing) from error

    def _unavailable(self, error: Any, doing: str, *, committing: bool) -> Unavailable | InvalidInput:  # noqa: ANN401 - likewise
        psycopg = _psycopg()
        state, text = error.sqlstate or "", " ".join(str(error).split())
        if not state and (isinstance(error, psycopg.ProgrammingError) or text.startswith("connection is bad: invalid")):
            # The message may repeat a part of the URL, and where that is misspelt the part may be a secret.
            return InvalidInput(
                f"the registry {self.place} cannot be used: its URL is not understood; "
                "write postgresql://user@host:5432/database"
            )
        if state in CAUSES:
            cause, remedy = CAUSES[state]
            cause = f"{cause} ({error.diag.message_primary})"
        elif isinstance(error, psycopg.OperationalError) and (not state or state.startswith(("57P", "08"))):
            cause, remedy = _connection_failure(text, committing=committing)
            cause = f"{cause} ({text})"
        else:
            cause, remedy = text, "correct that and run again"
        return Unavailable(f"cannot {doing} the registry {self.place}: {cause}; {remedy}")


def _close_all(idle: dict[int, list[Any]]) -> None:
    for connection in idle.pop(os.getpid(), []):
        connection.close()


def _connection_failure(text: str, *, committing: bool) -> tuple[str, str]:
    if text.startswith(("connection failed", "failed to resolve", "connection timeout")):
        return REFUSED if "FATAL: " in text and "starting up" not in text else UNREACHED
    return UNSURE if committing else LOST


def _without_schema(url: str) -> tuple[str, str]:
    """*url* as libpq knows it, and the schema that it names; "" when it names none."""
    place, _, parameters = url.partition("?")
    named = [part for part in parameters.split("&") if part.startswith("schema=")]
    others = "&".join(part for part in parameters.split("&") if part and part not in named)
    schema = unquote(named[-1].removeprefix("schema=")) if named else ""
    return f"{place}?{others}" if others else place, schema


def _psycopg() -> Any:  # noqa: ANN401 - imported lazily
    try:
        import psycopg
    except ImportError as error:
        raise InvalidInput(
            "a registry in PostgreSQL needs psycopg, which is not installed; install Meshwright with its extra: "
            "pip install 'meshwright[postgresql]'"
        ) from error
    return psycopg
