"""A reader's own DuckDB: opened for one read, able to open the files of that read and nothing else; and ours for writing them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from meshwright.engines.interruption import TookTooLongError, at_most, interruptible
from meshwright.engines.parquet_file import write
from meshwright.engines.parquet_scan import exact
from meshwright.model.datatype import literal, quote
from meshwright.reading.arrow_batches import cleaned
from meshwright.reading.restricted_scan import NOTHING
from meshwright.storage.durable import reported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from meshwright.model.publication import Field

BATCH_ROWS: Final = 1_000_000


def open_session(files: Iterable[str]) -> Any:  # noqa: ANN401 - duckdb is imported lazily
    """An in-memory DuckDB connection in UTC that may read *files* (absolute paths) and touch nothing else."""
    import duckdb

    connection = duckdb.connect(":memory:")
    # A setting of the session would not reach its cursors.
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    # A scan names a file by a pattern that matches only it; both have to be allowed where the two differ.
    connection.execute("SET allowed_paths = ?", [sorted({name for file in files for name in (file, exact(file))})])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET lock_configuration = true")
    return connection


@contextmanager
def _writer() -> Iterator[Any]:
    """An engine of ours in UTC, which restricts files and writes what is left."""
    import duckdb

    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    try:
        connection.execute("SET GLOBAL TimeZone = 'UTC'; SET arrow_lossless_conversion = true")
        yield connection
    finally:
        connection.close()


def write_governed(select: str, path: Path, fields: tuple[Field, ...]) -> int:
    """Write what *select* leaves of some files, the columns *fields*, to *path*; how many rows. Raises duckdb.Error."""
    with _writer() as connection:
        return interruptible(lambda: write(connection, select, path, fields, is_copy=True), connection.interrupt)


def is_readable(path: Path, *, seconds: float) -> bool:
    """Whether every row of the Parquet file at *path* can be read, as far as one gets in *seconds*."""
    import duckdb

    with _writer() as connection:
        try:
            with at_most(seconds, connection.interrupt) as is_late:
                reader = connection.from_parquet(exact(str(path))).to_arrow_reader(BATCH_ROWS)
                while not is_late() and next(reader, None) is not None:
                    pass
        except TookTooLongError:
            return True
        except (duckdb.Error, OSError, ValueError):
            # What fails in a later batch comes through Arrow.
            return False
    return True


def write_table(table: Any, path: Path) -> None:  # noqa: ANN401 - pyarrow is imported lazily
    """Write a pyarrow Table, whose columns are of types that are stored, to *path*. Raises duckdb.Error."""
    with _writer() as connection:
        connection.register("result", table)
        connection.execute(f"COPY (SELECT * FROM result) TO {literal(str(path))} (FORMAT parquet)")


def extracted(
    scan: str,
    visible: tuple[Field, ...],
    used: Sequence[str],
    path: Path,
    name: str,
    *,
    seconds: float,
    order: str = "",
) -> str:
    """Write the *used* columns of *scan*, which yields those *visible*, to *path* as an Arrow file, for a table called *name*, in *order*.

    The result is a SELECT over that table which has all columns again; what is not used is NULL there. Raises duckdb.Error,
    Unavailable, TookTooLongError after *seconds*. (To Parquet the same rows take three times as long.)
    """
    kept = [one for one in visible if one.name in used] or list(visible[:1])
    names = ", ".join(quote(one.name) for one in kept) or NOTHING
    select = f"SELECT {names} FROM ({scan})" + (f" ORDER BY {order}" if order else "")
    with _writer() as connection, at_most(seconds, connection.interrupt) as is_late, reported(path, "write"):
        interruptible(lambda: _write_arrow(connection, select, path, is_late), connection.interrupt)
    columns = [quote(one.name) if one in kept else f"CAST(NULL AS {one.type}) AS {quote(one.name)}" for one in visible]
    return f"SELECT {', '.join(columns) or NOTHING} FROM {quote(name)}"


def _write_arrow(connection: Any, select: str, path: Path, is_late: Callable[[], bool]) -> None:  # noqa: ANN401 - duckdb is imported lazily
    import pyarrow as pa

    reader = connection.sql(select).to_arrow_reader(BATCH_ROWS)
    with path.open("wb") as file, pa.ipc.new_file(file, reader.schema) as sink:
        for batch in reader:
            sink.write_batch(cleaned(batch))
            if is_late():
                return
