"""Parquet files: written with field ids, and what a fresh one holds (rows, bounds, null counts, a hash of each column's bytes)."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, Final

from meshwright.model.datatype import literal, quote
from meshwright.model.publication import ColumnStatistics, DataFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from meshwright.model.datatype import DataType
    from meshwright.model.publication import Field

ROW_GROUP_ROWS: Final = 122_880
# Small pages: less memory is asked of the system anew for each.
FAST: Final = "COMPRESSION_LEVEL 1, STRING_DICTIONARY_PAGE_SIZE_LIMIT 16384, DATA_PAGE_SIZE_LIMIT 2097152"
# Deltas and lengths instead of plain values: about a seventh less work; where a dictionary would be large they are as small
# and sooner written. Floats would be split into streams of bytes, which not every engine reads.
DELTAS: Final = "PARQUET_VERSION 'V2', DICTIONARY_SIZE_LIMIT 2048"
FLOATS: Final = frozenset({"FLOAT", "DOUBLE"})
HASH_LETTERS: Final = 32
NUMBERS: Final = {"INTEGER", "BIGINT", "DECIMAL"}
# Times whose text sorts like their value; floats have no bounds here because footers leave NaN out.
TEXTS: Final = {"VARCHAR", "BOOLEAN"}
TIMES: Final = {"DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}
FOUR_DIGIT_YEAR: Final = re.compile(r"\d{4}-\d\d-\d\d(?! *\(BC\))|\d\d:\d\d:\d\d")

# One column of one row group: where its pages begin, their bytes, and what the footer says of its values.
FOOTER: Final = """
    SELECT column_id, least(coalesce(dictionary_page_offset, data_page_offset), data_page_offset),
        total_compressed_size, row_group_num_rows, stats_null_count, stats_min_value, stats_max_value,
        min_is_exact AND max_is_exact
    FROM parquet_metadata({path}) ORDER BY row_group_id, column_id
"""
Chunk = tuple[int, int, int, int, int | None, str | None, str | None, bool | None]


def write(
    connection: DuckDBPyConnection, select: str, path: Path, schema: tuple[Field, ...], *, is_copy: bool = False
) -> int:
    """Write what *select* yields, which is the columns of *schema*, to a new file at *path*; how many rows it has.

    A copy, which can be made again, is compressed less: hashes gain nothing by it. Not yet synced to disk. Raises duckdb.Error.
    """
    ids = ", ".join(_field_ids(field.name, field.type, iter((field.id, *field.nested_ids))) for field in schema)
    level = f", {FAST}" if is_copy else ""
    if is_copy and not any(_has_floats(field.type) for field in schema):
        level += f", {DELTAS}"
    options = f"FORMAT parquet, COMPRESSION zstd{level}, ROW_GROUP_SIZE {ROW_GROUP_ROWS}, FIELD_IDS {{{ids}}}"
    found = connection.execute(f"COPY ({select}) TO {literal(str(path))} ({options})").fetchone()
    return int(found[0]) if found else 0


def _has_floats(kind: DataType) -> bool:
    return kind.name in FLOATS or any(_has_floats(inner) for _, inner in kind.fields)


def _field_ids(name: str, kind: DataType, ids: Iterator[int]) -> str:
    """`"a": 1`, or for nested values `"a": {__duckdb_field_id: 1, element: 2}`; *ids* are depth-first."""
    number = next(ids)
    if not kind.is_nested:
        return f"{quote(name)}: {number}"
    labels = {"LIST": ("element",), "MAP": ("key", "value")}.get(kind.name, tuple(label for label, _ in kind.fields))
    inner = (_field_ids(label, part, ids) for label, (_, part) in zip(labels, kind.fields, strict=True))
    return f"{quote(name)}: {{__duckdb_field_id: {number}, {', '.join(inner)}}}"


def describe(path: Path, schema: tuple[Field, ...], connection: DuckDBPyConnection) -> DataFile:
    """The data file at *path*, which holds exactly *schema*; its path is absolute.

    A column's `content` is a hash of its type and of its pages' bytes in file order: equal hashes, equal values in the
    same order. SHA-256 was the fastest strong hash on processors that compute it in hardware.
    """
    from meshwright.engines.parquet_scan import exact

    chunks: defaultdict[int, list[Chunk]] = defaultdict(list)
    for chunk in connection.execute(FOOTER.format(path=literal(exact(str(path))))).fetchall():
        chunks[chunk[0]].append(chunk)
    columns: dict[int, ColumnStatistics] = {}
    leaf = 0
    with path.open("rb") as file:
        for field in schema:
            leaves = [chunks[leaf + offset] for offset in range(leaf_count(field.type))]
            leaf += len(leaves)
            columns[field.id] = _statistics(field.type, leaves, file)
    rows = sum(chunk[3] for chunk in chunks[0])
    return DataFile(path=str(path), rows=rows, bytes=path.stat().st_size, schema=schema, columns=columns)


def leaf_count(kind: DataType) -> int:
    """How many Parquet columns a value of *kind* takes."""
    return sum(leaf_count(inner) for _, inner in kind.fields) if kind.is_nested else 1


def _statistics(kind: DataType, leaves: Sequence[Sequence[Chunk]], file: IO[bytes]) -> ColumnStatistics:
    digest = hashlib.sha256(str(kind).encode())
    size = 0
    for chunks in leaves:
        for _, offset, length, rows, *_ in chunks:
            # Lengths are part of it, so that no byte can move from one chunk to the next unnoticed.
            digest.update(f"|{rows}:{length}|".encode())
            file.seek(offset)
            digest.update(file.read(length))
            size += length
    content = digest.hexdigest()[:HASH_LETTERS]
    if kind.is_nested:
        return ColumnStatistics(bytes=size, content=content)
    counts = [chunk[4] for chunk in leaves[0]]
    nulls = None if None in counts else sum(count or 0 for count in counts)
    lowest, highest = _bounds(kind, leaves[0])
    return ColumnStatistics(nulls=nulls, lowest=lowest, highest=highest, bytes=size, content=content)


def _bounds(kind: DataType, chunks: Sequence[Chunk]) -> tuple[str | None, str | None]:
    """The lowest and highest value of all row groups, or None when any group cannot tell."""
    lows, highs = [], []
    for _, _, _, rows, nulls, lowest, highest, is_exact in chunks:
        if nulls == rows:
            continue
        if lowest is None or highest is None or not is_exact:
            return None, None
        lows.append(lowest)
        highs.append(highest)
    order = _order(kind, [*lows, *highs])
    if order is None or not lows:
        return None, None
    return min(lows, key=order), max(highs, key=order)


def _order(kind: DataType, values: Sequence[str]) -> Callable[[str], Any] | None:
    """How values of *kind* sort when they are text; None when their text does not tell."""
    if kind.name in NUMBERS:
        return Decimal
    if kind.name in TEXTS or (kind.name in TIMES and all(FOUR_DIGIT_YEAR.match(value) for value in values)):
        return str
    return None
