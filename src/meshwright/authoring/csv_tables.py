"""CSV files as input tables: loaded as text in the shape that was found, then understood row by row."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from meshwright.authoring.input_tables import InputColumn, InputTable, identifier, with_nulls
from meshwright.authoring.kind import as_kind
from meshwright.authoring.naming import distinct_names, valid_names
from meshwright.authoring.understanding import understand
from meshwright.engines.failures import located
from meshwright.model.datatype import VARCHAR, literal, quote
from meshwright.model.errors import InvalidInput
from meshwright.model.product import InputPort, Source
from meshwright.sources import csv_files, files
from meshwright.sources.csv_shape import Shape, shape
from meshwright.sources.unpacking import readable

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from meshwright.authoring.places import Place
    from meshwright.authoring.understanding import Understanding, Understood


def look_at_csv(place: Place, name: str, connection: DuckDBPyConnection, unpacked: Path) -> InputTable:
    """The table in the CSV files at *place*, called *name* in queries. Raises InvalidInput, Unavailable."""
    first = place.names[0]
    found = shape(readable(place.base, first, unpacked, format="", encoding="utf-8"))
    if not found.names:
        raise InvalidInput(f"{place.told(first)}: the file is empty; write at least a header")
    decoded = readable(place.base, first, unpacked, format="csv", encoding=str(found.options["encoding"]))
    options = dict(found.options)
    outside = _columns(decoded, found, options, place.told(first))
    added = _added(place, options, outside, unpacked) if options["header"] else []
    found, outside = replace(found, names=(*found.names, *added)), [*outside, *added]
    raw = f"raw {name}"
    _load(place, options, outside, raw, connection=connection, unpacked=unpacked)
    understood = understand(connection, raw, outside)
    options["nulls"] = list(understood.nulls)
    connection.execute(f"CREATE VIEW {quote(name)} AS {_as_read(understood, raw)}")
    types = {column.name: column.read_as for column in understood.columns}
    return InputTable(
        title=place.source.address,
        port=InputPort(name=name, source=replace(place.source, options=_declared(found, understood, types))),
        columns=_selected(found, understood),
        rows=understood.rows,
        pin={"path": place.source.address, "format": "csv", "options": options, "columns": types},
        hints=_hints(found, place.told(first)),
    )


def _columns(path: Path, found: Shape, options: dict[str, Any], where: str) -> list[str]:
    """What the columns are called when the file is read: as its header says, or by our own names where it cannot."""
    return csv_files.header(path, options, where) or distinct_names(found.names)


def _added(place: Place, options: dict[str, Any], columns: list[str], unpacked: Path) -> list[str]:
    """The columns that files after the first have beyond its own *columns*, in the order in which they appear."""
    known = {name.lower() for name in columns}
    added = []
    for file in place.names[1:]:
        path = readable(place.base, file, unpacked, format="csv", encoding=str(options["encoding"]))
        for name in csv_files.header(path, options, place.told(file)):
            if name.lower() not in known:
                known.add(name.lower())
                added.append(name)
    return added


def _load(
    place: Place,
    options: dict[str, Any],
    columns: list[str],
    table: str,
    *,
    connection: DuckDBPyConnection,
    unpacked: Path,
) -> None:
    """Load the files at *place* as texts into *table*."""
    import duckdb

    texts = tuple((name, VARCHAR) for name in columns)
    source = Source(path=place.source.path, format="csv", options=options)
    select = files.scan(place.base, source, texts, unpacked=unpacked, files=place.names, connection=connection)
    try:
        connection.execute(f"CREATE TEMP TABLE {quote(table)} AS {select}")
    except duckdb.Error as error:
        raise place.translated(located(error, [select], connection)) from error


def _as_read(understood: Understanding, table: str) -> str:
    """A SELECT of *table* as the source's reader gives it: NULL for markers, converted where it converts."""
    markers = ", ".join(literal(one) for one in understood.nulls)
    parts = []
    for column in understood.columns:
        name = quote(column.name)
        # Empty texts are NULL already.
        text = f"CASE WHEN {name} IN ({markers}) THEN NULL ELSE {name} END" if len(understood.nulls) > 1 else name
        kind = column.read_as
        parts.append(f"{text if kind == str(VARCHAR) else f'TRY_CAST({text} AS {kind})'} AS {name}")
    return f"SELECT {', '.join(parts)} FROM {quote(table)}"


def _selected(found: Shape, understood: Understanding) -> tuple[InputColumn, ...]:
    originals = [name or column.name for name, column in zip(found.names, understood.columns, strict=True)]
    names = valid_names(originals)
    return tuple(
        InputColumn(
            original=original, name=name, expression=_expression(column), note=column.kind.note, doubt=column.kind.doubt
        )
        for original, name, column in zip(originals, names, understood.columns, strict=True)
    )


def _expression(column: Understood) -> str:
    text = with_nulls(identifier(column.name), column.own_nulls)
    if column.kind.converted:
        return column.kind.converted.replace("{c}", text)
    return as_kind(text, column.kind.type) if column.own_nulls and column.kind.type != VARCHAR else text


def _declared(found: Shape, understood: Understanding, types: dict[str, str]) -> dict[str, Any]:
    """The options that belong into the descriptor: what looking at the files anew would find otherwise."""
    options = dict(found.declared)
    if len(understood.nulls) > 1:
        options["nulls"] = list(understood.nulls)
    if options.get("header") is False:
        return {**options, "columns": types}
    own = {column.name: column.read_as for column in understood.columns if _is_ours(column)}
    return {**options, "columns": own} if own else options


def _is_ours(column: Understood) -> bool:
    """Whether a look at the file that knows less would find another type."""
    kept = column.kind.converted or column.own_nulls or column.kind.doubt or column.is_code
    return bool(kept) or column.kind.type.name == "DECIMAL"


def _hints(found: Shape, file: str) -> tuple[str, ...]:
    hints = []
    encoding = found.declared.get("encoding")
    if encoding:
        hints.append(
            f"{file} is not UTF-8: it is read as {encoding}; where letters look wrong, change encoding in product.yaml"
        )
    if found.declared.get("skip") and found.options["header"]:
        hints.append(f"the first {found.declared['skip']} lines of {file} stand before its header and are left out")
    return tuple(hints)
