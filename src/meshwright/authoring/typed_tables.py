"""Sources that know their columns' types, as input tables: Parquet, JSON, Arrow, databases, sheets of a workbook."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from meshwright.authoring.input_tables import InputColumn, InputTable, identifier, plain_columns, with_nulls
from meshwright.authoring.kind import as_kind
from meshwright.authoring.naming import distinct_names
from meshwright.authoring.understanding import understand
from meshwright.engines.failures import located
from meshwright.model.datatype import VARCHAR, quote
from meshwright.model.errors import InvalidInput, MeshwrightError
from meshwright.model.product import InputPort, Source
from meshwright.sources import Sample, files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from meshwright.authoring.places import Place
    from meshwright.authoring.understanding import Understood

# So many lines at the top of a sheet may be titles and notes.
TITLES_MAX = 12
TIMES = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"})


def look_at_typed(place: Place, name: str, connection: DuckDBPyConnection, unpacked: Path) -> InputTable:
    """The table at *place*, called *name* in queries. Raises InvalidInput, Unavailable."""
    if place.columns:
        found = Sample(format=place.format, columns=place.columns)
    else:
        source = replace(place.source, format=place.source.format or place.format)
        found = files.sample(place.base, source, connection, unpacked=unpacked, files=place.names)
    select = _scan(place, found, connection, unpacked)
    # Parquet is read again faster than it is kept; so are Arrow files, which were made Parquet.
    kept = "TEMP VIEW" if found.format in {"parquet", "arrow"} else "TEMP TABLE"
    connection.execute(f"CREATE {kept} {quote(name)} AS {select}")
    return _table(place, found, name, _finite(plain_columns(found.columns), found, name, connection), connection)


def look_at_sheet(place: Place, sheet: str, name: str, connection: DuckDBPyConnection, unpacked: Path) -> InputTable:
    """The table on the *sheet* of the workbook at *place*; texts in it are understood as those of a CSV file are."""
    source = _with(place.source, sheet=sheet)
    source = _below_titles(replace(place, source=source), connection, unpacked)
    place = replace(place, source=source)
    found = files.sample(place.base, source, connection, unpacked=unpacked, files=place.names)
    raw = f"raw {name}"
    for _ in range(2):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {quote(raw)} AS {_scan(place, found, connection, unpacked)}")
        texts = [column for column, kind in found.columns if kind == VARCHAR]
        understood = understand(connection, raw, texts)
        nulls = [marker for marker in understood.nulls if marker]
        if not nulls or "nulls" in place.source.options:
            break
        # Without its words for nothing a column of numbers is one.
        place = replace(place, source=_with(place.source, nulls=nulls))
        found = files.sample(place.base, place.source, connection, unpacked=unpacked, files=place.names)
    connection.execute(f"CREATE VIEW {quote(name)} AS FROM {quote(raw)}")
    by_name = {one.name: one for one in understood.columns}
    columns = tuple(_converted(column, by_name.get(column.original)) for column in plain_columns(found.columns))
    table = _table(place, found, name, columns, connection)
    return replace(table, title=sheet)


def _below_titles(place: Place, connection: DuckDBPyConnection, unpacked: Path) -> Source:
    """The source with as many lines left out as stand above its header, and by position where names occur twice."""
    best: tuple[int, Source] | None = None
    for skip in range(TITLES_MAX):
        source = _with(place.source, **({"skip": skip} if skip else {}))
        try:
            found = files.sample(place.base, source, connection, unpacked=unpacked, files=place.names)
        except InvalidInput as error:
            if "twice" in str(error):
                return _by_position(replace(place, source=source), connection, unpacked)
            if best is None:
                raise
            break
        unnamed = sum(re.fullmatch(r"column\d+", column) is not None for column, _ in found.columns)
        if best is None or unnamed < best[0]:
            best = (unnamed, source)
        if unnamed * 2 <= len(found.columns):
            break
    return best[1] if best is not None else place.source


def _by_position(place: Place, connection: DuckDBPyConnection, unpacked: Path) -> Source:
    """The source without its header, in which a name occurs twice; its columns under names of their own."""
    header = _first_row(place, connection, unpacked)
    skip = int(place.source.options.get("skip", 0))
    while _first_row(replace(place, source=_with(place.source, skip=skip)), connection, unpacked) == header:
        # Empty lines above the header are lines, too.
        skip += 1
    source = _with(place.source, header=False, skip=skip)
    found = files.sample(place.base, source, connection, unpacked=unpacked, files=place.names)
    names = distinct_names("" if cell is None else str(cell) for cell in header)
    return _with(source, columns={name: str(kind) for name, (_, kind) in zip(names, found.columns, strict=True)})


def _first_row(place: Place, connection: DuckDBPyConnection, unpacked: Path) -> tuple[Any, ...]:
    place = replace(place, source=_with(place.source, header=False))
    found = files.sample(place.base, place.source, connection, unpacked=unpacked, files=place.names)
    return connection.execute(f"{_scan(place, found, connection, unpacked)} LIMIT 1").fetchone() or ()


def _with(source: Source, **options: Any) -> Source:  # noqa: ANN401 - options are of any type
    return replace(source, options={**source.options, **options})


def _scan(place: Place, found: Sample, connection: DuckDBPyConnection, unpacked: Path) -> str:
    """A SELECT of all rows, which has been tried on one."""
    import duckdb

    whole = replace(place.source, format=found.format, options={**found.options, **place.source.options})
    select = files.scan(place.base, whole, found.columns, unpacked=unpacked, files=place.names, connection=connection)
    try:
        connection.execute(f"SELECT * FROM ({select}) LIMIT 1").fetchall()
    except duckdb.Error as error:
        raise place.translated(located(error, [select], connection)) from error
    return select


def _table(
    place: Place, found: Sample, name: str, columns: tuple[InputColumn, ...], connection: DuckDBPyConnection
) -> InputTable:
    row = connection.execute(f"SELECT count(*) FROM {quote(name)}").fetchone()
    types = {column: str(kind) for column, kind in found.columns}
    options: dict[str, Any] = {**found.options, **place.source.options}
    return InputTable(
        title=place.source.address,
        port=InputPort(name=name, source=place.source),
        columns=columns,
        rows=int(row[0]) if row else 0,
        is_table=bool(place.columns),
        pin={"path": place.source.address, "format": found.format, "options": options, "columns": types},
    )


def _finite(
    columns: tuple[InputColumn, ...], found: Sample, name: str, connection: DuckDBPyConnection
) -> tuple[InputColumn, ...]:
    """*columns* with NULL for infinite days and moments, where there are any: no open table format has them."""
    times = [column for column, kind in found.columns if kind.name in TIMES]
    if not times:
        return columns
    parts = ", ".join(f"coalesce(bool_or(NOT isfinite({quote(column)})), false)" for column in times)
    row = connection.execute(f"SELECT {parts} FROM {quote(name)}").fetchone() or ()
    infinite = {column for column, is_infinite in zip(times, row, strict=True) if is_infinite}
    return tuple(
        replace(
            column,
            expression=f"CASE WHEN isfinite({column.expression}) THEN {column.expression} END",
            doubt="it has infinite times, which no table holds: the query makes them NULL",
        )
        if column.original in infinite
        else column
        for column in columns
    )


def _converted(column: InputColumn, understood: Understood | None) -> InputColumn:
    """*column* of a sheet with the conversion that its texts need: the reader of workbooks has none."""
    if understood is None:
        return column
    kind = understood.kind
    text = with_nulls(identifier(column.original), understood.own_nulls)
    if kind.converted:
        text = kind.converted.replace("{c}", text)
    elif kind.type != VARCHAR:
        text = as_kind(text, kind.type)
    return replace(column, expression=text, note=kind.note, doubt=kind.doubt)


def sheets_of(
    place: Place, names: Sequence[tuple[str, str]], connection: DuckDBPyConnection, unpacked: Path
) -> Iterator[InputTable | tuple[str, MeshwrightError]]:
    """The table on each sheet of *names* (sheet, name in queries), or the sheet and why it has none."""
    for sheet, name in names:
        try:
            yield look_at_sheet(place, sheet, name, connection, unpacked)
        except InvalidInput as error:
            yield sheet, error
