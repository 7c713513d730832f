"""A reader's own DuckDB: opened for one read, able to open the files of that read and nothing else; and ours for writing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshwright.engines.interruption import interruptible
from meshwright.engines.parquet_file import write
from meshwright.engines.parquet_scan import exact, parquet
from meshwright.model.datatype import DataType, quote
from meshwright.model.publication import Field
from meshwright.reading.restricted_scan import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def open_session(files: Iterable[str], *, threads: int = 0) -> Any:  # noqa: ANN401 - duckdb is imported lazily
    """An in-memory DuckDB connection in UTC that may read *files* (absolute paths) and touch nothing else."""
    import duckdb

    connection = duckdb.connect(":memory:")
    # A setting of the session would not reach its cursors.
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    if threads:
        connection.execute(f"SET threads = {threads}")
    # A scan names a file by a pattern that matches only it; both have to be allowed where the two differ.
    connection.execute("SET allowed_paths = ?", [sorted({name for file in files for name in (file, exact(file))})])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET lock_configuration = true")
    return connection


def write_governed(select: str, path: Path, fields: tuple[Field, ...]) -> int:
    """Write what *select* leaves of some files, the columns *fields*, to *path*; how many rows. Raises duckdb.Error."""
    import duckdb

    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    try:
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        return interruptible(lambda: write(connection, select, path, fields), connection.interrupt)
    finally:
        connection.close()


def extracted(scan: str, visible: tuple[Field, ...], used: Sequence[str], path: Path) -> str:
    """Write the *used* columns of *scan*, which yields those *visible*, to *path*: a SELECT that has them all again.

    What is not used is NULL there.
    """
    nothing = Field(id=1, name=NOTHING, type=DataType("INTEGER"))
    kept = tuple(one for one in visible if one.name in used) or visible[:1] or (nothing,)
    write_governed(f"SELECT {', '.join(quote(one.name) for one in kept)} FROM ({scan})", path, kept)
    columns = [
        quote(one.name) if one in kept else f"CAST(NULL AS {one.type}) AS {quote(one.name)}"
        for one in visible or (nothing,)
    ]
    return f"SELECT {', '.join(columns)} FROM {parquet([str(path)])}"
