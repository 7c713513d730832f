"""JSON arrays, single documents and newline-delimited JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshwright.engines.parquet_scan import exact, sql_list
from meshwright.model.datatype import VARCHAR, DataType, literal
from meshwright.model.errors import InvalidInput
from meshwright.sources.text_columns import select_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from meshwright.engines import Columns

# Read as they are: DuckDB's own conversion loses nothing, or they are nested.
NATIVE = {"VARCHAR", "DOUBLE", "BOOLEAN", "JSON", "TIMESTAMP WITH TIME ZONE"}


def columns(named: Sequence[tuple[str, Path]], format: str, connection: DuckDBPyConnection) -> Columns:  # noqa: A002 - the standards' word
    """The columns of all files together. Raises InvalidInput when they hold no objects."""
    files = sql_list([exact(str(path)) for _, path in named])
    read = f"read_json({files}, format = {_layout(format)}, union_by_name = true, sample_size = -1, records = 'auto')"
    found = [
        (row[0], DataType.parse(row[1])) for row in connection.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()
    ]
    if [name for name, _ in found] == ["json"] and not found[0][1].name == "STRUCT":
        raise InvalidInput(
            f'{named[0][0]}: no JSON objects in it; rows are objects such as {{"id": 1}}, in an array or one per line'
        )
    return tuple(found)


def scan(paths: Sequence[Path], format: str, wanted: Columns, options: Mapping[str, Any]) -> str:  # noqa: A002
    """A SELECT of *wanted* from the files, in their order; keys that are not wanted are left, absent ones are NULL."""
    read = {name: kind if kind.name in NATIVE or kind.is_nested else VARCHAR for name, kind in wanted}
    pairs = ", ".join(f"{literal(name)}: {literal(str(kind))}" for name, kind in read.items())
    formats = "".join(
        f", {argument} = {literal(str(options[key]))}"
        for key, argument in (("date_format", "dateformat"), ("timestamp_format", "timestampformat"))
        if options.get(key)
    )
    files = sql_list([exact(str(path)) for path in paths])
    source = (
        f"read_json({files}, format = {_layout(format)}, columns = {{{pairs}}}, hive_partitioning = false{formats})"
    )
    return select_text(source, read, wanted)


def _layout(format: str) -> str:  # noqa: A002
    return "'newline_delimited'" if format == "ndjson" else "'auto'"
