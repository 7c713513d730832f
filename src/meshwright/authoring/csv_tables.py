"""CSV files as input tables: loaded as text in the shape that was found, then understood row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshwright.authoring.input_tables import InputColumn, InputTable, identifier, with_nulls
from meshwright.authoring.naming import free_name, valid_names
from meshwright.authoring.understanding import understand
from meshwright.engines.failures import located, translate
from meshwright.model.datatype import VARCHAR, literal, quote
from meshwright.model.errors import InvalidInput
from meshwright.model.product import InputPort, Source
from meshwright.sources import csv_files, files
from meshwright.sources.csv_sample import CsvSampler
from meshwright.sources.csv_shape import Shape, shape
from meshwright.sources.unpacking import readable

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from meshwright.authoring.understanding import Understanding, Understood

# So many rows tell how quotes are escaped.
ROWS_SNIFFED = 10_000


def look_at_csv(root: Path, source: Source, name: str, connection: DuckDBPyConnection, unpacked: Path) -> InputTable:
    """The table in the CSV files of *source*, called *name* in queries. Raises InvalidInput, NotFound, Unavailable."""
    listed = files.files(root, source)
    first = readable(root, listed[0], unpacked, format="", encoding="utf-8")
    found = shape(first)
    if not found.names:
        raise InvalidInput(f"{listed[0]}: the file is empty; write at least a header")
    decoded = readable(root, listed[0], unpacked, format="csv", encoding=str(found.options["encoding"]))
    options = {**found.options, **_quoting(decoded, found, connection)}
    outside = _columns(decoded, found, options, listed[0])
    _load(root, Source(path=source.path, format="csv", options=options), outside, connection, unpacked)
    understood = understand(connection, "raw", outside)
    options["nulls"] = list(understood.nulls)
    connection.execute(f"CREATE VIEW {quote(name)} AS {_as_read(understood)}")
    types = {column.name: column.read_as for column in understood.columns}
    return InputTable(
        title=source.path,
        port=InputPort(name=name, source=Source(path=source.path, options=_declared(found, understood, types))),
        columns=_selected(found, understood),
        rows=understood.rows,
        pin={"path": source.path, "format": "csv", "options": options, "columns": types},
        hints=_hints(found, listed),
    )


def _quoting(path: Path, found: Shape, connection: DuckDBPyConnection) -> dict[str, Any]:
    """What encloses values, and how it is escaped within them."""
    import duckdb

    known = {key: value for key, value in found.options.items() if key not in {"quote", "encoding"}}
    try:
        sniffed = CsvSampler(connection, ROWS_SNIFFED).dialect(path, known)
    except (duckdb.Error, InvalidInput):
        return {}  # reading every row says what is wrong, and where
    return {key: sniffed[key] for key in ("quote", "escape") if key in sniffed}


def _columns(path: Path, found: Shape, options: dict[str, Any], where: str) -> list[str]:
    """What the columns are called when the file is read: as its header says, or by our own names where it cannot."""
    names = csv_files.header(path, options, where)
    if names:
        return names
    own: list[str] = []
    for index, name in enumerate(found.names, 1):
        taken = [one.lower() for one in own]
        free = free_name((name or f"column_{index}").lower(), taken)
        own.append(name if name and free == name.lower() else free)
    return own


def _load(root: Path, source: Source, columns: list[str], connection: DuckDBPyConnection, unpacked: Path) -> None:
    """Load the files as texts into the table `raw`; a view where they are too large to be kept."""
    import duckdb

    texts = tuple((name, VARCHAR) for name in columns)
    select = files.scan(root, source, texts, unpacked=unpacked, connection=connection)
    try:
        connection.execute(f"CREATE TEMP TABLE raw AS {select}")
    except duckdb.Error as error:
        raise translate(located(error, [select], connection)) from error


def _as_read(understood: Understanding) -> str:
    """A SELECT of the table `raw` as the source's reader gives it: NULL for markers, converted where it converts."""
    markers = ", ".join(literal(one) for one in understood.nulls)
    parts = []
    for column in understood.columns:
        name = quote(column.name)
        text = f"CASE WHEN {name} IN ({markers}) THEN NULL ELSE {name} END"
        kind = column.read_as
        parts.append(f"{text if kind == str(VARCHAR) else f'TRY_CAST({text} AS {kind})'} AS {name}")
    return f"SELECT {', '.join(parts)} FROM raw"


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
    return f"CAST({text} AS {column.kind.type})" if column.own_nulls and column.kind.type != VARCHAR else text


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


def _hints(found: Shape, listed: list[str]) -> tuple[str, ...]:
    hints = []
    encoding = found.declared.get("encoding")
    if encoding:
        hints.append(
            f"{listed[0]} is not UTF-8: it is read as {encoding}; where letters look wrong, change encoding in product.yaml"
        )
    if found.declared.get("skip") and found.options["header"]:
        hints.append(
            f"the first {found.declared['skip']} lines of {listed[0]} stand before its header and are left out"
        )
    return tuple(hints)
