"""Parquet files from outside: read by column name, cast only where nothing can get lost unnoticed."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from meshwright.engines.casts import Lossy, cast_sql
from meshwright.engines.parquet_scan import parquet
from meshwright.model.datatype import DataType, quote
from meshwright.model.errors import InvalidInput
from meshwright.sources.drift import drift_told

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from meshwright.engines import Columns


def columns(path: Path, connection: DuckDBPyConnection) -> Columns:
    """The columns of the file at *path*, as DuckDB reads them. Raises InvalidInput for a type that nothing here knows."""
    read = f"DESCRIBE SELECT * FROM {parquet([str(path)])}"
    return tuple((row[0], _type(row[0], row[1], path)) for row in connection.execute(read).fetchall())


def _type(column: str, kind: str, path: Path) -> DataType:
    try:
        return DataType.parse(kind)
    except ValueError as error:
        raise InvalidInput(
            f"{path}: column {column} is of type {kind}, which cannot be read; write the file without it, or as text"
        ) from error


def scan(paths: Sequence[tuple[str, Path]], wanted: Columns, connection: DuckDBPyConnection) -> str:
    """A SELECT of *wanted* from the files (name, readable path), in their order.

    Raises InvalidInput when no file has a wanted column, or has it with a type that cannot become the wanted one.
    """
    have = [(columns(path, connection), path, name) for name, path in paths]
    known = {column.lower() for found, _, _ in have for column, _ in found}
    missing = [column for column, _ in wanted if column.lower() not in known]
    if missing:
        listed = ", ".join(column for column, _ in have[0][0][:20])
        raise InvalidInput(
            f"{have[0][2]}: the file has no column {', '.join(missing)}; it has {listed}{drift_told(wanted, have[0][0])}"
        )
    runs = ((found, [(path, name) for _, path, name in run]) for found, run in groupby(have, key=lambda item: item[0]))
    return " UNION ALL ".join(_select(found, run, wanted) for found, run in runs)


def _select(found: Columns, run: Sequence[tuple[Path, str]], wanted: Columns) -> str:
    by_name = {name.lower(): (name, kind) for name, kind in found}
    parts = []
    for name, kind in wanted:
        have = by_name.get(name.lower())
        try:
            value = f"CAST(NULL AS {kind})" if have is None else cast_sql(quote(have[0]), have[1], kind)
        except Lossy as error:
            raise InvalidInput(
                f"{run[0][1]}: column {name} is {have and have[1]}, {kind} is expected: {error}{drift_told(wanted, found)}"
            ) from error
        parts.append(value if value == quote(name) else f"{value} AS {quote(name)}")
    return f"SELECT {', '.join(parts)} FROM {parquet([str(path) for path, _ in run])}"
