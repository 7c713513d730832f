"""A reader's own DuckDB: opened for one read, able to open the files of that read and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshwright.engines.parquet_scan import exact

if TYPE_CHECKING:
    from collections.abc import Iterable


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
