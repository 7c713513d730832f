"""ADBC's own layer below its Python DBAPI: that one imports every data frame library that is installed, for seconds."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from meshwright.sources.extras import required

if TYPE_CHECKING:
    from collections.abc import Iterator


class AdbcSession:
    """One connection in one transaction, which is never committed."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - an AdbcConnection
        self._connection = connection
        # Rows are read after the call that asked for them: their statement must live as long.
        self._statements: list[Any] = []

    def run(self, sql: str) -> None:
        """Run a statement without rows."""
        statement = self._statement(sql)
        statement.execute_update()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a small query."""
        table = self.batches(sql).read_all()
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True)) if table.num_columns else []

    def batches(self, sql: str) -> Any:  # noqa: ANN401 - a RecordBatchReader of pyarrow
        """The rows of a query, read as they are asked for."""
        import pyarrow as pa

        handle, _ = self._statement(sql).execute_query()
        return pa.RecordBatchReader.from_stream(handle)

    def schema(self, sql: str) -> Any:  # noqa: ANN401 - a Schema of pyarrow
        """The columns of a query that is not run."""
        import pyarrow as pa

        return pa.schema(self._statement(sql).execute_schema())

    def close(self) -> None:
        """Give everything back; the transaction ends without a trace."""
        for statement in self._statements:
            statement.close()

    def _statement(self, sql: str) -> Any:  # noqa: ANN401 - an AdbcStatement
        import adbc_driver_manager

        statement = adbc_driver_manager.AdbcStatement(self._connection)
        self._statements.append(statement)
        statement.set_sql_query(sql)
        return statement


@contextlib.contextmanager
def session(driver: str, uri: str, *, extra: str, what: str) -> Iterator[AdbcSession]:
    """A session of the *driver* module at *uri*. Raises Unavailable naming the *extra* to install for *what*."""
    module = required(driver, extra=extra, what=what)
    import adbc_driver_manager as adbc

    with contextlib.ExitStack() as stack:
        database = module.connect(uri)
        stack.callback(_close, database)
        connection = adbc.AdbcConnection(database)
        stack.callback(_close, connection)
        connection.set_autocommit(False)
        opened = AdbcSession(connection)
        stack.callback(_close, opened)
        yield opened


def errors() -> tuple[type[Exception], ...]:
    """What drivers, and the readers of their rows, raise."""
    import adbc_driver_manager
    import pyarrow as pa

    return adbc_driver_manager.Error, pa.ArrowException, OSError, UnicodeError


def _close(one: Any) -> None:  # noqa: ANN401 - anything with close
    # A connection that broke says so once more when it is closed.
    with contextlib.suppress(*errors(), RuntimeError):
        one.close()
